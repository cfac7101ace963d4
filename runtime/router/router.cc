// One look-up: split the path once, probe the static paths, else walk the automaton.
//
// Nothing is believed before matches() has compared the whole path with the group's shape. A
// fingerprint that lies can therefore only lead to a miss, never to a wrong group: the wrongly
// followed edge's state knows everything that the right one knows, except behind partial patterns,
// whose literals are compared at once. So a miss is checked: if any literal that was followed is
// not what the path holds, the walk is repeated with exact comparisons.
#include "runtime/router/router.h"

#include <emmintrin.h>

#include <algorithm>
#include <bit>

#include "runtime/router/candidates.h"
#include "runtime/router/match.h"
#include "runtime/router/segments.h"

namespace gw::router {

using http::Method;

class Walk {
 public:
  Walk(const RouterView& view, std::string_view path, Capture* captures)
      : view_(view), captures_(captures), segments_(path) {}

  /// The group whose shape the path has, or kNone; its captures are written.
  u32 find(u32 host) {
    const HostRecord& record = view_.hosts_[host];
    if ((record.static_filter & static_filter_bit(segments_.path.size(), segments_.count)) != 0) {
      const Phf phf(view_.blob_ + view_.header_.static_hash_offset);
      const u32 group = phf.find_hashed(phf_hash(segments_.path, phf.seed() + host_salt(host)));
      if (group != kNoKey && matches(group)) return group;
    }
    if (record.root == kNone || segments_.count == 0) return kNone;
    followed_count_ = 0;
    const u32 group = run<false>(record.root);
    if (group != kNone || followed_literals_are_true()) return group;
    return run<true>(record.root);
  }

 private:
  // Without initialisers: arrays of both are left as they are until used.
  struct Alternative {
    u32 node;
    u32 segment;
    bool ordered;
  };
  struct Followed {
    u32 literal;  // word of its TextRef
    u32 segment;
  };

  const u32* state(u32 target) const { return view_.states_ + (target & kTargetMask); }
  std::string_view text(u32 word) const {
    return {view_.texts_ + view_.states_[word], view_.states_[word + 1]};
  }

  bool matches(u32 group) {
    const GroupRecord& record = view_.groups_[group];
    const u32 count = segments_.count;
    const bool catch_all = (record.flags & kGroupCatchAll) != 0;
    if (count != record.segment_count && !(catch_all && count > record.segment_count)) {
      return false;
    }
    const u8* pieces = record.body;
    if ((record.flags & kGroupTextOutside) != 0) {
      u32 offset;
      std::memcpy(&offset, record.body, sizeof offset);
      pieces = reinterpret_cast<const u8*>(view_.texts_ + offset);
    }
    const char* literals = reinterpret_cast<const char*>(pieces) + record.piece_count;
    u32 slash = 0;
    const auto segment_end = [this, &slash](u32 at) {
      while (segments_.slash[slash] < at) ++slash;
      return segments_.slash[slash];
    };
    return match_pieces(segments_.path.data(), 0, static_cast<u32>(segments_.path.size()), pieces,
                        record.piece_count, literals, segment_end, captures_);
  }

  template <bool kExact>
  u32 run(u32 target) {
    alternative_count_ = 0;
    u32 best = advance<kExact>(target, 0);
    u32 tries = 0;
    while (alternative_count_ > 0 && ++tries < kMaxAlternatives) {
      const Alternative next = alternatives_[--alternative_count_];
      if (next.ordered && best != kNone) continue;
      const u32* node = view_.states_ + next.node;
      const u32 found = advance<kExact>(other_target<kExact>(node, next.segment), next.segment + 1);
      if (found < best) best = found;
    }
    // The captures may be those of a match that lost.
    if (tries > 0 && best != kNone) matches(best);
    return best;
  }

  template <bool kExact>
  u32 advance(u32 target, u32 segment) {
    for (;; ++segment) {
      if (target == kNone) return kNone;
      const u32 tag = target >> kTagShift;
      if (tag == kTagGroup) return check_range(target & kTargetMask);
      const u32* record = state(target);
      if (tag == kTagList) return check_list(record);
      if (tag == kTagBits) return check_bits(record);
      if (segment == segments_.count) {
        const u32 group = record[kNodeEnd];
        return group != kNone && matches(group) ? group : kNone;
      }
      if (segment >= kMaxSegments) return kNone;
      target = next_target<kExact>(record, segment);
    }
  }

  /// Up to four groups that follow each other: their lines are fetched together.
  u32 check_range(u32 value) {
    const u32 first = value >> kRangeShift;
    const u32 last = first + (value & kRangeMask);
    for (u32 group = first + 1; group <= last; ++group) {
      __builtin_prefetch(view_.groups_ + group);
    }
    for (u32 group = first; group <= last; ++group) {
      if (matches(group)) return group;
    }
    return kNone;
  }

  template <bool kExact>
  u32 next_target(const u32* node, u32 segment) {
    u32 word = 0;
    const u32 literal = literal_target<kExact>(node, segment, word);
    if (literal == kNone) return other_target<kExact>(node, segment);
    if ((node[kNodeFlags] & kNodeSplit) != 0 && alternative_count_ < kMaxStack) {
      alternatives_[alternative_count_++] = {static_cast<u32>(node - view_.states_), segment,
                                             (node[kNodeFlags] & kNodeOrdered) != 0};
    }
    if (followed_count_ < kMaxFollowed) followed_[followed_count_] = {word, segment};
    ++followed_count_;
    return literal;
  }

  template <bool kExact>
  [[gnu::always_inline]] u32 literal_target(const u32* node, u32 segment, u32& word) const {
    const u32 count = node[kNodeHeader] >> 8;
    const u64 hash = segments_.hash(segment);
    const u32 fingerprint = fingerprint_of(hash);
    const u32 node_word = static_cast<u32>(node - view_.states_);
    const bool exact = kExact || (node[kNodeFlags] & kNodeExact) != 0;
    const u32* edges = node + kNodeWords;
    if ((node[kNodeFlags] & kNodeHashed) == 0) {
      // SAFETY: verify_router checked that the state region goes on for eight words.
      const __m128i wanted = _mm_set1_epi32(static_cast<int>(fingerprint));
      const auto four = [edges, wanted](u32 from) {
        const auto* at = reinterpret_cast<const __m128i*>(edges + from);
        const __m128i equal = _mm_cmpeq_epi32(_mm_loadu_si128(at), wanted);
        return static_cast<u32>(_mm_movemask_ps(_mm_castsi128_ps(equal)));
      };
      u32 hits = (four(0) | four(4) << 4) & ((u32{1} << count) - 1);
      for (; hits != 0; hits &= hits - 1) {
        const u32 i = static_cast<u32>(std::countr_zero(hits));
        word = node_word + kNodeWords + 2 * count + 2 * i;
        if (exact && text(word) != segments_.text(segment)) continue;
        return edges[count + i];
      }
      return kNone;
    }
    const u32 capacity = u32{1} << count;
    u32 at = table_index(hash, count);
    for (u32 i = 0; i < capacity; ++i, at = (at + 1) & (capacity - 1)) {
      const u32 target = edges[2 * at + 1];
      if (target == kNone) return kNone;
      if (edges[2 * at] != fingerprint) continue;
      word = node_word + kNodeWords + 2 * capacity + 2 * at;
      if (exact && text(word) != segments_.text(segment)) continue;
      return target;
    }
    return kNone;
  }

  /// Where a segment leads that is no literal of the node.
  template <bool kExact>
  u32 other_target(const u32* node, u32 segment) const {
    const std::string_view value = segments_.text(segment);
    if (value.empty()) return kNone;
    if (node[kNodePatterns] == 0) return node[kNodeDefault];
    const u32* patterns = node + node[kNodePatterns];
    const u32 pattern_count = patterns[0];
    const u32 mask_count = patterns[1];
    u32 mask = 0;
    for (u32 i = 0; i < pattern_count; ++i) {
      if (matches_pattern(patterns + 2 + 2 * i, value)) mask |= u32{1} << i;
    }
    if (mask == 0) return node[kNodeDefault];
    const u32* masks = patterns + 2 + 2 * pattern_count;
    for (u32 i = 0; i < mask_count; ++i) {
      if (masks[2 * i] == mask) return masks[2 * i + 1];
    }
    return kNone;
  }

  bool matches_pattern(const u32* ref, std::string_view value) const {
    const u8* pattern = reinterpret_cast<const u8*>(view_.texts_ + ref[0]);
    Capture ignored[kMaxCaptures];
    const u32 size = static_cast<u32>(value.size());
    return match_pieces(
        value.data(), 0, size, pattern + 1, pattern[0],
        reinterpret_cast<const char*>(pattern) + 1 + pattern[0], [size](u32) { return size; },
        ignored);
  }

  u32 check_list(const u32* list) {
    const u32 count = list[0] >> 8;
    for (u32 i = 0; i < count; ++i) {
      const u32 group = list[1 + 2 * i];
      const u32 filter = list[2 + 2 * i];
      const u32 needed = filter & 0xff;
      const bool long_enough =
          (filter & kFilterCatchAll) != 0 ? segments_.count >= needed : segments_.count == needed;
      if (!long_enough) continue;
      const u32 position = (filter >> kFilterPositionShift) & 127;
      if (position < segments_.count && position < kMaxSegments &&
          (fingerprint_of(segments_.hash(position)) >> 16) != filter >> kFilterFingerprintShift) {
        continue;
      }
      if (matches(group)) return group;
    }
    return kNone;
  }

  u32 check_bits(const u32* bits) {
    const u32 depth = bits[2];
    const u32 positions = bits[3];
    const u32 candidates = bits[4];
    const u32 words = bits[5];
    if (segments_.count < depth) return kNone;
    const u32 left = segments_.count - depth;
    const u32* groups = bits + kBitsWords;
    const u32* lengths = groups + candidates;
    const u32* blocks = lengths + (positions + 2) * words;
    const u32* length = lengths + std::min(left, positions + 1) * words;
    const u32* sets[kMaxSegments];
    const u32 used = std::min({left, positions, kMaxSegments - std::min(depth, kMaxSegments)});
    for (u32 i = 0; i < used; ++i) sets[i] = set_of(bits + blocks[i], words, depth + i);
    for (u32 word = 0; word < words; ++word) {
      u32 live = length[word];
      for (u32 i = 0; i < used && live != 0; ++i) live &= sets[i][word];
      for (; live != 0; live &= live - 1) {
        const u32 index = word * 32 + static_cast<u32>(std::countr_zero(live));
        if (index < candidates && matches(groups[index])) return groups[index];
      }
    }
    return kNone;
  }

  const u32* set_of(const u32* block, u32 words, u32 segment) const {
    const u32 count = block[0];
    const u32* fingerprints = block + 1 + words;
    const u32 wanted = fingerprint_of(segments_.hash(segment));
    u32 low = 0;
    u32 high = count;
    while (low < high) {
      const u32 middle = (low + high) / 2;
      if (fingerprints[middle] < wanted) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    if (low == count || fingerprints[low] != wanted) return block + 1;
    return fingerprints + count + low * words;
  }

  bool followed_literals_are_true() const {
    if (followed_count_ > kMaxFollowed) return false;
    for (u32 i = 0; i < followed_count_; ++i) {
      if (text(followed_[i].literal) != segments_.text(followed_[i].segment)) return false;
    }
    return true;
  }

  static constexpr u32 kMaxStack = kMaxSplits + 1;
  static constexpr u32 kMaxAlternatives = 1u << (kMaxSplits + 1);
  static constexpr u32 kMaxFollowed = 64;

  const RouterView& view_;
  Capture* captures_;
  Segments segments_;
  Alternative alternatives_[kMaxStack];
  u32 alternative_count_ = 0;
  Followed followed_[kMaxFollowed];
  u32 followed_count_ = 0;
};

RouterView::RouterView(const std::byte* blob) : blob_(blob) {
  // SAFETY: verify_router checked every offset and its alignment.
  std::memcpy(&header_, blob, sizeof header_);
  groups_ = reinterpret_cast<const GroupRecord*>(blob + header_.groups_offset);
  hosts_ = reinterpret_cast<const HostRecord*>(blob + header_.hosts_offset);
  states_ = reinterpret_cast<const u32*>(blob + header_.states_offset);
  details_ = reinterpret_cast<const u32*>(blob + header_.details_offset);
  texts_ = reinterpret_cast<const char*>(blob + header_.texts_offset);
  static_paths_ = Phf(blob + header_.static_hash_offset);
  exact_hosts_ = Phf(blob + header_.exact_hash_offset);
  wildcard_hosts_ = Phf(blob + header_.wildcard_hash_offset);
}

Lookup RouterView::find(std::string_view host, std::string_view path, http::Method method,
                        std::string_view method_text, const ConstraintOracle& oracle,
                        Capture captures[kMaxCaptures]) const {
  Lookup lookup;
  Walk walk(*this, path, captures);
  u32 group = kNone;
  // Tries one level of hosts; true: the path matched there.
  const auto try_host = [&](u32 index) {
    if (lookup.host_id == kNone) lookup.host_id = hosts_[index].host_id;
    group = walk.find(index);
    if (group != kNone) lookup.host_id = hosts_[index].host_id;
    return group != kNone;
  };
  const auto named = [&](const Phf& phf, u32 base, std::string_view name) {
    const u32 found = phf.find(name);
    if (found == kNoKey) return false;
    const HostRecord& record = hosts_[base + found];
    if (std::string_view(texts_ + record.name.offset, record.name.length) != name) return false;
    return try_host(base + found);
  };
  const auto try_hosts = [&] {
    if (header_.exact_host_count != 0 && named(exact_hosts_, 0, host)) {
      return true;
    }
    if (header_.wildcard_host_count != 0) {
      constexpr size_t kMaxHostBytes = 255;
      size_t dot = host.size() > kMaxHostBytes ? std::string_view::npos : host.find('.', 1);
      for (; dot != std::string_view::npos; dot = host.find('.', dot + 1)) {
        if (named(wildcard_hosts_, header_.exact_host_count, host.substr(dot))) return true;
      }
    }
    return header_.any_host != kNone && try_host(header_.any_host);
  };
  if (!try_hosts()) return lookup;

  const GroupRecord& record = groups_[group];
  lookup.group = group;
  lookup.capture_count = record.capture_count;
  u32 allow = record.allow;
  if ((record.flags & kGroupComplex) == 0) {
    const u32 methods = record.methods;
    if (const u32 bit = served_bit(methods, method); bit != 0) {
      const u32 count = bit_count(methods);
      std::memcpy(
          &lookup.route,
          record.body + sizeof record.body - 4 * size_t{count} + 4 * size_t{rank_of(methods, bit)},
          sizeof lookup.route);
      lookup.outcome = Outcome::Found;
      return lookup;
    }
    refuse_method(method, lookup);
  } else {
    const Request request{path, method, method_text, oracle, captures};
    allow = choose_candidate(details_ + record.detail, texts_, request, lookup);
    if (allow == kNone) return lookup;
  }
  TextRef ref;
  std::memcpy(&ref, blob_ + header_.allows_offset + size_t{allow} * sizeof ref, sizeof ref);
  lookup.allow = {texts_ + ref.offset, ref.length};
  return lookup;
}

u32 RouterView::refused_capture(u32 group, u32 route, std::string_view path,
                                const ConstraintOracle& oracle, const Capture* captures) const {
  if (group == kNone || (groups_[group].flags & kGroupComplex) == 0) return kNone;
  const Request request{path, http::Method::Other, {}, oracle, captures};
  return router::refused_capture(details_ + groups_[group].detail, route, request);
}

}  // namespace gw::router
