// Who a generated request comes from.
#pragma once
#include <boost/json/object.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/testing/gateway.h"
#include "runtime/policies/authenticate/record.h"

namespace gw::cli::tests {

/// Keys of a test's `request` that make it one of somebody who may call.
struct Caller {
  boost::json::object request;  // `consumer`, `jwt`, `scheme`; empty: nobody
  std::string text;             // what lets him in, where there are alternatives
};

/// For each alternative of `security` somebody whom it lets in, and whom `allow` lets through as
/// far as that can be told plainly. Those for whom nobody can be made up are left out.
std::vector<Caller> callers_of(const Gateway& gateway, const table::PlanRecord& plan);

/// The same with a token that has none of the scopes; none: some alternative asks for no scope of
/// such a token.
std::optional<Caller> caller_without_scopes(const Gateway& gateway, const table::PlanRecord& plan);

/// The step of `plan` that says who may call; null: anybody.
const policies::AuthenticateRecord* security_of(const table::TableView& view,
                                                const table::PlanRecord& plan);

}  // namespace gw::cli::tests
