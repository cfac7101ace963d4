// Failed and slow requests with the reason in words.
#pragma once
#include <boost/json/object.hpp>
#include <string>

#include "runtime/admin/endpoints.h"
#include "runtime/observe/recent.h"

namespace gw::admin {

/// One sentence or several: what decided, by which policy or target, after how many tries.
std::string explain(const observe::RecentRequest& request);
/// `failing`, the newest first, and `slow`, the slowest first, of all workers; with the place of
/// each operation in the documents of the current table. Any thread.
boost::json::object recent_json(const AdminTarget& target);

}  // namespace gw::admin
