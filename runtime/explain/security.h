// Who may call, in words; and who has.
#pragma once
#include <boost/json.hpp>
#include <string>

#include "runtime/http/exchange.h"
#include "runtime/policies/authenticate/record.h"
#include "runtime/table/bound_table.h"

namespace gw::explain {

/// `idp (orders:read) + key`; `nothing` for the empty alternative.
std::string alternative_text(const table::TableView& view,
                             const policies::AlternativeRecord& alternative);

/// What the steps of a plan say about callers.
struct PlanSecurity {
  std::string required;    // alternatives, joined by `, or `
  std::string authorizer;  // name of the upstream that is asked
  u32 rules = 0;           // of `allow`, `deny`, `equals`
  bool empty() const { return required.empty() && authorizer.empty() && rules == 0; }
};
PlanSecurity security_of(const table::TableView& view, u32 plan);

/// What an exchange that has run proved, and why it was refused: `required`, `caller`, `refused`.
/// Empty: its operation asks for nothing.
boost::json::object describe_security(const Exchange& exchange);

}  // namespace gw::explain
