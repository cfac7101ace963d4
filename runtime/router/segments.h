// A path split at its slashes; private to this folder.
#pragma once
#include <emmintrin.h>

#include <algorithm>
#include <bit>
#include <string_view>

#include "runtime/router/format.h"

namespace gw::router {

/// std::popcount is a call into libgcc on the oldest x86-64, which we build for.
inline u32 bit_count(u64 bits) {
  bits -= (bits >> 1) & 0x5555555555555555u;
  bits = (bits & 0x3333333333333333u) + ((bits >> 2) & 0x3333333333333333u);
  bits = (bits + (bits >> 4)) & 0x0f0f0f0f0f0f0f0fu;
  return static_cast<u32>((bits * 0x0101010101010101u) >> 56);
}

inline constexpr u32 kSplitCapacity = kMaxSegments + 2;

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

}  // namespace gw::router
