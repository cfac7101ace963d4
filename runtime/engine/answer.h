// Answers that the gateway makes itself.
#pragma once
#include "runtime/http/exchange.h"

namespace gw::engine {

/// Makes exchange.response a problem (RFC 9457) of `status`; drops what was there.
void answer_problem(Exchange& exchange, u16 status);
/// Makes exchange.response an answer without body.
void answer_empty(Exchange& exchange, u16 status);

}  // namespace gw::engine
