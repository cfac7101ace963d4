// From a request to its route, or to the answer that there is none.
#pragma once
#include "runtime/http/exchange.h"

namespace gw::engine {

/// Sets route, plan and captures of the exchange. False: a local answer has been made, 400, 404,
/// 405 or that to OPTIONS. Usually one look-up; a second for a path that many servers read as
/// another.
bool choose_route(Exchange& exchange);

/// As router::route_of_other_reading(): the route that many servers would take the request to, when
/// that is another than `route`; kNone otherwise. Needs path.size() bytes of `arena` for paths that
/// may be read otherwise.
u32 route_of_other_reading(const Exchange& exchange, u32 route, Arena& arena);

}  // namespace gw::engine
