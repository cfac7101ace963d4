// What a request says about the target that should take it: balancing key and sticky cookie.
#pragma once
#include "runtime/http/env.h"
#include "runtime/policies/upstream/record.h"

namespace gw::engine {

constexpr bool has_affinity(const policies::UpstreamRecord& record) {
  return record.balance.key.count != 0 || record.sticky.cookie.offset != table::kNone;
}

/// Reads key and cookie of the request into `options`. A key that is absent leaves the choice to
/// chance; a cookie that is not one of ours is none.
void read_affinity(Exchange& exchange, const policies::UpstreamRecord& record,
                   FetchOptions& options);

/// Adds the cookie to exchange.response, unless the client has brought the same.
void write_affinity(Exchange& exchange, const policies::UpstreamRecord& record,
                    const FetchOptions& options, const Fetched& fetched);

}  // namespace gw::engine
