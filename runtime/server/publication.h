// A bound table as the workers need it.
#pragma once
#include <string>
#include <vector>

#include "runtime/server/worker.h"
#include "runtime/table/bound_table.h"

namespace gw::server {

/// Upstream configurations of `table`. Names are not looked up: Control does. With `problems` (TLS
/// settings that cannot be used, texts that would break a line, shares of more than all) the table
/// must not be served.
Publication make_publication(std::shared_ptr<const BoundTable> table,
                             std::vector<std::string>& problems);

}  // namespace gw::server
