// Parameter schemas as constraints of the router.
#pragma once
#include <compare>
#include <string>

#include "compiler/passes/module.h"
#include "compiler/router/router_builder.h"

namespace gw::compiler {

/// Makes the constraint that the schema of path parameter `name` puts on its text: pattern, enum,
/// format uuid or date, or type. None when it says nothing of these.
router::Constraint parameter_constraint(Module& module, const GatewayOperation& operation,
                                        std::string_view name);

/// A pattern in the spelling of RE2 or of ECMA-262.
struct ParameterPattern {
  std::string text;  // empty: the schema says nothing of the value's text
  bool is_ecma = false;
  bool anchored = false;
  friend auto operator<=>(const ParameterPattern&, const ParameterPattern&) = default;
};
ParameterPattern parameter_pattern(const GatewayOperation& operation, std::string_view name);

/// Whether `name` is marked `x-gw: {matchOnly: true}`.
bool is_match_only(const GatewayOperation& operation, std::string_view name);

}  // namespace gw::compiler
