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

/// The slashes of a path; slash[count] is the path's size. More segments than any template has are
/// not looked for: `count` is then kMaxSegments + 1. Views the path, which outlives it.
class Segments {
 public:
  explicit Segments(std::string_view text) : path(text) {
    const u32 size = static_cast<u32>(text.size());
    if (size >= 64) {
      split_long(size);
      return;
    }
    // The end stands as a slash behind the last one. Eight are taken without asking how many there
    // are: that is what no branch predictor knows. Hence the room behind.
    u64 hits = slashes(text.data(), size);
    count = bit_count(hits);
    hits |= u64{1} << size;
    u32* to = slash;
    do {
#pragma GCC unroll 8
      for (u32 i = 0; i < 8; ++i) {
        constexpr u64 kLast = u64{1} << 63;  // so that there is a bit to be found
        to[i] = static_cast<u32>(__builtin_ctzll(hits | kLast));
        hits &= hits - 1;
      }
      to += 8;
    } while (hits != 0);
  }

  std::string_view path;
  u32 count = 0;
  u32 slash[kMaxSegments + 2 + 64 + 8];

  u32 begin(u32 segment) const { return slash[segment] + 1; }
  u32 end(u32 segment) const { return slash[segment + 1]; }
  std::string_view text(u32 segment) const {
    return {path.data() + begin(segment), end(segment) - begin(segment)};
  }
  u64 hash(u32 segment) const {
    return segment_hash(path.data() + begin(segment), end(segment) - begin(segment));
  }

 private:
  /// The slashes among up to 64 bytes.
  static u64 slashes(const char* data, u32 left) {
    const __m128i wanted = _mm_set1_epi8('/');
    if (left >= 16) {
      const auto sixteen = [wanted](const char* from) {
        const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
        return u64{static_cast<u32>(_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, wanted)))};
      };
      u64 hits = sixteen(data);
      if (left >= 32) hits |= sixteen(data + 16) << 16;
      if (left >= 48) hits |= sixteen(data + 32) << 32;
      return hits | sixteen(data + left - 16) << (left - 16);
    }
    if (left >= 8) {
      const auto eight = [wanted](const char* from) {
        const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(from));
        return u64{static_cast<u32>(_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, wanted)))} & 0xff;
      };
      return eight(data) | eight(data + left - 8) << (left - 8);
    }
    u64 hits = 0;
    for (u32 i = 0; i < left; ++i) hits |= u64{data[i] == '/'} << i;
    return hits;
  }

  [[gnu::noinline]] void split_long(u32 size) {
    u32 found = 0;
    for (u32 at = 0; at < size && found <= kMaxSegments; at += 64) {
      for (u64 hits = slashes(path.data() + at, std::min(size - at, 64u)); hits != 0;
           hits &= hits - 1) {
        slash[found++] = at + static_cast<u32>(__builtin_ctzll(hits));
      }
    }
    count = std::min(found, kMaxSegments + 1);
    slash[count] = size;
  }
};

}  // namespace gw::router
