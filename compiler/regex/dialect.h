// Patterns in the syntax of other engines, as authors of documents write them.
#pragma once
#include <string_view>

#include "compiler/regex/regex.h"

namespace gw::compiler::regex {

/// What POSIX or Java has inside of brackets, `[:alpha:]` or `&&[`, and ECMA-262 takes for plain
/// characters; empty: none. A view into `pattern`; linear.
std::string_view foreign_part(std::string_view pattern);

/// What to write instead of what ECMA-262 does not read at `error`.
std::string_view help_for(std::string_view pattern, const RegexError& error);

}  // namespace gw::compiler::regex
