// What a composition asks, in which order, and how long that may take.
#pragma once
#include <boost/json.hpp>

#include "runtime/http/exchange.h"
#include "runtime/table/bound_table.h"

namespace gw::explain {

/// {calls, critical_path, at_most_ms} of the plan of `exchange`; empty: its action is no
/// composition. The critical path is the chain of calls whose deadlines add up to the most; a call
/// without one has that of its operation, else of the whole.
boost::json::object describe_calls(const BoundTable& table, const Exchange& exchange);

}  // namespace gw::explain
