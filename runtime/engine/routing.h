// From a request to its route, or to the answer that there is none.
#pragma once
#include "runtime/http/exchange.h"

namespace gw::engine {

/// Sets route, plan and captures of the exchange. False: a local answer has been made, 400, 404,
/// 405 or that to OPTIONS. Usually one look-up; a second for a path that many servers read as
/// another.
bool choose_route(Exchange& exchange);

}  // namespace gw::engine
