// Names whose case does not count.
#pragma once
#include <algorithm>
#include <string_view>

namespace gw::compiler {

/// `lower` is in lower case. ASCII.
inline bool equal_ignoring_case(std::string_view text, std::string_view lower) {
  return std::ranges::equal(text, lower, [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
  });
}

}  // namespace gw::compiler
