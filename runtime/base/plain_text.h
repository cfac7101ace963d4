// What stands in quotes as it is.
#pragma once
#include <emmintrin.h>

#include <bit>
#include <cstring>
#include <string_view>

#include "runtime/base/types.h"

namespace gw {

/// Whether a byte needs no escaping, neither in JSON nor in the texts of logs: printable ASCII but
/// quotes and backslashes.
constexpr bool is_plain(char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; }

namespace plain_text {

/// Bytes that need escaping are not zero.
inline __m128i specials_of(__m128i bytes) {
  // Signed: bytes from 0x80 on are less than a space as well.
  const __m128i below = _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20));
  const __m128i del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));
  const __m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
  const __m128i backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
  return _mm_or_si128(_mm_or_si128(below, del), _mm_or_si128(quote, backslash));
}
inline u32 mask_of(__m128i specials) { return static_cast<u32>(_mm_movemask_epi8(specials)); }

inline __m128i load16(const char* from) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
}
template <class Word>
Word load(const char* from) {
  Word word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

// The first and the last bytes of a text of as many, or up to twice as many; a store to `to`,
// unless that is null, moves them there.
template <class Word>
inline __m128i ends_of(std::string_view text, char* to) {
  const size_t last = text.size() - sizeof(Word);
  const auto front = load<Word>(text.data());
  const auto back = load<Word>(text.data() + last);
  if (to != nullptr) {
    std::memcpy(to, &front, sizeof front);
    std::memcpy(to + last, &back, sizeof back);
  }
  if constexpr (sizeof(Word) == 8) {
    return _mm_set_epi64x(static_cast<i64>(back), static_cast<i64>(front));
  } else {
    // The upper half is made of the lower one: it must not be zeros, which need escaping.
    return _mm_set1_epi64x(static_cast<i64>(u64{back} << 32 | front));
  }
}

}  // namespace plain_text

/// Copies `text` to `to`, unless that is null, and says whether nothing of it needs escaping. `to`
/// has room for all of it, and has got something of it in any case.
inline bool copy_plain(std::string_view text, char* to) {
  using namespace plain_text;
  const size_t size = text.size();
  if (size >= 16) {
    __m128i specials = _mm_setzero_si128();
    const auto block = [&](size_t at) {
      const __m128i bytes = load16(text.data() + at);
      if (to != nullptr) _mm_storeu_si128(reinterpret_cast<__m128i*>(to + at), bytes);
      specials = _mm_or_si128(specials, specials_of(bytes));
    };
    for (size_t at = 0; at + 16 < size; at += 16) block(at);
    block(size - 16);
    return mask_of(specials) == 0;
  }
  if (size >= 8) return mask_of(specials_of(ends_of<u64>(text, to))) == 0;
  if (size >= 4) return mask_of(specials_of(ends_of<u32>(text, to))) == 0;
  bool plain = true;
  for (size_t i = 0; i < size; ++i) {
    if (to != nullptr) to[i] = text[i];
    plain = plain && is_plain(text[i]);
  }
  return plain;
}

/// How many bytes `text` begins with that need no escaping.
inline size_t plain_length(std::string_view text) {
  using namespace plain_text;
  size_t at = 0;
  for (; at + 16 <= text.size(); at += 16) {
    const u32 mask = mask_of(specials_of(load16(text.data() + at)));
    if (mask != 0) return at + static_cast<size_t>(std::countr_zero(mask));
  }
  if (copy_plain(text.substr(at), nullptr)) return text.size();
  while (is_plain(text[at])) ++at;
  return at;
}

}  // namespace gw
