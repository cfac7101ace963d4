// A path is a text over bytes, '/' between its segments, values decoded. Each template is an
// automaton over such texts, so the question is whether the language of one lies in the union of
// the others': they are walked side by side, and a text that only the one accepts ends the walk.
//
// Where an exact automaton is not at hand, the template in question is taken for wider and the
// others for narrower than they are: what is proved then holds all the same.
#include "compiler/router/shadow.h"

#include <algorithm>
#include <array>
#include <set>

#include "compiler/router/pieces.h"
#include "runtime/base/uri_path.h"
#include "runtime/table/dfa.h"

namespace gw::compiler::router {
namespace {

constexpr u64 kMaxSteps = 3'000'000;   // of all questions together
constexpr size_t kMaxStates = 20'000;  // of one
constexpr size_t kMaxOthers = 200;
constexpr size_t kMaxWinners = 4;
constexpr u64 kDead = ~u64{0};

std::string decoded(std::string_view text) {
  std::string out;
  percent_decode(text, out);
  return out;
}

std::string encoded(std::string_view path) {
  std::string out;
  for (const char c : path) {
    if (c == '/') {
      out += c;
    } else {
      append_encoded(out, {&c, 1});
    }
  }
  return out;
}

}  // namespace

Constraint accepted_values(const PathInput& path, size_t parameter) {
  if (path.accepted.empty()) return constraint_of(path, parameter);
  return parameter < path.accepted.size() ? path.accepted[parameter] : Constraint{};
}

/// What one segment accepts: a text, any text, or the texts of a DFA; never the empty one, unless
/// that is the literal.
struct ShadowFinder::Piece {
  enum class Kind : u8 { Text, Any, Texts } kind = Kind::Any;
  bool rest = false;  // all that follows, too
  std::string text = {};
  std::optional<Dfa> dfa = {};

  u32 start() const { return kind == Kind::Texts ? dfa->start() * 2 : 0; }
  bool complete(u32 at) const {
    if (kind == Kind::Text) return at == text.size();
    return (at & 1) != 0 && (kind == Kind::Any || dfa->accepts(at / 2));
  }
  u64 step(u32 at, u8 byte) const {
    if (kind == Kind::Any) return 1;
    if (kind == Kind::Text) {
      return at < text.size() && static_cast<u8>(text[at]) == byte ? u64{at} + 1 : kDead;
    }
    const u32 next = dfa->next(at / 2, dfa->class_of(byte));
    return next == 0 ? kDead : u64{next} * 2 + 1;
  }
};

/// A state is the number of a piece and the place in it.
struct ShadowFinder::Track {
  std::vector<Piece> pieces;
  u32 path = 0;  // whose template this is

  u64 start() const { return pieces[0].start(); }
  bool accepts(u64 state) const {
    const size_t piece = state >> 32;
    return piece + 1 == pieces.size() && pieces[piece].complete(static_cast<u32>(state));
  }
  u64 step(u64 state, u8 byte) const {
    const size_t piece = state >> 32;
    const u32 at = static_cast<u32>(state);
    if (byte == '/' && !pieces[piece].rest) {
      if (!pieces[piece].complete(at) || piece + 1 == pieces.size()) return kDead;
      return u64{piece + 1} << 32 | pieces[piece + 1].start();
    }
    const u64 next = pieces[piece].step(at, byte);
    return next == kDead ? kDead : u64{piece} << 32 | next;
  }
};

/// One template beside those that come before it.
class ShadowFinder::Product {
 public:
  Product(const Track& own, const std::vector<Track>& others) : own_(own), others_(others) {
    cut_classes();
  }

  std::optional<Shadow> run(u64& steps) {
    State first{own_.start(), {}};
    for (u32 i = 0; i < others_.size(); ++i) first.others.emplace_back(i, others_[i].start());
    add(std::move(first), 0, 0);
    Shadow found;
    for (size_t i = 0; i < states_.size(); ++i) {
      const State state = states_[i].state;
      if (state.others.empty()) return std::nullopt;
      if (own_.accepts(state.own) && !note_winner(state, i, found)) return std::nullopt;
      for (const u8 byte : bytes_) {
        if (++steps > kMaxSteps || states_.size() > kMaxStates) return std::nullopt;
        const u64 own = own_.step(state.own, byte);
        if (own == kDead) continue;
        State next{own, {}};
        for (const auto& [other, at] : state.others) {
          const u64 to = others_[other].step(at, byte);
          if (to != kDead) next.others.emplace_back(other, to);
        }
        add(std::move(next), i, byte);
      }
    }
    if (found.winners.empty()) return std::nullopt;  // its parameters accept nothing
    return found;
  }

 private:
  struct State {
    u64 own = 0;
    std::vector<std::pair<u32, u64>> others;  // those that are alive
    auto operator<=>(const State&) const = default;
  };
  struct Step {
    State state;
    size_t parent = 0;
    u8 byte = 0;
  };

  void add(State state, size_t parent, u8 byte) {
    if (known_.insert(state).second) states_.push_back({std::move(state), parent, byte});
  }

  bool note_winner(const State& state, size_t at, Shadow& found) const {
    for (const auto& [other, place] : state.others) {
      if (!others_[other].accepts(place)) continue;
      if (found.winners.empty()) found.witness = "/" + encoded(text_of(at));
      const u32 path = others_[other].path;
      const bool known =
          std::find(found.winners.begin(), found.winners.end(), path) != found.winners.end();
      if (!known && found.winners.size() < kMaxWinners) found.winners.push_back(path);
      return true;
    }
    return false;
  }

  std::string text_of(size_t at) const {
    std::string text;
    for (; at != 0; at = states_[at].parent) text += static_cast<char>(states_[at].byte);
    std::reverse(text.begin(), text.end());
    return text;
  }

  /// One byte for all that no automaton tells apart.
  void cut_classes() {
    std::array<std::vector<u32>, 256> marks;
    std::set<u8> singles = {static_cast<u8>('/')};
    const auto mark = [&](const Track& track) {
      for (const Piece& piece : track.pieces) {
        for (const char c : piece.text) singles.insert(static_cast<u8>(c));
        if (!piece.dfa) continue;
        for (u32 byte = 0; byte < 256; ++byte) {
          marks[byte].push_back(piece.dfa->class_of(static_cast<u8>(byte)));
        }
      }
    };
    mark(own_);
    for (const Track& other : others_) mark(other);
    std::set<std::vector<u32>> seen;
    for (const char c : regex::friendly_bytes()) {
      const u8 byte = static_cast<u8>(c);
      if (singles.count(byte) != 0 || seen.insert(marks[byte]).second) bytes_.push_back(byte);
    }
  }

  const Track& own_;
  const std::vector<Track>& others_;
  std::vector<u8> bytes_;
  std::vector<Step> states_;
  std::set<State> known_;
};

ShadowFinder::ShadowFinder(const RouterInput& input, const GroupedPaths& grouped,
                           ConstraintOrder& order)
    : input_(input), grouped_(grouped), order_(order) {
  auto any = regex::compile("(?s:.+)", regex::Syntax::Re2, regex::Mode::Anchored);
  any_text_ = std::get<regex::CompiledRegex>(std::move(any)).dfa;
}

void ShadowFinder::enter(const HostGroups& host) {
  nodes_.clear();
  for (const u32 id : host.groups) nodes_.add(*grouped_.groups[id].shape, id);
}

bool ShadowFinder::spend() {
  if (steps_ >= kMaxSteps) truncated_ = true;
  return ++steps_ <= kMaxSteps;
}

std::optional<Shadow> ShadowFinder::find(const Group& group, u32 path,
                                         const std::vector<u32>& earlier) {
  const PathTemplate& shape = *group.shape;
  if (shape.segments.back().kind == SegmentKind::CatchAll) return std::nullopt;
  std::vector<Track> others;
  for (const u32 id : meeting_groups(group, path)) {
    const Group& other = grouped_.groups[id];
    if (auto track = track_of_shape(*other.shape)) {
      track->path = other.paths[0];
      others.push_back(std::move(*track));
    }
  }
  for (const u32 candidate : earlier) {
    if (auto track = track_of_candidate(shape, path, candidate)) others.push_back(*track);
  }
  if (others.empty() || others.size() > kMaxOthers) return std::nullopt;
  const Track own = track_of_path(shape, path);
  auto found = Product(own, others).run(steps_);
  truncated_ |= steps_ > kMaxSteps;
  return found;
}

/// Other shapes that come before this one and have a path in common with it.
std::vector<u32> ShadowFinder::meeting_groups(const Group& group, u32 path) {
  struct Place {
    u32 node = 0;
    size_t segment = 0;
    size_t parameter = 0;
    bool precedes = false;  // it is known to be the more specific
  };
  const PathTemplate& shape = *group.shape;
  std::vector<u32> out;
  std::vector<Place> stack = {{}};
  while (!stack.empty() && spend()) {
    const Place at = stack.back();
    stack.pop_back();
    const ShapeNode& node = nodes_[at.node];
    if (at.segment == shape.segments.size()) {
      if (node.group && shape_precedes(*grouped_.groups[*node.group].shape, shape)) {
        out.push_back(*node.group);
      }
      continue;
    }
    const Segment& own = shape.segments[at.segment];
    const size_t parameter = at.parameter + own.names.size();
    const auto follow = [&](const ShapeNode::Child& child, bool precedes) {
      stack.push_back({child.node, at.segment + 1, parameter, precedes});
    };
    if (own.kind == SegmentKind::Literal) {
      const auto it = std::lower_bound(node.literals.begin(), node.literals.end(), own.literals[0],
                                       [](const ShapeNode::Child& child, const std::string& text) {
                                         return child.segment->literals[0] < text;
                                       });
      const bool found = it != node.literals.end() && it->segment->literals == own.literals;
      if (found) follow(*it, at.precedes);
    } else {
      for (const ShapeNode::Child& child : node.literals) {
        if (!spend()) return {};
        const bool meets =
            own.kind == SegmentKind::Partial
                ? segment_matches(own, child.segment->literals[0])
                : takes(accepted_values(input_of(path), at.parameter), *child.segment);
        if (meets) follow(child, true);
      }
    }
    for (const ShapeNode::Child& child : node.others) {
      const Segment& other = *child.segment;
      const bool same = own.kind == other.kind && own.literals == other.literals;
      const bool may_precede = at.precedes || same || other.kind < own.kind ||
                               (other.kind == own.kind && own.kind == SegmentKind::Partial);
      if (!may_precede) continue;
      if (own.kind == SegmentKind::Literal && other.kind == SegmentKind::Partial &&
          !segment_matches(other, own.literals[0])) {
        continue;
      }
      if (other.kind == SegmentKind::CatchAll) {
        out.push_back(*nodes_[child.node].group);
      } else {
        follow(child, at.precedes || !same);
      }
    }
  }
  std::sort(out.begin(), out.end(), [this](u32 a, u32 b) {
    return shape_precedes(*grouped_.groups[a].shape, *grouped_.groups[b].shape);
  });
  return out;
}

bool ShadowFinder::takes(const Constraint& constraint, const Segment& literal) const {
  const std::string text = decoded(literal.literals[0]);
  if (text.empty()) return false;
  if (constraint.kind != Constraint::Kind::Dfa) return true;
  return Dfa(input_.dfas[constraint.index].data()).matches(text);
}

ShadowFinder::Track ShadowFinder::track_of_path(const PathTemplate& shape, u32 path) {
  Track track{.pieces = {}, .path = path};
  size_t parameter = 0;
  for (const Segment& segment : shape.segments) {
    const Constraint constraint = accepted_values(input_of(path), parameter);
    parameter += segment.names.size();
    Piece piece{.kind = Piece::Kind::Texts};
    if (segment.kind == SegmentKind::Literal) {
      piece = {.kind = Piece::Kind::Text, .text = decoded(segment.literals[0])};
    } else if (segment.kind == SegmentKind::Partial) {
      const Bytes dfa = partial_dfa(segment);
      piece.dfa = Dfa(dfa.empty() ? any_text_.data() : dfa.data());
    } else {
      const bool known = constraint.kind == Constraint::Kind::Dfa;
      piece.dfa = Dfa(known ? input_.dfas[constraint.index].data() : any_text_.data());
    }
    track.pieces.push_back(std::move(piece));
  }
  return track;
}

std::optional<ShadowFinder::Track> ShadowFinder::track_of_shape(const PathTemplate& shape) {
  Track track;
  for (const Segment& segment : shape.segments) {
    Piece piece{.kind = Piece::Kind::Any, .rest = segment.kind == SegmentKind::CatchAll};
    if (segment.kind == SegmentKind::Literal) {
      piece = {.kind = Piece::Kind::Text, .text = decoded(segment.literals[0])};
    } else if (segment.kind == SegmentKind::Partial) {
      const Bytes dfa = partial_dfa(segment);
      if (dfa.empty()) return std::nullopt;
      piece = {.kind = Piece::Kind::Texts, .dfa = Dfa(dfa.data())};
    }
    track.pieces.push_back(std::move(piece));
  }
  return track;
}

/// A candidate of the same shape. What it asks of a parameter may be left out where the path in
/// question asks no less.
std::optional<ShadowFinder::Track> ShadowFinder::track_of_candidate(const PathTemplate& shape,
                                                                    u32 path, u32 candidate) {
  auto track = track_of_shape(shape);
  if (!track) return std::nullopt;
  track->path = candidate;
  size_t parameter = 0;
  for (size_t s = 0; s < shape.segments.size(); ++s) {
    const size_t end = parameter + shape.segments[s].names.size();
    for (; parameter < end; ++parameter) {
      const Constraint constraint = constraint_of(input_of(candidate), parameter);
      const Relation relation =
          order_.relation(accepted_values(input_of(path), parameter), constraint);
      if (relation == Relation::Equal || relation == Relation::Narrower) continue;
      const bool whole = shape.segments[s].kind == SegmentKind::Parameter;
      if (!whole || constraint.kind != Constraint::Kind::Dfa) return std::nullopt;
      track->pieces[s] = {.kind = Piece::Kind::Texts,
                          .dfa = Dfa(input_.dfas[constraint.index].data())};
    }
  }
  return track;
}

/// Empty: it has none. Valid as long as this object.
Bytes ShadowFinder::partial_dfa(const Segment& segment) {
  const auto [it, added] = partials_.try_emplace(segment.shape());
  if (added) {
    Segment plain = segment;
    for (std::string& literal : plain.literals) literal = decoded(literal);
    auto compiled =
        regex::compile(segment_pattern(plain), regex::Syntax::Re2, regex::Mode::Anchored);
    if (auto* found = std::get_if<regex::CompiledRegex>(&compiled)) it->second = found->dfa;
  }
  return it->second;
}

}  // namespace gw::compiler::router
