// Explaining a request while it is served.
#pragma once
#include "runtime/http/env.h"

namespace gw::explain {

/// run(), by which the gateway serves. A request whose field Gw-Explain has a token that
/// env.explain accepts is served like any other, counted and logged, and its upstream is asked; but
/// its client gets the explanation (explanation.h) in the place of the answer. The field goes no
/// further, whatever it holds, while there are tokens. Costs a load for all others.
Task<void> run_served(Exchange& exchange, Env& env, Responder& responder);

}  // namespace gw::explain
