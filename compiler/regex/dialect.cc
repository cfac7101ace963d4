#include "compiler/regex/dialect.h"

#include <algorithm>

namespace gw::compiler::regex {
namespace {

struct Foreign {
  std::string_view text;
  std::string_view help;
};
constexpr Foreign kForeign[] = {
    {"\\A", "ECMA-262 has no `\\A`: write `^`, which is the beginning of the value"},
    {"\\Z", "ECMA-262 has no `\\Z`: write `$`, which is the end of the value"},
    {"\\z", "ECMA-262 has no `\\z`: write `$`, which is the end of the value"},
    {"\\h", "ECMA-262 has no `\\h`: write `[ \\t]`"},
    {"\\Q", "ECMA-262 has no `\\Q`: put `\\` before each character that means something"},
    {"\\x{", "ECMA-262 has no `\\x{...}`: write `\\u{...}`"},
    {"(?i", "ECMA-262 has no flags inside of a pattern: write both cases, as in `[Aa]`"},
    {"(?s", "ECMA-262 has no flags inside of a pattern: write `[^]` for any character"},
    {"(?m", "ECMA-262 has no flags inside of a pattern: leave it out"},
    {"(?x", "ECMA-262 has no flags inside of a pattern: leave spaces and comments out"},
    {"(?P<", "ECMA-262 names a group without `P`: `(?<NAME>...)`"},
    {"(?>", "patterns run in linear time, and never go back: write `(?:...)`"},
};

}  // namespace

std::string_view foreign_part(std::string_view pattern) {
  bool in_class = false;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const std::string_view rest = pattern.substr(i);
    if (rest[0] == '\\') {
      ++i;
    } else if (rest.starts_with("[:")) {
      const size_t end = rest.find_first_not_of("abcdefghijklmnopqrstuvwxyz", 2);
      if (end != rest.npos && end > 2 && rest.substr(end).starts_with(":]")) {
        return rest.substr(0, end + 2);
      }
      in_class = true;
    } else if (in_class && rest.starts_with("&&[")) {
      return rest.substr(0, 3);
    } else if (rest[0] == '[') {
      in_class = true;
    } else if (rest[0] == ']') {
      in_class = false;
    }
  }
  return {};
}

std::string_view help_for(std::string_view pattern, const RegexError& error) {
  // The error stands at the construct, or somewhere in it.
  for (u32 back = 0; back <= std::min(error.offset, u32{3}); ++back) {
    const std::string_view rest =
        pattern.substr(std::min<size_t>(error.offset - back, pattern.size()));
    for (const Foreign& foreign : kForeign) {
      if (back < foreign.text.size() && rest.starts_with(foreign.text)) return foreign.help;
    }
  }
  return "patterns run in linear time: no look-around, no back-references";
}

}  // namespace gw::compiler::regex
