// What `inspect` says of who may call.
#pragma once
#include <boost/json.hpp>

#include "runtime/table/bound_table.h"

namespace gw::cli {

/// A row for each operation that asks for authentication or lets only some through.
boost::json::array inspect_security(const BoundTable& table);
/// A row for each security scheme that is enforced.
boost::json::array inspect_schemes(const BoundTable& table);

}  // namespace gw::cli
