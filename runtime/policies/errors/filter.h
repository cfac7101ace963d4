// Bodies of error answers.
#pragma once
#include "runtime/http/exchange.h"
#include "runtime/policies/errors/record.h"

namespace gw::policies {

/// True: exchange.local_body is the body of the answer from now on. The closest pattern decides;
/// answers below 400 have their own bodies.
bool replace_error_body(Exchange& exchange, const ErrorsRecord& record);

}  // namespace gw::policies
