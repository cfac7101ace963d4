// Parameter schemas as constraints of the router.
#pragma once
#include <optional>
#include <string>

#include "compiler/passes/module.h"
#include "compiler/router/router_builder.h"

namespace gw::compiler {

/// Makes the constraint that the schema of path parameter `name` puts on its text: pattern, enum,
/// format uuid or date, or type. None when it says nothing of these.
router::Constraint parameter_constraint(Module& module, const GatewayOperation& operation,
                                        std::string_view name);

/// Whether `name` is marked `x-gw: {matchOnly: true}`.
bool is_match_only(const GatewayOperation& operation, std::string_view name);

}  // namespace gw::compiler
