// From states to words: where each begins, and what it looks like there.
#include <algorithm>
#include <map>
#include <set>

#include "compiler/router/states.h"

namespace gw::compiler::router {

namespace layout = gw::router;

namespace {

class StateWriter {
 public:
  StateWriter(const States& states, TextPool& texts, std::vector<u32>& words)
      : states_(states), texts_(texts), words_(words) {}

  u32 run(u32 root) {
    place();
    write();
    return placed(root);
  }

 private:
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
    u32 at = (static_cast<u32>(words_.size()) + kLine - 1) / kLine * kLine;
    for (const BuildNode& node : states_.nodes) {
      node_at_.push_back(at);
      at = (at + node_words(node) + kLine - 1) / kLine * kLine;
    }
    for (const Listed& list : states_.lists) {
      const u32 words = 1 + 2 * static_cast<u32>(list.items.size());
      if (words <= kLine && at % kLine + words > kLine) at = (at / kLine + 1) * kLine;
      list_at_.push_back(at);
      at += words;
    }
    for (const Listed& bits : states_.bits) {
      bit_words_.push_back(bit_words(bits));
      bits_at_.push_back(at);
      at += static_cast<u32>(bit_words_.back().size());
    }
    // Whole lines, so that reading all inline edges of the last node stays inside.
    words_.resize((at + kLine - 1) / kLine * kLine, layout::kKindPadding);
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
    for (size_t i = 0; i < states_.nodes.size(); ++i) write_node(states_.nodes[i], node_at_[i]);
    for (size_t i = 0; i < states_.lists.size(); ++i) write_list(states_.lists[i], list_at_[i]);
    for (size_t i = 0; i < states_.bits.size(); ++i) {
      std::copy(bit_words_[i].begin(), bit_words_[i].end(), words_.begin() + bits_at_[i]);
    }
  }

  void write_node(const BuildNode& node, u32 at) {
    u32* words = words_.data() + at;
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
      refs[2 * slot] = texts_.add(edge.text);
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
      *patterns++ = texts_.add(text);
      *patterns++ = static_cast<u32>(text.size());
    }
    for (const auto& [mask, target] : node.masks) {
      *patterns++ = mask;
      *patterns++ = placed(target);
    }
  }

  void write_list(const Listed& list, u32 at) {
    u32* words = words_.data() + at;
    *words++ = layout::kKindList | static_cast<u32>(list.items.size()) << 8;
    for (const Item item : list.items) {
      *words++ = states_.number(item);
      *words++ = filter_of(item, list);
    }
  }

  /// The literal that tells this group best from the others of its list.
  u32 filter_of(Item item, const Listed& list) const {
    const auto& segments = states_.shape(item).segments;
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
        const auto& other = states_.shape(list.items[k]).segments;
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
      const u32 count = static_cast<u32>(states_.shape(item).segments.size());
      positions = std::max(positions, count - bits.depth);
    }
    std::vector<u32> out = {layout::kKindBits, 0, bits.depth, positions, candidates, words};
    for (const Item item : bits.items) out.push_back(states_.number(item));
    const size_t lengths = out.size();
    out.resize(out.size() + (positions + 2) * words);
    const size_t blocks = out.size();
    out.resize(out.size() + positions);
    const auto set = [](u32* to, u32 index) { to[index / 32] |= u32{1} << (index % 32); };
    for (u32 c = 0; c < candidates; ++c) {
      const auto& segments = states_.shape(bits.items[c]).segments;
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
        const auto& segments = states_.shape(bits.items[c]).segments;
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

  const States& states_;
  TextPool& texts_;
  std::vector<u32>& words_;
  std::vector<u32> node_at_;
  std::vector<u32> list_at_;
  std::vector<u32> bits_at_;
  std::vector<std::vector<u32>> bit_words_;
};

}  // namespace

u32 write_states(const States& states, u32 root, TextPool& texts, std::vector<u32>& words) {
  return StateWriter(states, texts, words).run(root);
}

}  // namespace gw::compiler::router
