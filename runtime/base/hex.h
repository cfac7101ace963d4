// Hexadecimal digits, read in one way everywhere. What locales say plays no part.
#pragma once
#include <emmintrin.h>

#include <array>
#include <string_view>

#include "runtime/base/types.h"

namespace gw {

/// Value of a digit, or -1. Small letters only, for formats that say so.
constexpr int lower_hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/// Value of a digit, of either case, or -1.
constexpr int hex_value(char c) { return c >= 'A' && c <= 'F' ? c - 'A' + 10 : lower_hex_value(c); }

/// The byte that two digits at text[at] stand for, or -1. `at` may be anything.
constexpr int hex_byte(std::string_view text, size_t at) {
  if (at > text.size() || text.size() - at < 2) return -1;
  const int high = hex_value(text[at]);
  const int low = hex_value(text[at + 1]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/// The byte that an escape at text[at] stands for (RFC 3986 section 2.1), or -1 where there is
/// none.
constexpr int percent_byte(std::string_view text, size_t at) {
  return at < text.size() && text[at] == '%' ? hex_byte(text, at + 1) : -1;
}

inline void write_hex_byte(u8 byte, char* out) {
  static constexpr char kDigits[] = "0123456789abcdef";
  out[0] = kDigits[byte >> 4];
  out[1] = kDigits[byte & 15];
}

/// Two small digits of each byte, to `out`, which has room for them. Eight bytes at a time.
template <size_t kBytes>
requires(kBytes % 8 == 0) void write_hex(const std::array<u8, kBytes>& bytes, char* out) {
  for (size_t at = 0; at < kBytes; at += 8) {
    const __m128i eight = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(bytes.data() + at));
    const __m128i low_half = _mm_set1_epi8(0x0f);
    const __m128i values = _mm_unpacklo_epi8(_mm_and_si128(_mm_srli_epi16(eight, 4), low_half),
                                             _mm_and_si128(eight, low_half));
    const __m128i is_letter = _mm_cmpgt_epi8(values, _mm_set1_epi8(9));
    const __m128i zero =
        _mm_add_epi8(_mm_set1_epi8('0'), _mm_and_si128(is_letter, _mm_set1_epi8('a' - 10 - '0')));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + 2 * at), _mm_add_epi8(values, zero));
  }
}

}  // namespace gw
