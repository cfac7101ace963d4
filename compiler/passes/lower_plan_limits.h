// Limits that only plans and consumers have: they hold for all that a consumer calls.
#pragma once
#include <string_view>
#include <vector>

#include "compiler/passes/lower_limits.h"

namespace gw::compiler {

/// A limit of a plan or consumer whose name no operation knows is one of its own: by consumer, over
/// all operations that ask for one. Its measure is that of the consumer or his plan, and whoever
/// has none is not limited.
std::vector<LoweredLimit> lower_plan_limits(Module& module);

}  // namespace gw::compiler
