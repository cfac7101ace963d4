#include "runtime/explain/security.h"

#include <fmt/format.h>

#include "runtime/identity/live_data.h"
#include "runtime/policies/access/record.h"
#include "runtime/policies/authorizer/record.h"
#include "runtime/policies/policy_list.h"

namespace gw::explain {

namespace json = boost::json;
using policies::PolicyId;

std::string alternative_text(const table::TableView& view,
                             const policies::AlternativeRecord& alternative) {
  std::string out;
  for (const auto& use : view.policy_list<policies::SchemeUseRecord>(alternative.uses)) {
    if (!out.empty()) out += " + ";
    out += view.text(view.schemes()[use.scheme].name);
    std::string scopes;
    for (const table::StringRef scope : view.policy_list<table::StringRef>(use.scopes)) {
      if (!scopes.empty()) scopes += ", ";
      scopes += view.text(scope);
    }
    if (!scopes.empty()) out += fmt::format(" ({})", scopes);
  }
  return out.empty() ? "nothing" : out;
}

namespace {

std::string requirement_text(const table::TableView& view, u32 record_offset) {
  const auto& record = view.policy_record<policies::AuthenticateRecord>(record_offset);
  std::string out;
  for (const auto& alternative :
       view.policy_list<policies::AlternativeRecord>(record.alternatives)) {
    if (!out.empty()) out += ", or ";
    out += alternative_text(view, alternative);
  }
  return out;
}

}  // namespace

PlanSecurity security_of(const table::TableView& view, u32 plan) {
  PlanSecurity out;
  for (const table::StepRecord& step : view.part(view.steps(), view.plans()[plan].steps)) {
    switch (static_cast<PolicyId>(step.policy)) {
      case PolicyId::Authenticate:
        out.required = requirement_text(view, step.record);
        break;
      case PolicyId::Access:
        ++out.rules;
        break;
      case PolicyId::Authorizer: {
        const auto& record = view.policy_record<policies::AuthorizerRecord>(step.record);
        out.authorizer = view.text(view.upstreams()[record.upstream].name);
        break;
      }
      default:
        break;
    }
  }
  return out;
}

json::object describe_security(const Exchange& exchange) {
  json::object out;
  if (exchange.plan == table::kNone) return out;
  const PlanSecurity security = security_of(exchange.table->view(), exchange.plan);
  if (security.empty()) return out;
  const Identity& identity = exchange.identity;
  std::string caller = identity.authenticated ? "" : "nobody who is known";
  if (identity.consumer != table::kNoConsumer) {
    caller = fmt::format("consumer {}", exchange.live->consumers.name(identity.consumer));
  }
  if (identity.claims != nullptr) {
    const std::string_view subject = identity.claims->subject();
    if (!caller.empty()) caller += ", ";
    caller += subject.empty() ? "a token without subject" : fmt::format("subject {}", subject);
  }
  out["required"] = security.required.empty() ? "nothing" : security.required;
  out["caller"] = caller.empty() ? "a verified certificate" : caller;
  const Errc code = exchange.error.code;
  const bool refused =
      code == Errc::Unauthenticated || code == Errc::Forbidden || code == Errc::IdentityUnknown;
  out["refused"] = refused ? exchange.error.what : std::string_view();
  return out;
}

}  // namespace gw::explain
