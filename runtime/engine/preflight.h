// Preflights of CORS.
#pragma once
#include "runtime/http/exchange.h"

namespace gw::engine {

/// Answers a preflight from what the compiler has put together for the request that it announces.
/// False: it is none, or nobody here has anything to say about that request; then the OPTIONS is a
/// request as any other. Sets route, plan and captures, for the log, as those of that request.
bool answer_preflight(Exchange& exchange);

}  // namespace gw::engine
