// Paths that a listener answers by itself, for balancers and supervisors.
#pragma once
#include "runtime/http/exchange.h"
#include "runtime/server/session.h"

namespace gw::server {

/// Makes exchange.response the answer to a probe, with its body in exchange.local_body. False: the
/// request is none, and goes on. Says no more than whether the process is there (`live_path`) and
/// is to get requests (`ready_path`: `host_is_ready`), to whoever asks.
bool answer_probe(Exchange& exchange, const ListenerSettings* listener, bool host_is_ready);

}  // namespace gw::server
