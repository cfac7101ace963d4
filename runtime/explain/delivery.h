// How a request would be delivered: which upstream and target, within what time, how often.
#pragma once
#include <boost/json.hpp>
#include <memory>

#include "runtime/engine/offline.h"
#include "runtime/table/bound_table.h"

namespace gw::explain {

/// `sent` is what the engine gave to its fetcher for `exchange`. Knows nothing of the health of
/// targets: all are taken to be usable.
boost::json::object describe_delivery(const std::shared_ptr<const BoundTable>& table,
                                      const Exchange& exchange,
                                      const engine::ScriptedFetcher::Sent& sent);

}  // namespace gw::explain
