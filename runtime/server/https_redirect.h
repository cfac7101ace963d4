// Plain-text listeners that send everybody on to https.
#pragma once
#include "runtime/http/exchange.h"
#include "runtime/server/session.h"

namespace gw::server {

/// Makes exchange.response the redirect of a listener that only redirects, with its body in
/// exchange.local_body. False: the listener serves.
bool answer_redirect(Exchange& exchange, const ListenerSettings* listener);

}  // namespace gw::server
