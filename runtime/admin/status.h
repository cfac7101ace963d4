// The state of the running gateway as JSON; the schemas are in specs/admin.yaml.
#pragma once
#include <boost/json/object.hpp>

#include "runtime/admin/endpoints.h"
#include "runtime/upstream/state.h"

namespace gw::admin {

/// Any thread, as the next two.
boost::json::object status_json(const AdminTarget& target,
                                const std::vector<server::WorkerReport>& workers);
boost::json::object report_json(const server::ReloadReport& report);
/// What takes no requests by order of the operator.
boost::json::object drains_json(const AdminTarget& target);
/// `healthy`, `unhealthy`, `ejected` or `drained`.
std::string_view state_of(const upstream::TargetSnapshot& target);

}  // namespace gw::admin
