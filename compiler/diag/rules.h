// The table of all rules (rules.def) and their pages.
#pragma once
#include <span>
#include <string_view>

#include "compiler/diag/diagnostic.h"

namespace gw::compiler {

struct Rule {
  std::string_view id;
  Severity severity;         // by default
  std::string_view summary;  // what holds when the rule is kept
};

/// In the order of rules.def.
std::span<const Rule> all_rules();
/// Null when there is none of this name.
const Rule* find_rule(std::string_view id);
/// The page explain/<id>.md: what, why, a wrong and a right example, how to silence it. Empty when
/// there is none.
std::string_view explain_page(std::string_view id);

}  // namespace gw::compiler
