#include "cli/commands/describe_security.h"

#include <fmt/format.h>

#include "runtime/identity/live_data.h"
#include "runtime/policies/access/record.h"
#include "runtime/policies/authenticate/record.h"
#include "runtime/policies/authorizer/record.h"
#include "runtime/policies/policy_list.h"

namespace gw::cli {
namespace {

namespace json = boost::json;
using policies::PolicyId;
using policies::SchemeKind;
using policies::SchemeRecord;

constexpr std::string_view kKindNames[] = {"API key", "password", "token", "token, introspected",
                                           "client certificate"};
static_assert(std::size(kKindNames) == policies::kSchemeKindCount);

}  // namespace

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

// What the steps of a plan say about callers.
struct PlanSecurity {
  std::string required;
  std::string authorizer;
  u32 rules = 0;  // of `allow`, `deny`, `equals`
  bool empty() const { return required.empty() && authorizer.empty() && rules == 0; }
};

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

std::string place_of(const table::TableView& view, const SchemeRecord& scheme) {
  if (static_cast<SchemeKind>(scheme.kind) == SchemeKind::MutualTls) return "TLS";
  return fmt::format("{} {}", policies::kCredentialPlaceWords[scheme.place],
                     view.text(scheme.field));
}

bool is_given(const table::LateString& text) {
  return text.late != table::kNone || text.value.offset != table::kNone;
}

std::string keys_of(const BoundTable& table, const SchemeRecord& scheme) {
  if (scheme.discovers != 0) return std::string(table.text(scheme.discovery));
  if (is_given(scheme.jwks.url)) return std::string(table.text(scheme.jwks.url));
  if (is_given(scheme.jwks.file)) return table.late_source(scheme.jwks.file.late);
  if (scheme.jwks.keys.offset != table::kNone) return "in the document";
  if (is_given(scheme.secret)) return "a secret";
  return {};
}

}  // namespace

json::array inspect_security(const BoundTable& table) {
  const table::TableView& view = table.view();
  json::array out;
  for (const table::RouteRecord& route : view.routes()) {
    const PlanSecurity security = security_of(view, route.plan);
    if (security.empty()) continue;
    out.push_back({{"operation", view.text(route.id)},
                   {"requires", security.required},
                   {"rules", security.rules},
                   {"authorizer", security.authorizer}});
  }
  return out;
}

json::array inspect_schemes(const BoundTable& table) {
  const table::TableView& view = table.view();
  json::array out;
  for (const SchemeRecord& scheme : view.schemes()) {
    std::string algorithms;
    for (const u32 algorithm : view.policy_list<u32>(scheme.algorithms)) {
      if (!algorithms.empty()) algorithms += ' ';
      algorithms += policies::kAlgorithmWords[algorithm];
    }
    out.push_back({{"scheme", view.text(scheme.name)},
                   {"kind", kKindNames[scheme.kind]},
                   {"place", place_of(view, scheme)},
                   {"issuer", is_given(scheme.issuer) ? table.text(scheme.issuer) : ""},
                   {"keys", keys_of(table, scheme)},
                   {"algorithms", algorithms},
                   {"forwarded", scheme.forward != 0 ? "yes" : "no"}});
  }
  return out;
}

json::object explain_security(const Exchange& exchange) {
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

}  // namespace gw::cli
