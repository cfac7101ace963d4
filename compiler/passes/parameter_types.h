// What a document says of an operation's parameters, for values that keep their type.
#pragma once
#include <functional>
#include <string>

#include "compiler/passes/effective_operation.h"

namespace gw::compiler {

/// For EncodeScope::types. `source` must outlive it.
std::function<u32(table::ExpressionSource, std::string_view)> parameter_types(
    const GatewayOperation& source);

/// Equal for operations whose parameters have the same types; empty where nothing depends on them.
std::string key_of_types(const Levels& levels, const GatewayOperation& source);

}  // namespace gw::compiler
