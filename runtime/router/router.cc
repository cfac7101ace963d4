// One look-up: split the path once, probe the static paths, else walk the automaton.
//
// Nothing is believed before match_group() has compared the whole path with the group's shape. A
// fingerprint that lies can therefore only lead to a miss, never to a wrong group: the wrongly
// followed edge's state knows everything that the right one knows, except behind partial patterns,
// whose literals are compared at once. So a miss is checked: if any literal that was followed is
// not what the path holds, the walk is repeated with exact comparisons.
#include "runtime/router/router.h"

#include <emmintrin.h>

#include <algorithm>
#include <bit>

namespace gw::router {

namespace {

using http::Method;

constexpr u32 kSplitCapacity = kMaxSegments + 2;

/// std::popcount is a call into libgcc on the oldest x86-64, which we build for.
inline u32 bit_count(u64 bits) {
  bits -= (bits >> 1) & 0x5555555555555555u;
  bits = (bits & 0x3333333333333333u) + ((bits >> 2) & 0x3333333333333333u);
  bits = (bits + (bits >> 4)) & 0x0f0f0f0f0f0f0f0fu;
  return static_cast<u32>((bits * 0x0101010101010101u) >> 56);
}

/// The slashes of a path; ends[count] is the path's size. More segments than any template has are
/// not looked for: `count` is then kMaxSegments + 1.
struct Segments {
  std::string_view path;
  u32 count = 0;
  u32 slash[kSplitCapacity + 64 + 8];

  // 64 bytes at a time become one mask, whose first eight bits are taken without asking how many
  // there are: the number of slashes is what no branch predictor knows. Hence the room behind.
  void split(std::string_view text) {
    path = text;
    const char* const data = text.data();
    const u32 size = static_cast<u32>(text.size());
    u32 found = 0;
    for (u32 at = 0; at < size && found <= kMaxSegments; at += 64) {
      u64 hits = slashes(data + at, size - at);
      const u32 total = found + bit_count(hits);
      for (u32* to = slash + found;; to += 8) {
        for (u32 i = 0; i < 8; ++i) {
          to[i] = at + static_cast<u32>(std::countr_zero(hits));
          hits &= hits - 1;
        }
        if (hits == 0) break;
      }
      found = total;
    }
    count = found > kMaxSegments ? kMaxSegments + 1 : found;
    slash[count] = size;
  }

  /// The slashes among the first 64 of `left` bytes.
  static u64 slashes(const char* data, u32 left) {
    const __m128i wanted = _mm_set1_epi8('/');
    const auto chunk = [wanted](const char* from) {
      const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
      return u64{static_cast<u32>(_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, wanted)))};
    };
    const u32 used = std::min(left, 64u);
    if (used < 8) {
      u64 hits = 0;
      for (u32 i = 0; i < used; ++i) hits |= u64{data[i] == '/'} << i;
      return hits;
    }
    if (used < 16) {
      const auto half = [wanted](const char* from) {
        const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(from));
        return u64{static_cast<u32>(_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, wanted))) & 0xff};
      };
      return half(data) | half(data + used - 8) << (used - 8);
    }
    u64 hits = chunk(data);
    if (used >= 32) hits |= chunk(data + 16) << 16;
    if (used >= 48) hits |= chunk(data + 32) << 32;
    return hits | chunk(data + used - 16) << (used - 16);
  }

  u32 begin(u32 segment) const { return slash[segment] + 1; }
  u32 end(u32 segment) const { return slash[segment + 1]; }
  std::string_view text(u32 segment) const {
    return {path.data() + begin(segment), end(segment) - begin(segment)};
  }
  u64 hash(u32 segment) const {
    return segment_hash(path.data() + begin(segment), end(segment) - begin(segment));
  }
};

/// memcmp for the short texts of templates, without a call.
inline bool equal_bytes(const char* a, const char* b, size_t length) {
  if (length >= 8) {
    u64 left;
    u64 right;
    for (size_t at = 0; at + 8 < length; at += 8) {
      std::memcpy(&left, a + at, 8);
      std::memcpy(&right, b + at, 8);
      if (left != right) return false;
    }
    std::memcpy(&left, a + length - 8, 8);
    std::memcpy(&right, b + length - 8, 8);
    return left == right;
  }
  if (length >= 4) {
    u32 left;
    u32 right;
    u32 left_end;
    u32 right_end;
    std::memcpy(&left, a, 4);
    std::memcpy(&right, b, 4);
    std::memcpy(&left_end, a + length - 4, 4);
    std::memcpy(&right_end, b + length - 4, 4);
    return ((left ^ right) | (left_end ^ right_end)) == 0;
  }
  for (size_t at = 0; at < length; ++at) {
    if (a[at] != b[at]) return false;
  }
  return true;
}

/// Compares text[at..limit) of a path with pieces. `segment_end(position)` is the end of the
/// segment that `position` lies in.
template <class SegmentEnd>
bool match_pieces(const char* path, u32 at, u32 limit, const u8* pieces, u32 piece_count,
                  const char* literal, SegmentEnd segment_end, Capture* captures) {
  for (u32 i = 0; i < piece_count; ++i) {
    const u8 piece = pieces[i];
    if (piece >= kPieceLiteral) {
      const u32 length = piece - kPieceLiteral + 1u;
      if (limit - at < length || !equal_bytes(path + at, literal, length)) return false;
      at += length;
      literal += length;
      continue;
    }
    u32 end = limit;
    if (piece != kPieceRest) end = segment_end(at);
    if (piece == kPieceBefore || piece == kPieceUntil) {
      // SAFETY: verify_router checked that a literal follows both pieces.
      const u32 length = pieces[i + 1] - kPieceLiteral + 1u;
      if (end - at < length + 1) return false;
      if (piece == kPieceBefore) {
        end -= length;
      } else {
        const std::string_view segment(path + at, end - at);
        const size_t found = segment.find(std::string_view(literal, length), 1);
        if (found == std::string_view::npos) return false;
        end = at + static_cast<u32>(found);
      }
    }
    if (end <= at) return false;
    captures->begin = at;
    captures->end = end;
    ++captures;
    at = end;
  }
  return at == limit;
}

bool decode(std::string_view value, char* out, u32& size) {
  size = 0;
  for (size_t i = 0; i < value.size(); ++i) {
    if (size == RouterView::kMaxConstraintBytes) return false;
    char c = value[i];
    if (c == '%' && i + 2 < value.size()) {
      const auto digit = [](char d) {
        if (d >= '0' && d <= '9') return d - '0';
        d = static_cast<char>(d | 0x20);
        return d >= 'a' && d <= 'f' ? d - 'a' + 10 : -1;
      };
      const int high = digit(value[i + 1]);
      const int low = digit(value[i + 2]);
      if (high >= 0 && low >= 0) {
        c = static_cast<char>(high << 4 | low);
        i += 2;
      }
    }
    out[size++] = c;
  }
  return true;
}

}  // namespace

class Walk {
 public:
  Walk(const RouterView& view, std::string_view path, Capture* captures)
      : view_(view), captures_(captures) {
    segments_.split(path);
  }

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

namespace {

/// What a path matched is asked for: everything but the shape.
struct Request {
  std::string_view path;
  Method method;
  std::string_view method_text;
  const ConstraintOracle& oracle;
  const Capture* captures;
};

u32 method_bit(Method method) {
  return method == Method::Other ? 0 : u32{1} << static_cast<u32>(method);
}

u32 rank_of(u32 methods, u32 bit) { return bit_count(methods & (bit - 1)); }

/// The bit under which `methods` serves the request: its own, or GET's for HEAD; 0: none.
u32 served_bit(u32 methods, Method method) {
  const u32 bit = method_bit(method);
  if ((methods & bit) != 0) return bit;
  constexpr u32 kGet = 1u << static_cast<u32>(Method::Get);
  return method == Method::Head ? methods & kGet : 0;
}

/// One candidate of a complex group, in place.
struct Candidate {
  u32 methods;
  u32 any_route;
  u32 constraint_count;
  u32 other_count;
  const u32* routes;
  const u32* others;
  const u32* constraints;
  const u32* end;

  explicit Candidate(const u32* words) {
    methods = words[0] & 0xffff;
    constraint_count = (words[0] >> 16) & 0xff;
    other_count = words[0] >> 24;
    any_route = words[1];
    routes = words + 2;
    others = routes + bit_count(methods);
    constraints = others + 3 * other_count;
    end = constraints + 2 * constraint_count;
  }

  u32 route(const Request& request, const char* texts) const {
    if (const u32 bit = served_bit(methods, request.method); bit != 0) {
      return routes[rank_of(methods, bit)];
    }
    if (request.method == Method::Other) {
      for (u32 i = 0; i < other_count; ++i) {
        const std::string_view name(texts + others[3 * i], others[3 * i + 1]);
        if (name == request.method_text) return others[3 * i + 2];
      }
    }
    return any_route;
  }
};

bool accepts(const u32* constraint, const Request& request, char* buffer) {
  const Capture capture = request.captures[constraint[0] & 0xff];
  std::string_view value = request.path.substr(capture.begin, capture.end - capture.begin);
  if (value.find('%') != std::string_view::npos || value.size() > RouterView::kMaxConstraintBytes) {
    u32 size = 0;
    if (!decode(value, buffer, size)) return false;
    value = {buffer, size};
  }
  return ((constraint[0] >> 8) & 0xff) == kConstraintDfa
             ? request.oracle.dfa_accepts(constraint[1], value)
             : request.oracle.re2_accepts(constraint[1], value);
}

/// The first constraint that refuses, or null.
const u32* refusing(const Candidate& candidate, const Request& request) {
  char buffer[RouterView::kMaxConstraintBytes];
  for (u32 i = 0; i < candidate.constraint_count; ++i) {
    const u32* constraint = candidate.constraints + 2 * i;
    if (!accepts(constraint, request, buffer)) return constraint;
  }
  return nullptr;
}

void refuse_method(Method method, Lookup& lookup) {
  lookup.outcome = method == Method::Options ? Outcome::OptionsDefault : Outcome::MethodNotAllowed;
}

/// Chooses among the candidates of a group. Returns the index of the Allow text if none has the
/// method, else kNone.
u32 choose_candidate(const u32* words, const char* texts, const Request& request, Lookup& lookup) {
  const u32 candidate_count = words[0];
  const u32 allow = words[1];
  const u32* at = words + 2;
  u32 widest = kNone;
  const u32* failed = nullptr;
  for (u32 i = 0; i < candidate_count; ++i) {
    const Candidate candidate(at);
    at = candidate.end;
    const u32 route = candidate.route(request, texts);
    if (route == kNone) continue;
    failed = refusing(candidate, request);
    widest = route;
    if (failed == nullptr) break;
  }
  if (widest == kNone) {
    refuse_method(request.method, lookup);
    return allow;
  }
  if (failed != nullptr && (failed[0] >> 16 & 1) != 0) {
    lookup.outcome = Outcome::NotFound;
    return kNone;
  }
  lookup.outcome = Outcome::Found;
  lookup.route = widest;
  if (failed != nullptr) {
    lookup.constraint_failed = true;
    lookup.failed_capture = static_cast<u8>(failed[0] & 0xff);
  }
  return kNone;
}

}  // namespace

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

}  // namespace gw::router
