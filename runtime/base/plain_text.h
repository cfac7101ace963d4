// What stands in quotes as it is.
#pragma once
#include <cstring>
#include <string_view>

#include "runtime/base/types.h"

namespace gw {

/// Whether a byte needs no escaping, neither in JSON nor in the texts of logs: printable ASCII but
/// quotes and backslashes.
constexpr bool is_plain(char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; }

namespace plain_text {

/// Not zero: one of the eight bytes at `from` needs escaping.
inline u64 special_of(const char* from) {
  constexpr u64 kOnes = 0x0101010101010101;
  constexpr u64 kHigh = 0x8080808080808080;
  u64 word = 0;
  std::memcpy(&word, from, sizeof word);
  // The high bit of each byte that is zero, and perhaps of those above such a one.
  const auto zeros = [](u64 bytes) { return (bytes - kOnes) & ~bytes & kHigh; };
  const u64 control = (word - kOnes * 0x20) & ~word & kHigh;
  return (word & kHigh) | control | zeros(word ^ kOnes * '"') | zeros(word ^ kOnes * '\\') |
         zeros(word ^ kOnes * 0x7f);
}

}  // namespace plain_text

/// How many bytes `text` begins with that need no escaping. Looks at eight at a time.
inline size_t plain_length(std::string_view text) {
  size_t at = 0;
  while (at + 8 <= text.size() && plain_text::special_of(text.data() + at) == 0) at += 8;
  // The rest together with bytes that are known already.
  const bool is_rest = at > 0 && text.size() - at < 8;
  if (is_rest && plain_text::special_of(text.data() + text.size() - 8) == 0) return text.size();
  while (at < text.size() && is_plain(text[at])) ++at;
  return at;
}

}  // namespace gw
