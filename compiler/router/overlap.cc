// Shapes form a trie. Two shapes can meet only if, from where they part, each pair of segments has
// a text in common, so the trie is walked against itself: first along equal segments, then, after a
// difference, in pairs. On the way it is noted which side was the more specific; only if both were
// is precedence decided by the order of segments alone. A catch-all is never the more specific
// side, which ends most walks into it at once.
#include "compiler/router/overlap.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "compiler/router/groups.h"
#include "compiler/router/pieces.h"
#include "compiler/router/shadow.h"
#include "compiler/router/shape_trie.h"
#include "runtime/router/format.h"

namespace gw::compiler::router {
namespace {

/// How two segments meet: a text of both, and which is the more specific.
struct Meeting {
  bool meets = false;
  bool first_better = false;
  bool second_better = false;
  bool proved = true;
  std::string text = {};
};

std::string example(const Segment& segment) {
  std::string out = segment.literals.front();
  for (size_t i = 1; i < segment.literals.size(); ++i) out += "x" + segment.literals[i];
  return out;
}

class Finder {
 public:
  Finder(const RouterInput& input, const OverlapLimits& limits)
      : limits_(limits),
        order_(input),
        grouped_(group_paths(input, order_)),
        shadows_(input, grouped_, order_) {}

  OverlapReport run() {
    for (const Group& group : grouped_.groups) compare_candidates(group);
    for (const HostGroups& host : grouped_.hosts) {
      find_shadowed(host);
      build_trie(host);
      walk_equal(0);
    }
    return std::move(report_);
  }

 private:
  const PathInput& input_of(u32 path) const { return *grouped_.paths[path].input; }
  PathPlace place_of(u32 path) const {
    const PathRef& from = grouped_.paths[path].from;
    return {from.host, from.path};
  }
  bool full() {
    if (report_.findings.size() < limits_.findings && steps_ < limits_.steps) return false;
    report_.truncated = true;
    return true;
  }

  // Within a shape ------------------------------------------------------------------------------

  void compare_candidates(const Group& group) {
    const size_t count = std::min<size_t>(group.paths.size(), limits_.candidates_per_group);
    if (count < group.paths.size()) report_.truncated = true;
    for (size_t a = 0; a < count; ++a) {
      for (size_t b = a + 1; b < count; ++b) {
        ++steps_;
        if (full()) return;
        compare_pair(*group.shape, group.paths[a], group.paths[b]);
      }
    }
  }

  void compare_pair(const PathTemplate& shape, u32 a, u32 b) {
    const std::string method = shared_method(input_of(a), input_of(b));
    if (method.empty()) return;
    const Relation relation = order_.relation(input_of(a), input_of(b));
    OverlapKind kind = OverlapKind::Ambiguous;
    if (relation == Relation::Equal) {
      kind = OverlapKind::Identical;
    } else if (relation != Relation::Overlap && relation != Relation::Unknown) {
      return;
    } else if (every_parameter_is_ordered(input_of(a), input_of(b))) {
      kind = OverlapKind::OrderedOnlyByLeftmost;
    }
    unordered_.insert({a, b});
    OverlapFinding finding{kind, place_of(a), place_of(b), method,
                           candidate_witness(shape, input_of(a), input_of(b))};
    finding.proved = relation != Relation::Unknown;
    report_.findings.push_back(std::move(finding));
  }

  bool every_parameter_is_ordered(const PathInput& a, const PathInput& b) {
    const size_t count = std::max(a.constraints.size(), b.constraints.size());
    for (size_t i = 0; i < count; ++i) {
      const Relation relation = order_.relation(constraint_of(a, i), constraint_of(b, i));
      if (relation == Relation::Overlap || relation == Relation::Unknown) return false;
    }
    return true;
  }

  static std::string shared_method(const PathInput& a, const PathInput& b) {
    for (const MethodRoute& x : a.methods) {
      for (const MethodRoute& y : b.methods) {
        if (x.method != y.method) continue;
        if (x.method != http::Method::Other) return std::string(http::method_name(x.method));
        if (x.text == y.text) return x.text;
      }
    }
    return a.any_route && b.any_route ? "*" : "";
  }

  std::string candidate_witness(const PathTemplate& shape, const PathInput& a,
                                const PathInput& b) const {
    std::string out;
    size_t parameter = 0;
    for (const Segment& segment : shape.segments) {
      out += "/" + segment.literals.front();
      for (size_t i = 0; i < segment.names.size(); ++i, ++parameter) {
        const std::string value =
            order_.common_value(constraint_of(a, parameter), constraint_of(b, parameter));
        if (value.empty()) return "";
        append_encoded(out, value);
        out += segment.literals[i + 1];
      }
    }
    return out;
  }

  // Paths whose requests all go to others -----------------------------------------------------

  void find_shadowed(const HostGroups& host) {
    shadows_.enter(host);
    for (const u32 id : host.groups) {
      const Group& group = grouped_.groups[id];
      if (group.shape->is_static()) continue;
      for (size_t i = 0; i < group.paths.size(); ++i) {
        if (full()) return;
        if (unordered_.count(group.paths[i]) == 0) find_shadow(group, i);
      }
    }
    report_.truncated |= shadows_.truncated();
  }

  void find_shadow(const Group& group, size_t place) {
    const u32 path = group.paths[place];
    std::vector<std::pair<std::string, Shadow>> found;
    std::vector<MethodRoute> methods = input_of(path).methods;
    if (input_of(path).any_route) methods.push_back({.method = http::Method::Other, .text = "*"});
    for (const MethodRoute& method : methods) {
      std::vector<u32> earlier;
      for (size_t i = 0; i < place; ++i) {
        if (serves(input_of(group.paths[i]), method)) earlier.push_back(group.paths[i]);
      }
      if (earlier.empty() && !asks(path, group)) continue;
      if (auto shadow = shadows_.find(group, path, earlier)) {
        found.emplace_back(text_of(method), std::move(*shadow));
      }
    }
    const bool whole = !found.empty() && found.size() == methods.size();
    if (whole) found.resize(1);
    for (auto& [method, shadow] : found) add_shadow(path, method, shadow, !whole);
  }

  void add_shadow(u32 path, const std::string& method, const Shadow& shadow, bool one_method) {
    OverlapFinding finding{OverlapKind::Unreachable, place_of(shadow.winners[0]), place_of(path),
                           method, shadow.witness};
    finding.one_method = one_method;
    for (size_t i = 1; i < shadow.winners.size(); ++i) {
      finding.further_winners.push_back(place_of(shadow.winners[i]));
    }
    report_.findings.push_back(std::move(finding));
  }

  /// Whether a path asks anything of its values. One that does not has more of them than all
  /// other shapes could name.
  bool asks(u32 path, const Group& group) const {
    for (size_t i = 0; i < group.shape->names().size(); ++i) {
      if (accepted_values(input_of(path), i).kind == Constraint::Kind::Dfa) return true;
    }
    return false;
  }

  static std::string text_of(const MethodRoute& method) {
    if (method.method == http::Method::Other) return method.text;
    return std::string(http::method_name(method.method));
  }

  static bool serves(const PathInput& path, const MethodRoute& wanted) {
    if (path.any_route) return true;
    return std::any_of(path.methods.begin(), path.methods.end(), [&](const MethodRoute& it) {
      return it.method == wanted.method && it.text == wanted.text;
    });
  }

  // Between shapes ------------------------------------------------------------------------------

  void build_trie(const HostGroups& host) {
    nodes_.clear();
    for (const u32 id : host.groups) {
      const PathTemplate& shape = *grouped_.groups[id].shape;
      if (!shape.is_static())
        nodes_.add(shape, id);  // a static one is the more specific throughout
    }
  }

  void walk_equal(u32 root) {
    struct Step {
      u32 node = 0;
      std::string path;
    };
    std::vector<Step> stack = {{root, ""}};
    while (!stack.empty() && !full()) {
      const Step step = std::move(stack.back());
      stack.pop_back();
      const ShapeNode& node = nodes_[step.node];
      for (const auto& child : node.literals) {
        stack.push_back({child.node, step.path + "/" + example(*child.segment)});
      }
      for (size_t i = 0; i < node.others.size(); ++i) {
        const auto& child = node.others[i];
        stack.push_back({child.node, step.path + "/" + example(*child.segment)});
        State state{step.path, false, false, true, true};
        for (const auto& literal : node.literals) walk_child(literal, child, state);
        for (size_t k = 0; k < i; ++k) walk_child(node.others[k], child, state);
      }
    }
  }

  struct State {
    std::string path;  // of a request that both shapes have so far
    bool first_better = false;
    bool second_better = false;
    bool ordered = true;  // false: the first difference does not decide
    bool proved = true;
  };

  void walk_child(const ShapeNode::Child& a, const ShapeNode::Child& b, const State& state) {
    ++steps_;
    if (full()) return;
    Meeting meeting = meet(*a.segment, *b.segment);
    if (!meeting.meets) return;
    State next = state;
    const bool first_difference = !state.first_better && !state.second_better && state.ordered;
    next.path += "/" + meeting.text;
    next.first_better |= meeting.first_better;
    next.second_better |= meeting.second_better;
    next.proved &= meeting.proved;
    const bool same = !meeting.first_better && !meeting.second_better &&
                      a.segment->kind == b.segment->kind &&
                      a.segment->literals == b.segment->literals;
    if (first_difference && !same && meeting.first_better == meeting.second_better) {
      next.ordered = false;
    }
    if (a.segment->kind == SegmentKind::CatchAll) return absorb(a.node, b, next, false);
    if (b.segment->kind == SegmentKind::CatchAll) return absorb(b.node, a, next, true);
    walk_pair(a.node, b.node, next);
  }

  /// `catch_all` takes all that follows on the other side. It matters only if it was the more
  /// specific one before, or if nothing decides.
  void absorb(u32 catch_all, const ShapeNode::Child& other, const State& state, bool other_first) {
    const bool better = other_first ? state.second_better : state.first_better;
    if (!better && state.ordered) return;
    const auto found = shortest_end(other);
    if (!found) return;
    State next = state;
    next.path += found->second;
    (other_first ? next.first_better : next.second_better) = true;
    const u32 taking = *nodes_[catch_all].group;
    if (other_first) return add(found->first, taking, next);
    add(taking, found->first, next);
  }

  /// Any shape at or below a child, and the path from there.
  std::optional<std::pair<u32, std::string>> shortest_end(const ShapeNode::Child& child) {
    u32 at = child.node;
    std::string path;
    for (u32 depth = 0; depth <= gw::router::kMaxSegments; ++depth) {
      ++steps_;
      const ShapeNode& node = nodes_[at];
      if (node.group) return std::pair(*node.group, path);
      const auto& children = node.literals.empty() ? node.others : node.literals;
      if (children.empty()) return std::nullopt;
      path += "/" + example(*children.front().segment);
      at = children.front().node;
    }
    return std::nullopt;
  }

  void walk_pair(u32 a, u32 b, const State& state) {
    const ShapeNode& first = nodes_[a];
    const ShapeNode& second = nodes_[b];
    if (first.group && second.group) add(*first.group, *second.group, state);
    for (const auto& other : first.others) {
      for (const auto& child : second.literals) walk_child(other, child, state);
      for (const auto& child : second.others) walk_child(other, child, state);
    }
    for (const auto& other : second.others) {
      for (const auto& child : first.literals) walk_child(child, other, state);
    }
    // Equal literals: the fewer are looked up among the more.
    const bool swapped = first.literals.size() > second.literals.size();
    const auto& few = swapped ? second.literals : first.literals;
    const auto& many = swapped ? first.literals : second.literals;
    for (const auto& child : few) {
      const auto it = std::lower_bound(many.begin(), many.end(), child,
                                       [](const ShapeNode::Child& x, const ShapeNode::Child& y) {
                                         return x.segment->literals[0] < y.segment->literals[0];
                                       });
      if (it == many.end() || it->segment->literals != child.segment->literals) continue;
      walk_child(swapped ? *it : child, swapped ? child : *it, state);
    }
  }

  void add(u32 a, u32 b, const State& state) {
    if (full()) return;
    const Group& first = grouped_.groups[a];
    const Group& second = grouped_.groups[b];
    OverlapKind kind = OverlapKind::OrderedOnlyByLeftmost;
    if (!state.ordered) {
      kind = OverlapKind::Ambiguous;
    } else if (!state.first_better || !state.second_better) {
      return;
    }
    const bool first_wins = shape_precedes(*first.shape, *second.shape);
    const u32 winner = (first_wins ? first : second).paths[0];
    const u32 loser = (first_wins ? second : first).paths[0];
    OverlapFinding finding{kind, place_of(winner), place_of(loser), "", state.path};
    finding.proved = state.proved;
    report_.findings.push_back(std::move(finding));
  }

  Meeting meet(const Segment& a, const Segment& b) {
    const SegmentKind x = a.kind;
    const SegmentKind y = b.kind;
    if (x == SegmentKind::Literal && y == SegmentKind::Literal) {
      return {.meets = a.literals == b.literals, .text = a.literals[0]};
    }
    if (x == SegmentKind::Partial && y == SegmentKind::Partial) return meet_partials(a, b);
    const Segment& narrow = x <= y ? a : b;
    const Segment& wide = x <= y ? b : a;
    Meeting out{.text = example(narrow)};
    out.meets =
        wide.kind == SegmentKind::Partial ? segment_matches(wide, out.text) : !out.text.empty();
    out.first_better = x < y;
    out.second_better = y < x;
    return out;
  }

  Meeting meet_partials(const Segment& a, const Segment& b) {
    if (a.literals == b.literals) return {.meets = true, .text = example(a)};
    const auto key = std::pair(a.shape(), b.shape());
    if (const auto it = partials_.find(key); it != partials_.end()) return it->second;
    Meeting out;
    const auto first = dfa_of(a);
    const auto second = dfa_of(b);
    if (first.empty() || second.empty()) {
      out = {.meets = true, .proved = false, .text = example(a)};
    } else {
      regex::Common common = regex::common(first, second);
      out.meets = common.kind != regex::Common::Kind::Disjoint;
      out.proved = common.kind == regex::Common::Kind::Overlap;
      out.text = std::move(common.witness);
      out.first_better = out.meets && regex::contains(second, first);
      out.second_better = out.meets && regex::contains(first, second);
    }
    partials_.emplace(key, out);
    return out;
  }

  static std::vector<std::byte> dfa_of(const Segment& segment) {
    auto compiled =
        regex::compile(segment_pattern(segment), regex::Syntax::Re2, regex::Mode::Anchored);
    auto* found = std::get_if<regex::CompiledRegex>(&compiled);
    return found != nullptr ? std::move(found->dfa) : std::vector<std::byte>{};
  }

  const OverlapLimits limits_;
  ConstraintOrder order_;
  GroupedPaths grouped_;
  ShadowFinder shadows_;
  std::set<u32> unordered_;  // paths of which it is reported that nothing orders them
  OverlapReport report_;
  ShapeTrie nodes_;
  std::map<std::pair<std::string, std::string>, Meeting> partials_;
  u64 steps_ = 0;
};

}  // namespace

OverlapReport find_overlaps(const RouterInput& input, const OverlapLimits& limits) {
  return Finder(input, limits).run();
}

}  // namespace gw::compiler::router
