// Paths that a listener answers by itself, for balancers and supervisors.
#pragma once
#include "runtime/http/exchange.h"
#include "runtime/server/session.h"

namespace gw::server {

/// Makes exchange.response the answer to a probe, with its body in exchange.local_body. False: the
/// request is none, and goes on. Says no more than whether the process is there (`live_path`) and
/// takes requests (`ready_path`; not while it drains), to whoever asks.
bool answer_probe(Exchange& exchange, const ListenerSettings* listener, bool draining);

}  // namespace gw::server
