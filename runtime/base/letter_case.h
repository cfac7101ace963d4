// Letters of ASCII, whose case does not count in names of protocols. What locales say plays no
// part.
#pragma once
#include <algorithm>
#include <string>
#include <string_view>

namespace gw {

constexpr char to_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

inline std::string lower_case(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), to_lower);
  return lower;
}

/// `lower` is in lower case.
constexpr bool equal_ignoring_case(std::string_view text, std::string_view lower) {
  return std::ranges::equal(text, lower, [](char a, char b) { return to_lower(a) == b; });
}

}  // namespace gw
