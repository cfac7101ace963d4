// Which of several upstreams takes a request.
#pragma once
#include "runtime/http/env.h"
#include "runtime/policies/proxy/record.h"

namespace gw::engine {

/// One that a condition names; otherwise one by its share; otherwise the main one. With a key that
/// is there, the same for every request with its value, on every worker and instance: whether an
/// upstream takes a value depends on its own name and on shares, so that raising a share moves
/// nobody back. Without one each request is drawn. Sets exchange.upstream_choice, and
/// exchange.drawn_upstream, which every later call gives again.
u32 choose_upstream(Exchange& exchange, const policies::ProxyRecord& record, Random& random);

}  // namespace gw::engine
