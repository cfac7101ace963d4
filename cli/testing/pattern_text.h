// Texts that a pattern does not match.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/base/types.h"

namespace gw::cli::tests {

/// Finds texts beside patterns of ECMA-262, of `least` to `most` characters where there are any.
/// They can stand anywhere in a request: letters, digits, `_`, `-` and `!`; with `any_character`,
/// in JSON, others where it takes them. Each pattern is worked on once.
class PatternBreaker {
 public:
  /// nullopt: it matches all such texts, or that cannot be told.
  std::optional<std::string> text_beside(std::string_view pattern, u64 least, u64 most,
                                         bool any_character);

 private:
  std::map<std::string, std::optional<std::string>, std::less<>> known_;
};

}  // namespace gw::cli::tests
