// The request that goes upstream, and the answer that comes back, freed of what belongs to one
// connection.
#pragma once
#include "runtime/http/env.h"
#include "runtime/http/exchange.h"
#include "runtime/policies/proxy/record.h"

namespace gw::engine {

/// Copies the client's request to exchange.upstream_request: hop-by-hop fields removed, forwarding
/// fields added. The request transformation changes it afterwards.
void start_upstream_request(Exchange& exchange);

/// Sets path and query as the proxy step says. False: a value that the path needs is absent in
/// this request.
bool finish_upstream_request(Exchange& exchange, const policies::ProxyRecord& record);

/// Makes exchange.response of what an upstream answered.
void take_response_head(Exchange& exchange, Fetched& fetched);

}  // namespace gw::engine
