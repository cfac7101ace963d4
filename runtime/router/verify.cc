// What look-up relies on: every extent lies inside its region, every target names the begin of a
// state of its kind, and pieces of groups never ask for a literal that is not there. Whether the
// automaton is the right one is not proved; a hostile file may route wrongly, never read outside.
#include "runtime/router/verify.h"

#include <bit>
#include <cstring>
#include <vector>

#include "runtime/base/method.h"
#include "runtime/router/capture.h"
#include "runtime/router/format.h"
#include "runtime/table/phf.h"

namespace gw::router {
namespace {

constexpr u32 kMethodMask = (1u << (http::kMethodCount - 1)) - 1;

class Verifier {
 public:
  Verifier(Bytes blob, u32 route_count, u32 dfa_count, u32 re2_count)
      : blob_(blob), route_count_(route_count), constraint_counts_{dfa_count, re2_count} {}

  Result<void> run() {
    GW_TRY(header());
    GW_TRY(hashes());
    GW_TRY(allows());
    GW_TRY(groups());
    GW_TRY(mark_states());
    GW_TRY(check_states());
    return hosts();
  }

 private:
  static Unexpected<Error> corrupt(std::string_view what) { return fail(Errc::TableCorrupt, what); }

  bool region(u32 offset, u64 bytes, u32 alignment) const {
    return offset % alignment == 0 && offset >= sizeof(RouterHeader) && bytes <= blob_.size() &&
           offset <= blob_.size() - bytes;
  }
  bool text(u32 offset, u32 length) const { return u64{offset} + length <= header_.text_bytes; }

  Result<void> header() {
    if (reinterpret_cast<std::uintptr_t>(blob_.data()) % 8 != 0) {
      return corrupt("router is not aligned");
    }
    if (blob_.size() < sizeof header_) return fail(Errc::TableTruncated, "router header");
    std::memcpy(&header_, blob_.data(), sizeof header_);
    if (header_.magic != kMagic) return corrupt("router magic");
    if (header_.total_bytes != blob_.size()) return fail(Errc::TableTruncated, "router size");
    host_count_ = u64{header_.exact_host_count} + header_.wildcard_host_count;
    if (header_.any_host != kNone && header_.any_host != host_count_++) {
      return corrupt("router any host");
    }
    const bool inside =
        region(header_.groups_offset, u64{header_.group_count} * sizeof(GroupRecord), 8) &&
        region(header_.hosts_offset, host_count_ * sizeof(HostRecord), 8) &&
        region(header_.states_offset, u64{header_.state_words} * 4, 4) &&
        region(header_.details_offset, u64{header_.detail_words} * 4, 4) &&
        region(header_.texts_offset, header_.text_bytes, 1) &&
        region(header_.allows_offset, u64{header_.allow_count} * sizeof(TextRef), 4);
    if (!inside) return corrupt("router region");
    if (header_.static_count > header_.group_count || header_.group_count > kMaxGroups ||
        header_.state_words > kTargetMask) {
      return corrupt("router counts");
    }
    states_ = reinterpret_cast<const u32*>(blob_.data() + header_.states_offset);
    details_ = reinterpret_cast<const u32*>(blob_.data() + header_.details_offset);
    texts_ = reinterpret_cast<const u8*>(blob_.data() + header_.texts_offset);
    return {};
  }

  Result<void> hash(u32 offset, u32 keys) const {
    if (!region(offset, sizeof(PhfHeader), 8)) return corrupt("router hash offset");
    GW_TRY(verify_phf(blob_.subspan(offset)));
    if (Phf(blob_.data() + offset).key_count() != keys) return corrupt("router hash keys");
    return {};
  }

  Result<void> hashes() const {
    GW_TRY(hash(header_.static_hash_offset, header_.static_count));
    GW_TRY(hash(header_.exact_hash_offset, header_.exact_host_count));
    return hash(header_.wildcard_hash_offset, header_.wildcard_host_count);
  }

  Result<void> allows() const {
    for (u32 i = 0; i < header_.allow_count; ++i) {
      TextRef ref;
      std::memcpy(&ref, blob_.data() + header_.allows_offset + i * sizeof ref, sizeof ref);
      if (!text(ref.offset, ref.length)) return corrupt("router allow");
    }
    return {};
  }

  /// Pieces need literals of `literal_bytes` in all; false: they do not fit together.
  static bool pieces_fit(const u8* pieces, u32 count, u32& literal_bytes, u32& captures) {
    literal_bytes = 0;
    captures = 0;
    bool wants_literal = false;
    for (u32 i = 0; i < count; ++i) {
      const u8 piece = pieces[i];
      const bool literal = piece >= kPieceLiteral;
      if (wants_literal && !literal) return false;
      wants_literal = piece == kPieceUntil || piece == kPieceBefore;
      literal_bytes += literal ? piece - kPieceLiteral + 1u : 0u;
      captures += literal ? 0u : 1u;
    }
    return !wants_literal && captures <= kMaxCaptures;
  }

  Result<void> groups() const {
    const auto* records =
        reinterpret_cast<const GroupRecord*>(blob_.data() + header_.groups_offset);
    for (u32 i = 0; i < header_.group_count; ++i) {
      const GroupRecord& group = records[i];
      if (group.segment_count > kMaxSegments || group.capture_count > kMaxCaptures ||
          (group.methods & ~kMethodMask) != 0) {
        return corrupt("router group");
      }
      const u8* pieces = group.body;
      u32 room = sizeof group.body;
      const bool outside = (group.flags & kGroupTextOutside) != 0;
      if (outside) {
        u32 offset;
        std::memcpy(&offset, group.body, sizeof offset);
        if (offset > header_.text_bytes) return corrupt("router group text");
        pieces = texts_ + offset;
        room = header_.text_bytes - offset;
      }
      if (group.piece_count > room) return corrupt("router group pieces");
      u32 literal_bytes = 0;
      u32 captures = 0;
      if (!pieces_fit(pieces, group.piece_count, literal_bytes, captures) ||
          captures != group.capture_count) {
        return corrupt("router group pieces");
      }
      u32 used = group.piece_count + literal_bytes;
      if (used > room) return corrupt("router group literals");
      if (outside) used = sizeof(u32);
      if ((group.flags & kGroupComplex) != 0) {
        GW_TRY(detail(group));
        continue;
      }
      if (group.allow >= header_.allow_count) return corrupt("router group allow");
      const u32 routes = static_cast<u32>(std::popcount(group.methods));
      if (used + 4 * routes > sizeof group.body) return corrupt("router group routes");
      for (u32 r = 0; r < routes; ++r) {
        u32 route;
        std::memcpy(&route, group.body + sizeof group.body - 4 * (r + 1), sizeof route);
        if (route >= route_count_) return corrupt("router route");
      }
    }
    return {};
  }

  Result<void> detail(const GroupRecord& group) const {
    const u64 words = header_.detail_words;
    u64 at = group.detail;
    if (at + 2 > words) return corrupt("router detail");
    const u32 candidates = details_[at];
    if (details_[at + 1] >= header_.allow_count) return corrupt("router detail allow");
    at += 2;
    for (u32 i = 0; i < candidates; ++i) {
      if (at + 2 > words) return corrupt("router candidate");
      const u32 head = details_[at];
      const u32 methods = head & 0xffff;
      const u32 constraints = (head >> 16) & 0xff;
      const u32 others = head >> 24;
      const u32 routes = static_cast<u32>(std::popcount(methods));
      if ((methods & ~kMethodMask) != 0) return corrupt("router candidate methods");
      if (at + 2 + routes + 3 * others + 2 * constraints > words) {
        return corrupt("router candidate");
      }
      if (details_[at + 1] != kNone && details_[at + 1] >= route_count_) {
        return corrupt("router route");
      }
      at += 2;
      for (u32 r = 0; r < routes; ++r, ++at) {
        if (details_[at] >= route_count_) return corrupt("router route");
      }
      for (u32 o = 0; o < others; ++o, at += 3) {
        if (!text(details_[at], details_[at + 1]) || details_[at + 2] >= route_count_) {
          return corrupt("router method");
        }
      }
      for (u32 c = 0; c < constraints; ++c, at += 2) {
        const u32 kind = (details_[at] >> 8) & 0xff;
        if ((details_[at] & 0xff) >= group.capture_count || kind > kConstraintRe2 ||
            details_[at + 1] >= constraint_counts_[kind]) {
          return corrupt("router constraint");
        }
      }
    }
    return {};
  }

  /// Walks the states from first to last and notes where each begins.
  Result<void> mark_states() {
    kinds_.assign(header_.state_words, kKindPadding);
    for (u64 at = 0; at < header_.state_words;) {
      const u64 left = header_.state_words - at;
      const u32* record = states_ + at;
      const u32 kind = record[0] & 0xff;
      const u64 count = record[0] >> 8;
      u64 size = 1;
      if (kind == kKindNode) {
        if (left < kNodeWords || !node_fits(record, left)) return corrupt("router node");
        size = record[kNodeSize];
      } else if (kind == kKindList) {
        size = 1 + 2 * count;
      } else if (kind == kKindBits) {
        if (left < kBitsWords || !bits_fit(record, left)) return corrupt("router bit sets");
        size = record[1];
      } else if (kind != kKindPadding) {
        return corrupt("router state");
      }
      if (size > left) return corrupt("router state size");
      kinds_[at] = static_cast<u8>(kind);
      at += size;
    }
    return {};
  }

  static u64 edge_words(const u32* node) {
    const u32 count = node[kNodeHeader] >> 8;
    return (node[kNodeFlags] & kNodeHashed) != 0 ? u64{4} << count : u64{4} * count;
  }

  bool node_fits(const u32* node, u64 left) const {
    const bool hashed = (node[kNodeFlags] & kNodeHashed) != 0;
    const u32 count = node[kNodeHeader] >> 8;
    if (hashed ? count == 0 || count > 26 : count > kMaxInlineEdges) return false;
    const u64 size = node[kNodeSize];
    const u64 patterns = kNodeWords + edge_words(node);
    if (size > left || patterns > size) return false;
    if (left < kNodeWords + kMaxInlineEdges) return false;  // edges are read eight at a time
    if (node[kNodePatterns] == 0) return true;
    if (node[kNodePatterns] != patterns || patterns + 2 > size) return false;
    const u64 pattern_count = node[patterns];
    const u64 mask_count = node[patterns + 1];
    return pattern_count <= kMaxPatterns &&
           patterns + 2 + 2 * pattern_count + 2 * mask_count <= size;
  }

  bool bits_fit(const u32* bits, u64 left) const {
    const u64 size = bits[1];
    const u64 depth = bits[2];
    const u64 positions = bits[3];
    const u64 candidates = bits[4];
    const u64 words = bits[5];
    if (size > left || depth > kMaxSegments || positions > kMaxSegments) return false;
    if (words != (candidates + 31) / 32) return false;
    const u64 fixed = kBitsWords + candidates + (positions + 2) * words + positions;
    if (fixed > size) return false;
    const u32* blocks = bits + kBitsWords + candidates + (positions + 2) * words;
    for (u64 i = 0; i < positions; ++i) {
      const u64 block = blocks[i];
      if (block + 1 > size) return false;
      const u64 count = bits[block];
      if (block + 1 + words + count * (1 + words) > size) return false;
    }
    return true;
  }

  bool target(u32 value) const {
    if (value == kNone) return true;
    const u32 tag = value >> kTagShift;
    const u32 index = value & kTargetMask;
    if (tag == kTagGroup) {
      return (index >> kRangeShift) + (index & kRangeMask) < header_.group_count;
    }
    if (index >= header_.state_words) return false;
    constexpr u32 kKinds[] = {kKindNode, 0, kKindList, kKindBits};
    return kinds_[index] == kKinds[tag];
  }

  Result<void> check_states() const {
    for (u64 at = 0; at < header_.state_words;) {
      const u32* record = states_ + at;
      switch (record[0] & 0xff) {
        case kKindNode:
          if (!node_holds(record)) return corrupt("router node");
          at += record[kNodeSize];
          break;
        case kKindList:
          for (u32 i = 0; i < record[0] >> 8; ++i) {
            if (record[1 + 2 * i] >= header_.group_count) return corrupt("router list");
          }
          at += 1 + 2 * u64{record[0] >> 8};
          break;
        case kKindBits:
          for (u32 i = 0; i < record[4]; ++i) {
            if (record[kBitsWords + i] >= header_.group_count) return corrupt("router bit sets");
          }
          at += record[1];
          break;
        default:
          ++at;
          break;
      }
    }
    return {};
  }

  bool node_holds(const u32* node) const {
    const u32 count = node[kNodeHeader] >> 8;
    const bool hashed = (node[kNodeFlags] & kNodeHashed) != 0;
    const u32 edges = hashed ? u32{1} << count : count;
    if (node[kNodeEnd] != kNone && node[kNodeEnd] >= header_.group_count) return false;
    if (!target(node[kNodeDefault])) return false;
    const u32* words = node + kNodeWords;
    for (u32 i = 0; i < edges; ++i) {
      if (!target(hashed ? words[2 * i + 1] : words[edges + i])) return false;
    }
    const u32* refs = words + 2 * edges;
    bool inside = true;
    for (u32 i = 0; i < edges; ++i) inside &= text(refs[2 * i], refs[2 * i + 1]);
    return inside && (node[kNodePatterns] == 0 || patterns_hold(node + node[kNodePatterns]));
  }

  bool patterns_hold(const u32* patterns) const {
    const u32 pattern_count = patterns[0];
    const u32 mask_count = patterns[1];
    for (u32 i = 0; i < pattern_count; ++i) {
      const u32 offset = patterns[2 + 2 * i];
      const u32 length = patterns[3 + 2 * i];
      if (length == 0 || !text(offset, length)) return false;
      const u32 pieces = texts_[offset];
      u32 literal_bytes = 0;
      u32 captures = 0;
      if (pieces + 1 > length ||
          !pieces_fit(texts_ + offset + 1, pieces, literal_bytes, captures) ||
          1 + pieces + literal_bytes > length) {
        return false;
      }
    }
    const u32* masks = patterns + 2 + 2 * pattern_count;
    for (u32 i = 0; i < mask_count; ++i) {
      if (!target(masks[2 * i + 1])) return false;
    }
    return true;
  }

  Result<void> hosts() const {
    const auto* records = reinterpret_cast<const HostRecord*>(blob_.data() + header_.hosts_offset);
    for (u64 i = 0; i < host_count_; ++i) {
      if (!text(records[i].name.offset, records[i].name.length) || !target(records[i].root)) {
        return corrupt("router host");
      }
    }
    return {};
  }

  Bytes blob_;
  u32 route_count_;
  u32 constraint_counts_[2];
  RouterHeader header_;
  u64 host_count_ = 0;
  const u32* states_ = nullptr;
  const u32* details_ = nullptr;
  const u8* texts_ = nullptr;
  std::vector<u8> kinds_;  // of the state that begins at a word
};

}  // namespace

Result<void> verify_router(Bytes blob, u32 route_count, u32 dfa_count, u32 re2_count) {
  return Verifier(blob, route_count, dfa_count, re2_count).run();
}

}  // namespace gw::router
