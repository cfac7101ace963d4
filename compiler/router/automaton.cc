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
#include <cstring>
#include <set>
#include <unordered_map>

#include "compiler/regex/regex.h"
#include "runtime/router/format.h"
#include "runtime/table/dfa.h"

namespace gw::compiler::router {

namespace layout = gw::router;

u32 TextPool::add(std::string_view text) {
  if (const auto it = known_.find(text); it != known_.end()) return it->second;
  const u32 offset = static_cast<u32>(bytes_.size());
  bytes_ += text;
  known_.emplace(text, offset);
  return offset;
}

namespace {

constexpr u32 kMaxListed = 4;         // groups in a list
constexpr u32 kStatesPerSegment = 4;  // before a sub-automaton becomes bit sets
constexpr u32 kStatesFree = 64;
constexpr u64 kWorkPerSegment = 200;  // items handled, in all
constexpr u64 kWorkFree = 10'000'000;
constexpr u64 kMaxBitWords = 4'000'000;  // of one group of bit sets; beyond, a long list
constexpr size_t kMaxPatternStates = 20'000;
constexpr size_t kMaxMasks = 64;

void append_literal(Pieces& out, std::string_view text) {
  out.literals += text;
  for (size_t left = text.size(); left > 0;) {
    const size_t part = std::min<size_t>(left, layout::kMaxPieceLiteral);
    out.pieces.push_back(static_cast<u8>(layout::kPieceLiteral + part - 1));
    left -= part;
  }
}

void append_segment(Pieces& out, const Segment& segment) {
  if (segment.kind == SegmentKind::Parameter) {
    out.pieces.push_back(layout::kPieceParameter);
    return;
  }
  if (segment.kind == SegmentKind::CatchAll) {
    out.pieces.push_back(layout::kPieceRest);
    return;
  }
  append_literal(out, segment.literals.front());
  for (size_t i = 1; i < segment.literals.size(); ++i) {
    const bool last = i + 1 == segment.literals.size();
    if (last && segment.literals[i].empty()) {
      out.pieces.push_back(layout::kPieceParameter);
      return;
    }
    out.pieces.push_back(last ? layout::kPieceBefore : layout::kPieceUntil);
    append_literal(out, segment.literals[i]);
  }
}

/// Mode of a group in a state: not yet at its catch-all, inside it, or inside it with nothing but
/// one empty segment so far (which alone does not match).
enum Mode : u32 { kNormal = 0, kTail = 1, kTailEmpty = 2 };
using Item = u32;  // index into the host's groups << 2 | mode
constexpr Item make_item(u32 group, Mode mode) { return group << 2 | mode; }
constexpr u32 group_of(Item item) { return item >> 2; }
constexpr Mode mode_of(Item item) { return static_cast<Mode>(item & 3); }

struct Edge {
  std::string_view text;
  u32 target = layout::kNone;
};

struct BuildNode {
  u32 end = layout::kNone;
  u32 other = layout::kNone;
  bool split = false;
  bool ordered = false;
  std::vector<Edge> edges = {};
  std::vector<const Segment*> patterns = {};
  std::vector<std::pair<u32, u32>> masks = {};  // mask, target
};

struct Listed {
  u32 depth = 0;
  std::vector<Item> items;
};

struct VectorHash {
  size_t operator()(const std::vector<u32>& values) const {
    u64 hash = values.size();
    for (const u32 value : values) hash = (hash ^ value) * 0x9e3779b97f4a7c15u + (hash >> 29);
    return hash;
  }
};

std::string escaped(std::string_view literal) {
  std::string out;
  for (const char c : literal) {
    const bool word = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!word && static_cast<u8>(c) < 0x80) out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

Pieces pieces_of(const Segment& segment) {
  Pieces out;
  append_segment(out, segment);
  return out;
}

Pieces pieces_of(const PathTemplate& shape) {
  Pieces out;
  std::string run;
  for (const Segment& segment : shape.segments) {
    run += '/';
    if (segment.kind == SegmentKind::Literal) {
      run += segment.literals.front();
      continue;
    }
    // The text before the first parameter joins the run of literals.
    Segment rest = segment;
    run += rest.literals.front();
    rest.literals.front().clear();
    append_literal(out, run);
    run.clear();
    append_segment(out, rest);
  }
  append_literal(out, run);
  return out;
}

bool segment_matches(const Segment& segment, std::string_view text) {
  switch (segment.kind) {
    case SegmentKind::Literal:
      return segment.literals.front() == text;
    case SegmentKind::Parameter:
    case SegmentKind::CatchAll:
      return !text.empty();
    case SegmentKind::Partial:
      break;
  }
  const std::string& first = segment.literals.front();
  const std::string& last = segment.literals.back();
  if (text.substr(0, first.size()) != first) return false;
  size_t at = first.size();
  for (size_t i = 1; i + 1 < segment.literals.size(); ++i) {
    const size_t found = text.find(segment.literals[i], at + 1);
    if (at >= text.size() || found == std::string_view::npos) return false;
    at = found + segment.literals[i].size();
  }
  return text.size() >= at + 1 + last.size() && text.substr(text.size() - last.size()) == last;
}

std::string segment_pattern(const Segment& segment) {
  std::string pattern = escaped(segment.literals.front());
  for (size_t i = 1; i < segment.literals.size(); ++i) {
    pattern += "(?s:.)+" + escaped(segment.literals[i]);
  }
  return pattern;
}

class HostAutomaton {
 public:
  HostAutomaton(Automaton& out, const std::vector<const Group*>& groups, u32 host)
      : out_(out), groups_(groups), host_(host) {}

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
    place();
    write();
    report();
    return placed(root);
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

  const PathTemplate& shape(Item item) const { return *groups_[group_of(item)]->shape; }
  u32 number(Item item) const { return groups_[group_of(item)]->number; }

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

    const Mark mark{nodes_.size(), lists_.size(), bits_.size(), keys_.size()};
    u64 segments = 0;
    for (const Item item : items) {
      const u64 count = shape(item).segments.size();
      segments += count > depth ? count - depth : 1;
    }
    const size_t limit = mark.nodes + kStatesPerSegment * segments + kStatesFree;
    nodes_.emplace_back();
    if (nodes_.size() > outer_limit) aborted_ = true;
    const bool built =
        !aborted_ && expand_edges(items, depth, splits, std::min(limit, outer_limit), mark.nodes);
    if (aborted_ && nodes_.size() > limit) {
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
    nodes_.resize(mark.nodes);
    lists_.resize(mark.lists);
    bits_.resize(mark.bits);
    for (size_t i = mark.keys; i < keys_.size(); ++i) known_.erase(keys_[i]);
    keys_.resize(mark.keys);
  }

  Parts part(const std::vector<Item>& items, u32 depth) const {
    Parts out;
    for (const Item item : items) {
      const u32 group = group_of(item);
      if (mode_of(item) != kNormal) {
        if (mode_of(item) == kTail && out.end == layout::kNone) out.end = number(item);
        out.empty.push_back(make_item(group, kTail));
        out.others.push_back(make_item(group, kTail));
        continue;
      }
      const auto& segments = shape(item).segments;
      if (segments.size() == depth) {
        if (out.end == layout::kNone) out.end = number(item);
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
      const Segment& segment = shape(item).segments[depth];
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
    nodes_[index] = std::move(node);
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
      if (number(items[i]) != number(items[0]) + i) return add_list(std::move(items), depth);
    }
    return layout::make_target(layout::kTagGroup,
                               number(items[0]) << layout::kRangeShift | (count - 1));
  }

  u32 add_list(std::vector<Item> items, u32 depth) {
    lists_.push_back({depth, std::move(items)});
    return layout::make_target(layout::kTagList, static_cast<u32>(lists_.size() - 1));
  }

  u32 add_bits(const std::vector<Item>& items, u32 depth) {
    std::set<std::pair<u32, std::string_view>> literals;
    u32 positions = 0;
    for (const Item item : items) {
      const auto& segments = shape(item).segments;
      if (mode_of(item) != kNormal) continue;
      positions = std::max(positions, static_cast<u32>(segments.size()) - depth);
      for (u32 i = depth; i < segments.size(); ++i) {
        if (segments[i].kind == SegmentKind::Literal) literals.emplace(i, segments[i].literals[0]);
      }
    }
    const u64 words = (literals.size() + 3 * (u64{positions} + 1)) * ((items.size() + 31) / 32);
    if (words > kMaxBitWords) return add_list(items, depth);
    bits_.push_back({depth, items});
    return layout::make_target(layout::kTagBits, static_cast<u32>(bits_.size() - 1));
  }

  // Layout ----------------------------------------------------------------------------------------

  static u32 capacity_log2(size_t edges) {
    u32 log2 = 4;
    while ((size_t{1} << log2) * 5 < edges * 8) ++log2;
    return log2;
  }
  static u32 node_words(const BuildNode& node) {
    const size_t edges = node.edges.size();
    size_t words = layout::kNodeWords;
    words += edges <= layout::kMaxInlineEdges ? 4 * edges : size_t{4} << capacity_log2(edges);
    if (!node.patterns.empty()) words += 2 + 2 * node.patterns.size() + 2 * node.masks.size();
    return static_cast<u32>(words);
  }

  /// Fixes where every state begins: nodes at cache lines, lists not across them.
  void place() {
    constexpr u32 kLine = layout::kAlignment / 4;
    u32 at = (static_cast<u32>(out_.words_.size()) + kLine - 1) / kLine * kLine;
    for (const BuildNode& node : nodes_) {
      node_at_.push_back(at);
      at = (at + node_words(node) + kLine - 1) / kLine * kLine;
    }
    for (const Listed& list : lists_) {
      const u32 words = 1 + 2 * static_cast<u32>(list.items.size());
      if (words <= kLine && at % kLine + words > kLine) at = (at / kLine + 1) * kLine;
      list_at_.push_back(at);
      at += words;
    }
    for (const Listed& bits : bits_) {
      bit_words_.push_back(bit_words(bits));
      bits_at_.push_back(at);
      at += static_cast<u32>(bit_words_.back().size());
    }
    // Whole lines, so that reading all inline edges of the last node stays inside.
    out_.words_.resize((at + kLine - 1) / kLine * kLine, layout::kKindPadding);
  }

  u32 placed(u32 target) const {
    if (target == layout::kNone) return target;
    const u32 tag = target >> layout::kTagShift;
    const u32 index = target & layout::kTargetMask;
    switch (tag) {
      case layout::kTagNode:
        return layout::make_target(tag, node_at_[index]);
      case layout::kTagList:
        return layout::make_target(tag, list_at_[index]);
      case layout::kTagBits:
        return layout::make_target(tag, bits_at_[index]);
      default:
        return target;
    }
  }

  void write() {
    for (size_t i = 0; i < nodes_.size(); ++i) write_node(nodes_[i], node_at_[i]);
    for (size_t i = 0; i < lists_.size(); ++i) write_list(lists_[i], list_at_[i]);
    for (size_t i = 0; i < bits_.size(); ++i) {
      std::copy(bit_words_[i].begin(), bit_words_[i].end(), out_.words_.begin() + bits_at_[i]);
    }
  }

  void write_node(const BuildNode& node, u32 at) {
    u32* words = out_.words_.data() + at;
    const u32 count = static_cast<u32>(node.edges.size());
    const bool hashed = count > layout::kMaxInlineEdges;
    const u32 stored = hashed ? capacity_log2(count) : count;
    const u32 slots = hashed ? u32{1} << stored : count;
    words[layout::kNodeHeader] = layout::kKindNode | stored << 8;
    words[layout::kNodeSize] = node_words(node);
    words[layout::kNodeEnd] = node.end;
    words[layout::kNodeDefault] = placed(node.other);
    u32* edges = words + layout::kNodeWords;
    u32* refs = edges + 2 * slots;
    if (hashed) {
      for (u32 i = 0; i < slots; ++i) edges[2 * i + 1] = layout::kNone;
    }
    std::set<u32> fingerprints;
    for (u32 i = 0; i < count; ++i) {
      const Edge& edge = node.edges[i];
      const u64 hash = layout::segment_hash(edge.text.data(), edge.text.size());
      const u32 fingerprint = layout::fingerprint_of(hash);
      fingerprints.insert(fingerprint);
      u32 slot = i;
      if (hashed) {
        slot = layout::table_index(hash, stored);
        while (edges[2 * slot + 1] != layout::kNone) slot = (slot + 1) & (slots - 1);
        edges[2 * slot] = fingerprint;
        edges[2 * slot + 1] = placed(edge.target);
      } else {
        edges[slot] = fingerprint;
        edges[slots + slot] = placed(edge.target);
      }
      refs[2 * slot] = out_.texts_.add(edge.text);
      refs[2 * slot + 1] = static_cast<u32>(edge.text.size());
    }
    const bool exact = !node.patterns.empty() || fingerprints.size() != count;
    words[layout::kNodeFlags] =
        (hashed ? layout::kNodeHashed : 0) | (node.split ? layout::kNodeSplit : 0) |
        (node.ordered ? layout::kNodeOrdered : 0) | (exact ? layout::kNodeExact : 0);
    if (node.patterns.empty()) return;
    u32* patterns = refs + 2 * slots;
    words[layout::kNodePatterns] = static_cast<u32>(patterns - words);
    *patterns++ = static_cast<u32>(node.patterns.size());
    *patterns++ = static_cast<u32>(node.masks.size());
    for (const Segment* segment : node.patterns) {
      const Pieces pieces = pieces_of(*segment);
      std::string text(1, static_cast<char>(pieces.pieces.size()));
      text.append(pieces.pieces.begin(), pieces.pieces.end());
      text += pieces.literals;
      *patterns++ = out_.texts_.add(text);
      *patterns++ = static_cast<u32>(text.size());
    }
    for (const auto& [mask, target] : node.masks) {
      *patterns++ = mask;
      *patterns++ = placed(target);
    }
  }

  void write_list(const Listed& list, u32 at) {
    u32* words = out_.words_.data() + at;
    *words++ = layout::kKindList | static_cast<u32>(list.items.size()) << 8;
    for (const Item item : list.items) {
      *words++ = number(item);
      *words++ = filter_of(item, list);
    }
  }

  /// The literal that tells this group best from the others of its list.
  u32 filter_of(Item item, const Listed& list) const {
    const auto& segments = shape(item).segments;
    const u32 count = static_cast<u32>(segments.size());
    u32 filter = count;
    if (segments.back().kind == SegmentKind::CatchAll) filter |= layout::kFilterCatchAll;
    u32 best = layout::kFilterNoPosition;
    u32 best_score = 0;
    for (u32 i = list.depth; i < count && mode_of(item) == kNormal; ++i) {
      if (segments[i].kind != SegmentKind::Literal || segments[i].literals[0].empty()) continue;
      u32 score = 1;
      const size_t compared = std::min<size_t>(list.items.size(), 2 * kMaxListed);
      for (size_t k = 0; k < compared; ++k) {
        const auto& other = shape(list.items[k]).segments;
        if (i < other.size() && other[i].kind == SegmentKind::Literal &&
            other[i].literals != segments[i].literals) {
          ++score;
        }
      }
      if (score < best_score) continue;
      best_score = score;
      best = i;
    }
    filter |= best << layout::kFilterPositionShift;
    if (best == layout::kFilterNoPosition) return filter;
    const std::string& text = segments[best].literals[0];
    const u32 fingerprint = layout::fingerprint_of(layout::segment_hash(text.data(), text.size()));
    return filter | fingerprint >> 16 << layout::kFilterFingerprintShift;
  }

  std::vector<u32> bit_words(const Listed& bits) const {
    const u32 candidates = static_cast<u32>(bits.items.size());
    const u32 words = (candidates + 31) / 32;
    u32 positions = 0;
    for (const Item item : bits.items) {
      if (mode_of(item) != kNormal) continue;
      const u32 count = static_cast<u32>(shape(item).segments.size());
      positions = std::max(positions, count - bits.depth);
    }
    std::vector<u32> out = {layout::kKindBits, 0, bits.depth, positions, candidates, words};
    for (const Item item : bits.items) out.push_back(number(item));
    const size_t lengths = out.size();
    out.resize(out.size() + (positions + 2) * words);
    const size_t blocks = out.size();
    out.resize(out.size() + positions);
    const auto set = [](u32* to, u32 index) { to[index / 32] |= u32{1} << (index % 32); };
    for (u32 c = 0; c < candidates; ++c) {
      const auto& segments = shape(bits.items[c]).segments;
      const bool tail = mode_of(bits.items[c]) != kNormal;
      const bool open = tail || segments.back().kind == SegmentKind::CatchAll;
      const u32 left = tail ? 0 : static_cast<u32>(segments.size()) - bits.depth;
      for (u32 r = 0; r < positions + 2; ++r) {
        if (r == left || (open && r > left)) set(out.data() + lengths + r * words, c);
      }
    }
    for (u32 i = 0; i < positions; ++i) {
      std::vector<u32> others(words);
      std::map<u32, std::vector<u32>> of_literal;
      for (u32 c = 0; c < candidates; ++c) {
        const auto& segments = shape(bits.items[c]).segments;
        const bool literal = mode_of(bits.items[c]) == kNormal &&
                             bits.depth + i < segments.size() &&
                             segments[bits.depth + i].kind == SegmentKind::Literal;
        if (!literal) {
          set(others.data(), c);
          continue;
        }
        const std::string& text = segments[bits.depth + i].literals[0];
        auto& of =
            of_literal[layout::fingerprint_of(layout::segment_hash(text.data(), text.size()))];
        of.resize(words);
        set(of.data(), c);
      }
      out[blocks + i] = static_cast<u32>(out.size());
      out.push_back(static_cast<u32>(of_literal.size()));
      out.insert(out.end(), others.begin(), others.end());
      for (const auto& [fingerprint, of] : of_literal) out.push_back(fingerprint);
      for (const auto& [fingerprint, of] : of_literal) {
        for (u32 w = 0; w < words; ++w) out.push_back(of[w] | others[w]);
      }
    }
    out[1] = static_cast<u32>(out.size());
    return out;
  }

  void report() {
    RouterReport& report = out_.report_;
    report.nodes += static_cast<u32>(nodes_.size());
    report.lists += static_cast<u32>(lists_.size());
    for (const BuildNode& node : nodes_) report.splits += node.split ? 1 : 0;
    for (const Listed& bits : bits_) {
      report.bit_sets.push_back({host_, bits.depth, static_cast<u32>(bits.items.size()),
                                 groups_[group_of(bits.items[0])]->shape_text});
    }
  }

  Automaton& out_;
  const std::vector<const Group*>& groups_;
  const u32 host_;
  std::vector<BuildNode> nodes_;
  std::vector<Listed> lists_;
  std::vector<Listed> bits_;
  std::unordered_map<std::vector<u32>, u32, VectorHash> known_;
  std::vector<std::vector<u32>> keys_;  // of known_, in order of arrival
  std::map<std::string, std::vector<u32>> masks_;
  std::vector<u32> node_at_;
  std::vector<u32> list_at_;
  std::vector<u32> bits_at_;
  std::vector<std::vector<u32>> bit_words_;
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
