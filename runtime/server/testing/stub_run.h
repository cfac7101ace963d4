// An engine for tests of the server and the client: everything goes to upstream 0.
#pragma once
#include "runtime/http/env.h"

namespace gw::server::testing {

Task<void> stub_run(Exchange& exchange, Env& env, Responder& responder);

}  // namespace gw::server::testing
