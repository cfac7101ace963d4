// The router's section of the table: the byte layout that compiler/router writes and
// runtime/router reads.
//
// A template that holds no parameter is found by one perfect-hash probe on (host, whole path). All
// others hang in an automaton over segments. Its states, by kind:
//   node     literal edges by 32-bit fingerprint, partial patterns by mask, one edge for the rest
//   list     few live groups left: each is compared with the whole path, in order of priority
//   bit sets a sub-automaton that would have exploded: one set of candidates per segment
// The walk trusts fingerprints; whatever it finds is compared with the whole path, and a walk
// that ends in nothing is verified and, if a fingerprint lied, repeated with full comparisons.
//
// All templates of one shape form a *group*: 64 bytes, one cache line, that hold the shape, its
// methods and routes unless they are too many. Groups are numbered static ones first, then by host
// and priority: of two groups of one host that match, the smaller number wins.
//
// Offsets are in bytes from the start of the section; little-endian; 64-byte aligned.
#pragma once
#include <cstring>
#include <type_traits>

#include "runtime/base/types.h"

namespace gw::router {

inline constexpr u32 kMagic = 0x31525447;  // "GTR1"
inline constexpr u32 kNone = ~u32{0};
inline constexpr u32 kMaxSegments = 64;  // of a template; requests may have more
inline constexpr u32 kAlignment = 64;

struct RouterHeader {
  u32 magic = kMagic;
  u32 total_bytes = 0;  // a multiple of 64
  u32 groups_offset = 0;
  u32 group_count = 0;
  u32 static_count = 0;  // the first groups, found by the perfect hash
  u32 hosts_offset = 0;
  u32 exact_host_count = 0;     // hosts: exact, wildcard, any
  u32 wildcard_host_count = 0;  // names begin with a dot
  u32 any_host = kNone;         // index of the host record for any host
  u32 states_offset = 0;
  u32 state_words = 0;
  u32 details_offset = 0;
  u32 detail_words = 0;
  u32 texts_offset = 0;
  u32 text_bytes = 0;
  u32 allows_offset = 0;  // TextRef[allow_count]
  u32 allow_count = 0;
  u32 static_hash_offset = 0;
  u32 exact_hash_offset = 0;
  u32 wildcard_hash_offset = 0;
  u32 reserved[12] = {};
};
static_assert(sizeof(RouterHeader) == 128);

struct TextRef {
  u32 offset = 0;  // into the texts
  u32 length = 0;
};

struct HostRecord {
  TextRef name;
  u32 root = kNone;  // target
  u32 host_id = kNone;
  u64 static_filter = 0;  // static_filter_bit() of every static path
};
static_assert(sizeof(HostRecord) == 24);

// Group -----------------------------------------------------------------------------------------
struct GroupRecord {
  u16 methods = 0;  // bit per http::Method; Other never
  u16 allow = 0;    // index of the Allow text, if not complex
  u8 flags = 0;
  u8 capture_count = 0;
  u8 segment_count = 0;
  u8 piece_count = 0;
  u32 detail = kNone;  // word in details; complex groups only
  u8 body[52] = {};    // pieces, literals ... routes (u32, at the end, one per method)
};
static_assert(sizeof(GroupRecord) == 64);

inline constexpr u8 kGroupCatchAll = 1;
inline constexpr u8 kGroupComplex = 2;      // candidates and routes are in the details
inline constexpr u8 kGroupTextOutside = 4;  // body: u32 offset into the texts of pieces + literals

// Pieces: what the path has to hold, from its first byte to its last.
inline constexpr u8 kPieceParameter = 0;  // to the end of the segment, not empty
inline constexpr u8 kPieceUntil = 1;      // to the next literal within the segment, shortest
inline constexpr u8 kPieceBefore = 2;     // to where the next literal would end the segment
inline constexpr u8 kPieceRest = 3;       // to the end of the path, not empty
inline constexpr u8 kPieceLiteral = 4;    // + n - 1: a literal of n bytes
inline constexpr u32 kMaxPieceLiteral = 252;

// Details of a complex group, in words: candidate_count, allow index, then per candidate:
//   word 0  methods | constraint_count << 16 | other_count << 24
//   word 1  route of any method, or kNone
//   routes, one per method bit; others: text offset, length, route; constraints: two words each
//   constraint 0  capture | kind << 8 | match_only << 16;  1: index
inline constexpr u32 kConstraintDfa = 0;
inline constexpr u32 kConstraintRe2 = 1;
inline constexpr u32 kMaxOtherMethods = 255;

// Targets ---------------------------------------------------------------------------------------
inline constexpr u32 kTagShift = 30;
inline constexpr u32 kTagNode = 0;
inline constexpr u32 kTagGroup = 1;  // value: first group << 2 | how many more follow it
inline constexpr u32 kTagList = 2;
inline constexpr u32 kTagBits = 3;  // kNone has this tag too
inline constexpr u32 kTargetMask = (u32{1} << kTagShift) - 1;
inline constexpr u32 kRangeShift = 2;
inline constexpr u32 kRangeMask = 3;
inline constexpr u32 kMaxGroups = kTargetMask >> kRangeShift;
constexpr u32 make_target(u32 tag, u32 value) { return tag << kTagShift | value; }

// States, in words. Word 0 is kind | count << 8.
inline constexpr u32 kKindPadding = 0;  // one word
inline constexpr u32 kKindNode = 1;
inline constexpr u32 kKindList = 2;  // count x (group, filter)
inline constexpr u32 kKindBits = 3;

// Node: words 0..7, then edges, then patterns.
inline constexpr u32 kNodeHeader = 0;    // count: of literals, or log2 of the table's capacity
inline constexpr u32 kNodeSize = 1;      // in words
inline constexpr u32 kNodeEnd = 2;       // group when the path ends here
inline constexpr u32 kNodeDefault = 3;   // target of any other segment
inline constexpr u32 kNodePatterns = 4;  // word, from the node, of the patterns; 0: none
inline constexpr u32 kNodeFlags = 5;
inline constexpr u32 kNodeWords = 8;
inline constexpr u32 kNodeHashed = 1;   // open addressing: capacity x (fingerprint, target)
inline constexpr u32 kNodeSplit = 2;    // literal edges leave out the other templates: try both
inline constexpr u32 kNodeOrdered = 4;  // split, and a literal match beats all others
inline constexpr u32 kNodeExact = 8;    // compare literals at once: patterns, or equal fingerprints
inline constexpr u32 kMaxInlineEdges = 8;
inline constexpr u32 kMaxSplits = 3;  // on one way through the automaton
// small: fingerprints[count], targets[count], TextRef[count]
// hashed: (fingerprint, target)[capacity], TextRef[capacity]; an empty entry has target kNone
// patterns: pattern_count, mask_count, then TextRef[pattern_count] of (u8 piece_count, pieces,
// literals), then (mask, target)[mask_count]
inline constexpr u32 kMaxPatterns = 16;

// List filter: what a group needs, to spare loading it.
inline constexpr u32 kFilterCatchAll = 1u << 8;
inline constexpr u32 kFilterPositionShift = 9;
inline constexpr u32 kFilterNoPosition = 127;
inline constexpr u32 kFilterFingerprintShift = 16;

// Bit sets, in words: header, size, depth, position_count, candidate_count, word_count, then
// groups[candidate_count], lengths[position_count + 2][word_count] (by segments left, the last for
// more), block offsets[position_count] (from the record); a block: count, default[word_count],
// fingerprints[count] ascending, sets[count][word_count].
inline constexpr u32 kBitsWords = 6;

/// The hash of one segment. Its low half is the fingerprint, 0 only for the empty segment; the
/// high half places it in tables. Not keyed: requests can collide, which costs a second walk, but
/// they cannot add entries.
inline u64 segment_hash(const char* text, size_t length) {
  constexpr u64 kFirst = 0x9e3779b97f4a7c15u;
  constexpr u64 kSecond = 0xd6e8feb86659fd93u;
  const auto load8 = [](const char* p) {
    u64 value;
    std::memcpy(&value, p, sizeof value);
    return value;
  };
  const auto load4 = [](const char* p) {
    u32 value;
    std::memcpy(&value, p, sizeof value);
    return u64{value};
  };
  if (length == 0) return 0;
  u64 a = 0;
  u64 b = 0;
  if (length >= 8) {
    a = load8(text);
    b = load8(text + length - 8);
    for (size_t at = 8; at + 8 < length; at += 8) {
      a = (a ^ load8(text + at)) * kFirst;
      a ^= a >> 29;
    }
  } else if (length >= 4) {
    a = load4(text);
    b = load4(text + length - 4);
  } else {
    a = u64{static_cast<u8>(text[0])} | u64{static_cast<u8>(text[length / 2])} << 8 |
        u64{static_cast<u8>(text[length - 1])} << 16;
  }
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a ^ kFirst ^ (u64{length} << 56)) * (b ^ kSecond);
  u64 hash = static_cast<u64>(product) ^ static_cast<u64>(product >> 64);
  hash = (hash ^ (hash >> 32)) * kFirst;
  return hash | 1;
}
inline u32 fingerprint_of(u64 hash) { return static_cast<u32>(hash); }
inline u32 table_index(u64 hash, u32 capacity_log2) {
  return static_cast<u32>((hash >> 32) >> (32 - capacity_log2));
}
/// Spares most requests the probe for a static path.
inline u64 static_filter_bit(size_t path_bytes, u32 segments) {
  return u64{1} << ((path_bytes + size_t{17} * segments) % 64);
}
/// Separates the paths of hosts in the perfect hash of static paths.
inline u64 host_salt(u32 host) { return u64{host} * 0x9e3779b97f4a7c15u; }

}  // namespace gw::router
