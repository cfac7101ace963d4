// What `inspect` and `explain` say of who may call.
#pragma once
#include <boost/json.hpp>
#include <string>

#include "runtime/http/exchange.h"
#include "runtime/policies/authenticate/record.h"
#include "runtime/table/bound_table.h"

namespace gw::cli {

/// `idp (orders:read) + key`; `nothing` for the empty alternative.
std::string alternative_text(const table::TableView& view,
                             const policies::AlternativeRecord& alternative);

/// A row for each operation that asks for authentication or lets only some through.
boost::json::array inspect_security(const BoundTable& table);
/// A row for each security scheme that is enforced.
boost::json::array inspect_schemes(const BoundTable& table);

/// What an exchange that has run proved, and why it was refused: `required`, `caller`, `refused`.
/// Empty: its operation asks for nothing.
boost::json::object explain_security(const Exchange& exchange);

}  // namespace gw::cli
