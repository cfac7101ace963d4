#include "cli/commands/describe_security.h"

#include <fmt/format.h>

#include "runtime/explain/security.h"
#include "runtime/policies/policy_list.h"

namespace gw::cli {
namespace {

namespace json = boost::json;
using policies::SchemeKind;
using policies::SchemeRecord;

constexpr std::string_view kKindNames[] = {"API key", "password", "token", "token, introspected",
                                           "client certificate"};
static_assert(std::size(kKindNames) == policies::kSchemeKindCount);

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
    const explain::PlanSecurity security = explain::security_of(view, route.plan);
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

}  // namespace gw::cli
