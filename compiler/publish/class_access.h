// Which operations a class of clients can call at all.
#pragma once
#include <string_view>

#include "compiler/passes/effective_operation.h"

namespace gw::compiler {

/// False: whoever is of this class is refused by `allow` or `deny`, whatever the request is.
/// Conditions on anything but the class are taken to hold or not, as the request likes.
bool class_may_call(const Effective& fields, std::string_view client);

}  // namespace gw::compiler
