// Who a generated request comes from.
#pragma once
#include <boost/json/object.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/testing/gateway.h"
#include "cli/testing/generated_request.h"
#include "runtime/policies/authenticate/record.h"

namespace gw::cli::tests {

/// A claim that `equals` compares with a parameter: whatever the request says, the token says too.
struct BoundClaim {
  std::string pointer;
  table::ExpressionSource source{};  // PathParameter, Query, Header or Cookie
  std::string name;                  // of the parameter
};

/// Keys of a test's `request` that make it one of somebody who may call.
struct Caller {
  boost::json::object request;  // `consumer`, `jwt`, `scheme`, ...; empty: nobody
  std::string query;            // `name=value` that `allow` asks for
  std::vector<BoundClaim> bound;
};

/// `request` as this caller sends it.
boost::json::object with_caller(const GeneratedRequest& request, const Caller& caller);

/// Ways to be somebody whom one alternative of `security` lets in: each pleases another alternative
/// of `allow`, or is another consumer. Whether the others of the rules let him through is left to
/// the engine.
struct CallerChoice {
  std::string text;             // what lets him in, where there are alternatives
  std::vector<Caller> callers;  // empty: nobody can be made up
};

inline constexpr u32 kMaxCallerTries = 24;  // of one alternative

/// One for each alternative of `security`.
std::vector<CallerChoice> callers_of(const Gateway& gateway, const table::RouteRecord& route);

/// The same without a credential: of `allow` what asks for none is pleased.
std::vector<Caller> strangers_to(const Gateway& gateway, const table::RouteRecord& route);

/// The same with a token that has none of the scopes; empty: some alternative asks for no scope of
/// such a token.
std::vector<Caller> callers_without_scopes(const Gateway& gateway, const table::RouteRecord& route);

/// Somebody whom `security` lets in and `allow` does not: each of its alternatives asks for
/// something that neither he nor `request` brings. none: the route has no such rule.
std::optional<Caller> caller_not_allowed(const Gateway& gateway, const table::RouteRecord& route,
                                         const GeneratedRequest& request);

/// The step of `plan` that says who may call; null: anybody.
const policies::AuthenticateRecord* security_of(const table::TableView& view,
                                                const table::PlanRecord& plan);

}  // namespace gw::cli::tests
