// What `inspect` says of messages that are held to the contract.
#pragma once
#include <boost/json.hpp>

#include "runtime/table/bound_table.h"

namespace gw::cli {

/// A row for each operation of which something is checked, in order of routes.
boost::json::array inspect_validation(const BoundTable& table);

}  // namespace gw::cli
