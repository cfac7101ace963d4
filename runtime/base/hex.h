// Hexadecimal digits, read in one way everywhere. What locales say plays no part.
#pragma once
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

}  // namespace gw
