// From a request to its route, or to the answer that there is none.
#pragma once
#include "runtime/http/exchange.h"

namespace gw::engine {

/// Sets route, plan and captures of the exchange. False: a local answer has been made, 400, 404,
/// 405 or that to OPTIONS. Usually one look-up; a second for a path that many servers read as
/// another.
bool choose_route(Exchange& exchange);

/// The route that servers would take the request to which cut parameters off paths (`/admin;x`), or
/// do not tell `/admin/` and `/admin.` from `/admin`, when that is another than `route`: the
/// request would get past its rules and is refused. kNone otherwise. A template without parameters,
/// or with
/// `;`, means what it says. Needs path.size() bytes of `arena` for such a path.
u32 route_of_other_reading(const Exchange& exchange, u32 route, Arena& arena);

}  // namespace gw::engine
