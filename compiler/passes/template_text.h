// The public path template of an operation, in the spelling that requests are matched in.
#pragma once
#include <string>

#include "compiler/passes/module.h"

namespace gw::compiler {

/// Base path and key: literal parts normalised, `{name+}` for parameters marked greedy, without
/// query and fragment.
std::string public_template(const Module& module, const GatewayOperation& operation);

}  // namespace gw::compiler
