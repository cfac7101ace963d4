// An engine for tests of the server and the client: everything goes to upstream 0.
#pragma once
#include "runtime/http/env.h"

namespace gw::server::testing {

/// Deadlines of stub_run, per thread, so that tests can change them.
struct StubTimeouts {
  u32 connect_ms = 2000;
  u32 try_ms = 5000;
  u32 idle_ms = 30000;
  u32 total_ms = 0;  // 0: none
};
StubTimeouts& stub_timeouts();

Task<void> stub_run(Exchange& exchange, Env& env, Responder& responder);

}  // namespace gw::server::testing
