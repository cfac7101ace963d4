// Subset construction over segments.
//
// A state is the ordered list of groups that the segments read so far allow, the most specific
// first. It needs no edges when few are left (list), and everything behind a catch-all that has
// begun is cut off, since that one will match whatever follows. Three things keep the number of
// states near the size of the input:
//   - a state with many literals and many other templates is split: the literal edges leave the
//     others out, and the runtime tries both sides;
//   - partial patterns are not multiplied out: only the sets of them that one segment can match
//     together get an edge;
//   - a sub-automaton that outgrows four times its segments is taken back and becomes bit sets.
//
// Depth-first, so that what a taken-back state has made is exactly the tail of every array. The
// recursion is as deep as a template has segments.
#include "compiler/router/automaton.h"

#include <algorithm>
#include <set>
#include <unordered_map>

#include "compiler/regex/regex.h"
#include "compiler/router/states.h"
#include "runtime/router/format.h"
#include "runtime/table/dfa.h"

namespace gw::compiler::router {

namespace layout = gw::router;

namespace {

constexpr u32 kStatesPerSegment = 4;  // before a sub-automaton becomes bit sets
constexpr u32 kStatesFree = 64;
constexpr u64 kWorkPerSegment = 200;  // items handled, in all
constexpr u64 kWorkFree = 10'000'000;
constexpr u64 kMaxBitWords = 4'000'000;  // of one group of bit sets; beyond, a long list
constexpr size_t kMaxPatternStates = 20'000;
constexpr size_t kMaxMasks = 64;

struct VectorHash {
  size_t operator()(const std::vector<u32>& values) const {
    u64 hash = values.size();
    for (const u32 value : values) hash = (hash ^ value) * 0x9e3779b97f4a7c15u + (hash >> 29);
    return hash;
  }
};

}  // namespace

class HostAutomaton {
 public:
  HostAutomaton(Automaton& out, const std::vector<const Group*>& groups, u32 host)
      : out_(out), groups_(groups), host_(host), states_{groups} {}

  u32 run() {
    std::vector<Item> items;
    u64 segments = 0;
    for (u32 i = 0; i < groups_.size(); ++i) {
      items.push_back(make_item(i, kNormal));
      segments += groups_[i]->shape->segments.size();
    }
    out_.report_.segments += segments;
    work_limit_ = kWorkPerSegment * segments + kWorkFree;
    const u32 root = expand(std::move(items), 0, 0, ~size_t{0});
    report();
    return write_states(states_, root, out_.texts_, out_.words_);
  }

 private:
  struct Mark {  // sizes of the arrays when a state was begun
    size_t nodes = 0;
    size_t lists = 0;
    size_t bits = 0;
    size_t keys = 0;
  };
  /// The items of a state by what their next segment is, each in order.
  struct Parts {
    std::vector<std::pair<std::string_view, Item>> literals;  // sorted
    std::vector<Item> empty;                                  // on an empty segment
    std::vector<Item> partials;
    std::vector<Item> others;  // on any segment: parameters, catch-alls
    u32 end = layout::kNone;   // group
    u32 largest_literal = 0;
    size_t literal_count = 0;  // different ones
  };

  u32 expand(std::vector<Item> items, u32 depth, u32 splits, size_t outer_limit) {
    for (size_t i = 0; i < items.size(); ++i) {
      if (mode_of(items[i]) == kTail) items.resize(i + 1);
    }
    if (items.empty()) return layout::kNone;
    if (items.size() <= kMaxListed) return few(std::move(items), depth);
    std::vector<u32> key = items;
    key.push_back(depth << 4 | splits);
    if (const auto it = known_.find(key); it != known_.end()) return it->second;
    work_ += items.size();
    if (work_ > work_limit_) return add_bits(items, depth);

    const Mark mark{states_.nodes.size(), states_.lists.size(), states_.bits.size(), keys_.size()};
    u64 segments = 0;
    for (const Item item : items) {
      const u64 count = states_.shape(item).segments.size();
      segments += count > depth ? count - depth : 1;
    }
    const size_t limit = mark.nodes + kStatesPerSegment * segments + kStatesFree;
    states_.nodes.emplace_back();
    if (states_.nodes.size() > outer_limit) aborted_ = true;
    const bool built =
        !aborted_ && expand_edges(items, depth, splits, std::min(limit, outer_limit), mark.nodes);
    if (aborted_ && states_.nodes.size() > limit) {
      aborted_ = false;
      take_back(mark);
      return add_bits(items, depth);
    }
    if (aborted_) return layout::kNone;
    if (!built) {
      take_back(mark);
      return add_bits(items, depth);
    }
    const u32 target = layout::make_target(layout::kTagNode, static_cast<u32>(mark.nodes));
    keys_.push_back(known_.emplace(std::move(key), target).first->first);
    return target;
  }

  void take_back(const Mark& mark) {
    states_.nodes.resize(mark.nodes);
    states_.lists.resize(mark.lists);
    states_.bits.resize(mark.bits);
    for (size_t i = mark.keys; i < keys_.size(); ++i) known_.erase(keys_[i]);
    keys_.resize(mark.keys);
  }

  Parts part(const std::vector<Item>& items, u32 depth) const {
    Parts out;
    for (const Item item : items) {
      const u32 group = group_of(item);
      if (mode_of(item) != kNormal) {
        if (mode_of(item) == kTail && out.end == layout::kNone) out.end = states_.number(item);
        out.empty.push_back(make_item(group, kTail));
        out.others.push_back(make_item(group, kTail));
        continue;
      }
      const auto& segments = states_.shape(item).segments;
      if (segments.size() == depth) {
        if (out.end == layout::kNone) out.end = states_.number(item);
        continue;
      }
      const Segment& segment = segments[depth];
      switch (segment.kind) {
        case SegmentKind::Literal:
          if (segment.literals.front().empty()) {
            out.empty.push_back(item);
          } else {
            out.literals.emplace_back(segment.literals.front(), item);
            out.largest_literal = std::max(out.largest_literal, group);
          }
          break;
        case SegmentKind::Partial:
          out.partials.push_back(item);
          break;
        case SegmentKind::Parameter:
          out.others.push_back(item);
          break;
        case SegmentKind::CatchAll:
          out.empty.push_back(make_item(group, kTailEmpty));
          out.others.push_back(make_item(group, kTail));
          break;
      }
    }
    std::sort(out.literals.begin(), out.literals.end());
    for (size_t i = 0; i < out.literals.size(); ++i) {
      if (i == 0 || out.literals[i].first != out.literals[i - 1].first) ++out.literal_count;
    }
    return out;
  }

  static std::vector<Item> merged(const std::vector<Item>& a, const std::vector<Item>& b) {
    std::vector<Item> out;
    out.reserve(a.size() + b.size());
    std::merge(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(out));
    return out;
  }

  /// False: the state cannot be a node. May set aborted_.
  bool expand_edges(const std::vector<Item>& items, u32 depth, u32 splits, size_t limit,
                    size_t index) {
    const Parts parts = part(items, depth);
    BuildNode node;
    node.end = parts.end;
    // The patterns of this state, and the items of each.
    std::vector<std::vector<Item>> of_pattern;
    std::map<std::string, size_t> pattern_index;
    for (const Item item : parts.partials) {
      const Segment& segment = states_.shape(item).segments[depth];
      const auto [it, added] = pattern_index.try_emplace(segment.shape(), of_pattern.size());
      if (added) {
        node.patterns.push_back(&segment);
        of_pattern.emplace_back();
      }
      of_pattern[it->second].push_back(item);
    }
    if (node.patterns.size() > layout::kMaxPatterns) return false;
    const size_t others = parts.partials.size() + parts.others.size();
    node.split =
        splits < layout::kMaxSplits && others * parts.literal_count > 8 * items.size() + 4096;
    if (node.split) {
      const auto smallest = [](const std::vector<Item>& list) {
        return list.empty() ? ~u32{0} : group_of(list.front());
      };
      node.ordered =
          parts.largest_literal < std::min(smallest(parts.partials), smallest(parts.others));
      ++splits;
      ++split_count_;
    }
    const auto with_patterns = [&](u32 mask) {
      std::vector<Item> out = parts.others;
      for (size_t i = 0; i < of_pattern.size(); ++i) {
        if ((mask >> i & 1) != 0) out = merged(out, of_pattern[i]);
      }
      return out;
    };

    for (size_t begin = 0; begin < parts.literals.size();) {
      const std::string_view text = parts.literals[begin].first;
      std::vector<Item> own;
      size_t end = begin;
      for (; end < parts.literals.size() && parts.literals[end].first == text; ++end) {
        own.push_back(parts.literals[end].second);
      }
      begin = end;
      if (!node.split) {
        u32 mask = 0;
        for (size_t i = 0; i < node.patterns.size(); ++i) {
          if (segment_matches(*node.patterns[i], text)) mask |= u32{1} << i;
        }
        own = mask == 0 ? merged(own, parts.others) : merged(own, with_patterns(mask));
        work_ += own.size();
      }
      node.edges.push_back({text, expand(std::move(own), depth + 1, splits, limit)});
      if (aborted_) return false;
    }
    if (!parts.empty.empty()) {
      node.edges.push_back({"", expand(parts.empty, depth + 1, splits, limit)});
      if (aborted_) return false;
    }
    if (!node.patterns.empty()) {
      std::vector<u32> masks;
      if (!feasible_masks(node.patterns, masks)) return false;
      for (const u32 mask : masks) {
        node.masks.emplace_back(mask, expand(with_patterns(mask), depth + 1, splits, limit));
        if (aborted_) return false;
      }
    }
    node.other = expand(parts.others, depth + 1, splits, limit);
    if (aborted_) return false;
    states_.nodes[index] = std::move(node);
    return true;
  }

  /// The sets of patterns that some segment matches together, without the empty one: a walk over
  /// the product of their DFAs. False: too many.
  bool feasible_masks(const std::vector<const Segment*>& patterns, std::vector<u32>& masks) {
    std::string key;
    for (const Segment* pattern : patterns) key += pattern->shape() + '/';
    if (const auto it = masks_.find(key); it != masks_.end()) {
      masks = it->second;
      return !masks.empty();
    }
    masks_[key] = {};
    std::vector<std::vector<std::byte>> blobs;
    std::vector<Dfa> dfas;
    for (const Segment* pattern : patterns) {
      auto compiled =
          regex::compile(segment_pattern(*pattern), regex::Syntax::Re2, regex::Mode::Anchored);
      auto* regex = std::get_if<regex::CompiledRegex>(&compiled);
      if (regex == nullptr || regex->dfa.empty()) return false;
      blobs.push_back(std::move(regex->dfa));
      dfas.emplace_back(blobs.back().data());
    }
    std::set<std::vector<u8>> seen_classes;
    std::vector<u8> alphabet;
    for (u32 byte = 1; byte < 0x80; ++byte) {
      std::vector<u8> classes;
      for (const Dfa& dfa : dfas) classes.push_back(dfa.class_of(static_cast<u8>(byte)));
      if (byte != '/' && seen_classes.insert(classes).second) {
        alphabet.push_back(static_cast<u8>(byte));
      }
    }
    std::set<u32> found;
    std::set<std::vector<u32>> known;
    std::vector<std::vector<u32>> queue(1);
    for (const Dfa& dfa : dfas) queue[0].push_back(dfa.start());
    for (size_t i = 0; i < queue.size(); ++i) {
      for (const u8 byte : alphabet) {
        std::vector<u32> next = queue[i];
        u32 mask = 0;
        bool alive = false;
        for (size_t k = 0; k < dfas.size(); ++k) {
          next[k] = dfas[k].next(next[k], dfas[k].class_of(byte));
          if (dfas[k].accepts(next[k])) mask |= u32{1} << k;
          alive = alive || next[k] != 0;
        }
        if (!alive || !known.insert(next).second) continue;
        if (mask != 0) found.insert(mask);
        queue.push_back(std::move(next));
      }
      work_ += alphabet.size();
      if (queue.size() > kMaxPatternStates || found.size() > kMaxMasks) return false;
    }
    masks.assign(found.begin(), found.end());
    masks_[key] = masks;
    return !masks.empty();
  }

  /// Groups that follow each other need no list.
  u32 few(std::vector<Item> items, u32 depth) {
    const u32 count = static_cast<u32>(items.size());
    for (u32 i = 1; i < count; ++i) {
      if (states_.number(items[i]) != states_.number(items[0]) + i)
        return add_list(std::move(items), depth);
    }
    return layout::make_target(layout::kTagGroup,
                               states_.number(items[0]) << layout::kRangeShift | (count - 1));
  }

  u32 add_list(std::vector<Item> items, u32 depth) {
    states_.lists.push_back({depth, std::move(items)});
    return layout::make_target(layout::kTagList, static_cast<u32>(states_.lists.size() - 1));
  }

  u32 add_bits(const std::vector<Item>& items, u32 depth) {
    std::set<std::pair<u32, std::string_view>> literals;
    u32 positions = 0;
    for (const Item item : items) {
      const auto& segments = states_.shape(item).segments;
      if (mode_of(item) != kNormal) continue;
      positions = std::max(positions, static_cast<u32>(segments.size()) - depth);
      for (u32 i = depth; i < segments.size(); ++i) {
        if (segments[i].kind == SegmentKind::Literal) literals.emplace(i, segments[i].literals[0]);
      }
    }
    const u64 words = (literals.size() + 3 * (u64{positions} + 1)) * ((items.size() + 31) / 32);
    if (words > kMaxBitWords) return add_list(items, depth);
    states_.bits.push_back({depth, items});
    return layout::make_target(layout::kTagBits, static_cast<u32>(states_.bits.size() - 1));
  }

  void report() {
    RouterReport& report = out_.report_;
    report.nodes += static_cast<u32>(states_.nodes.size());
    report.lists += static_cast<u32>(states_.lists.size());
    for (const BuildNode& node : states_.nodes) report.splits += node.split ? 1 : 0;
    for (const Listed& bits : states_.bits) {
      report.bit_sets.push_back({host_, bits.depth, static_cast<u32>(bits.items.size()),
                                 groups_[group_of(bits.items[0])]->shape_text});
    }
  }

  Automaton& out_;
  const std::vector<const Group*>& groups_;
  const u32 host_;
  States states_;
  std::unordered_map<std::vector<u32>, u32, VectorHash> known_;
  std::vector<std::vector<u32>> keys_;  // of known_, in order of arrival
  std::map<std::string, std::vector<u32>> masks_;
  u64 work_ = 0;
  u64 work_limit_ = 0;
  u32 split_count_ = 0;
  bool aborted_ = false;
};

u32 Automaton::add_host(const std::vector<const Group*>& groups, u32 host) {
  if (groups.empty()) return layout::kNone;
  return HostAutomaton(*this, groups, host).run();
}

}  // namespace gw::compiler::router
