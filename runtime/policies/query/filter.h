// Changes the query that is sent upstream.
#pragma once
#include "runtime/http/exchange.h"
#include "runtime/policies/query/record.h"

namespace gw::policies {

/// exchange.upstream_request gets a query of its own. Parameters that are not named keep their
/// spelling and their order.
void change_query(Exchange& exchange, const QueryRecord& record);

}  // namespace gw::policies
