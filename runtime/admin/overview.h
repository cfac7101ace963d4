// What the dashboard shows, as JSON.
#pragma once
#include <boost/json/object.hpp>

#include "runtime/admin/endpoints.h"
#include "runtime/admin/history.h"

namespace gw::admin {

class Watch;

/// The state of now and, where `with_history`, the last minutes. On the thread of `watch`.
boost::json::object overview_json(const AdminTarget& target, const Watch& watch,
                                  const std::vector<server::WorkerReport>& workers,
                                  bool with_history);
/// Of the last sample, rows as in the history: of the whole, of the rest, and of each operation
/// that had something to do.
boost::json::object last_sample_json(const History& history);

}  // namespace gw::admin
