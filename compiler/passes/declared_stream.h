// Answers that last: events that are sent as they happen.
#pragma once
#include "compiler/openapi/model.h"

namespace gw::compiler {

/// Whether an operation declares one: deadlines of whole exchanges do not hold for it.
bool declares_stream(const openapi::Operation& operation);

}  // namespace gw::compiler
