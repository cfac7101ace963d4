#include "compiler/passes/lower_schemes.h"

#include <fmt/format.h>

#include <algorithm>

#include "compiler/xgw/language.h"
#include "compiler/xgw/value.h"
#include "runtime/base/letter_case.h"

namespace gw::compiler {
namespace {

using openapi::SchemeType;
using policies::SchemeKind;
using policies::SchemeRecord;

NodeRef child(NodeRef map, std::string_view name) {
  return map && map.is_map() ? map.get(name) : NodeRef{};
}

std::string_view text_of(NodeRef map, std::string_view name) {
  const NodeRef value = child(map, name);
  return value && value.is_scalar() ? value.text() : std::string_view{};
}

bool is_given(const table::LateString& text) {
  return text.late != table::kNone || text.value.offset != table::kNone;
}

const openapi::SecurityScheme* find_scheme(const openapi::Document& document,
                                           std::string_view name) {
  const auto found = std::ranges::find_if(
      document.schemes, [&](const auto& scheme) { return scheme.name.value == name; });
  return found == document.schemes.end() ? nullptr : &*found;
}

}  // namespace

SchemeLowerer::Declared SchemeLowerer::declared(const Unit& unit, std::string_view name) const {
  const NodeRef bound = child(child(unit.entry, "schemes"), name);
  if (bound && bound.is_scalar()) {
    return {find_scheme(*unit.gateway, bound.text()), std::string(bound.text())};
  }
  const std::string prefix = unit.service.empty() ? "" : std::string(unit.service) + ".";
  if (const auto* own = find_scheme(*unit.document, name)) {
    return {own, prefix + std::string(name)};
  }
  return {find_scheme(*unit.gateway, name), std::string(name)};
}

const SchemeInfo* SchemeLowerer::find(const Unit& unit, std::string_view name, Span used_at) {
  const Declared found = declared(unit, name);
  if (found.scheme == nullptr) {
    // Since 3.2 a scheme may be named by its URI, which nothing here resolves. Every other name has
    // been refused as unknown; one that nobody refuses would leave the operation public.
    if (name.find_first_of("/:#") != name.npos) {
      report(module_, "auth-scheme-unbacked", Severity::Error, used_at,
             fmt::format("the security scheme `{}` cannot be enforced", name), "named by a URI",
             "name it by its key in `components/securitySchemes`");
    }
    return nullptr;
  }
  const auto known = known_.find(found.scheme);
  if (known != known_.end()) return known->second;
  return known_[found.scheme] = lower(found, used_at);
}

bool SchemeLowerer::is_unknown_scope(const Unit& unit, std::string_view name,
                                     std::string_view scope) const {
  const Declared found = declared(unit, name);
  if (found.scheme == nullptr || found.scheme->type != SchemeType::OAuth2) return false;
  const NodeRef flows = child(found.scheme->node, "flows");
  if (!flows) return false;
  for (const auto [flow, value] : flows.entries()) {
    if (child(child(value, "scopes"), scope)) return false;
  }
  return true;
}

const SchemeInfo* SchemeLowerer::lower(const Declared& declared, Span used_at) {
  SchemeRecord record{};
  Pools& pools = module_.table.pools;
  record.name = pools.strings.add(declared.name);
  record.source = Encoder(pools, module_.files, module_.sink).source(declared.scheme->name.span);
  SchemeInfo info{.name = declared.name};
  bool usable = false;
  switch (declared.scheme->type) {
    case SchemeType::ApiKey:
      info.names_consumer = true;
      usable = lower_api_key(declared, record) && needs_consumers(declared, used_at);
      break;
    case SchemeType::Http:
      usable = lower_http(declared, record, info, used_at);
      break;
    case SchemeType::OAuth2:
    case SchemeType::OpenIdConnect:
      usable = lower_bearer(declared, record, info, used_at);
      break;
    case SchemeType::MutualTls:
      usable = lower_mutual_tls(declared, record, info, used_at);
      break;
    case SchemeType::Unknown:
      return nullptr;  // reported as a wrong value of `type`
  }
  if (!usable) return nullptr;
  info.index = static_cast<u32>(module_.table.schemes.size());
  module_.table.schemes.push_back(record);
  infos_.push_back(std::move(info));
  return &infos_.back();
}

bool SchemeLowerer::encode(const policies::RecordSpec& spec, const Declared& declared,
                           SchemeRecord& record) {
  Encoder encoder(module_.table.pools, module_.files, module_.sink);
  encoder.set_later_fields(kLaterFields);
  const NodeRef x_gw = declared.scheme->x_gw;
  if (x_gw && !x_gw.is_map()) return false;  // check_places says so
  Effective value;
  if (x_gw) value = effective_record(spec, x_gw, "scheme");
  value.is_map = true;
  const size_t errors = module_.sink.error_count();
  EncodeScope scope;
  scope.upstreams = &module_.upstream_index;
  encoder.encode(spec.fields, value, scope, fmt::format("securitySchemes.{}", declared.name),
                 reinterpret_cast<std::byte*>(&record), nullptr);
  return module_.sink.error_count() == errors;
}

void SchemeLowerer::unbacked(const Declared& declared, Span used_at, std::string why,
                             std::string help) {
  module_.sink.report({.rule = "auth-scheme-unbacked",
                       .severity = Severity::Error,
                       .message = fmt::format("the security scheme `{}` cannot be enforced: {}",
                                              declared.name, why),
                       .primary = {used_at, "required here"},
                       .related = {{declared.scheme->name.span, "declared here"}},
                       .help = std::move(help)});
}

bool SchemeLowerer::needs_consumers(const Declared& declared, Span used_at) {
  if (module_.has_consumers) return true;
  unbacked(declared, used_at, "no consumers are declared",
           "add `x-gw: {consumers: {NAME: {keys: ['sha256:...']}}}` to the gateway document, or "
           "`{table: '$file./path'}`");
  return false;
}

bool SchemeLowerer::lower_api_key(const Declared& declared, SchemeRecord& record) {
  if (!encode(policies::kApiKeySpec, declared, record)) return false;
  record.kind = static_cast<u32>(SchemeKind::ApiKey);
  const std::string_view in = text_of(declared.scheme->node, "in");
  const auto place = std::ranges::find(policies::kCredentialPlaceWords, in);
  if (place == std::end(policies::kCredentialPlaceWords)) return false;  // reported by structure
  record.place = static_cast<u32>(place - std::begin(policies::kCredentialPlaceWords));
  const std::string_view name = text_of(declared.scheme->node, "name");
  record.field =
      module_.table.pools.strings.add(in == "header" ? lower_case(name) : std::string(name));
  record.consumer_required = 1;
  return true;
}

bool SchemeLowerer::lower_http(const Declared& declared, SchemeRecord& record, SchemeInfo& info,
                               Span used_at) {
  const std::string scheme = lower_case(text_of(declared.scheme->node, "scheme"));
  if (scheme == "bearer") return lower_bearer(declared, record, info, used_at);
  if (scheme != "basic") {
    unbacked(declared, used_at, fmt::format("`{}` is neither `basic` nor `bearer`", scheme),
             "say that it is not enforced here: `x-gw: {unenforced: {security: REASON}}`");
    return false;
  }
  if (!encode(policies::kBasicSpec, declared, record)) return false;
  record.kind = static_cast<u32>(SchemeKind::Basic);
  Pools& pools = module_.table.pools;
  record.field = pools.strings.add("authorization");
  if (record.realm.offset == table::kNone) record.realm = pools.strings.add(module_.gateway.title);
  record.consumer_required = 1;
  info.names_consumer = true;
  return needs_consumers(declared, used_at);
}

bool SchemeLowerer::lower_bearer(const Declared& declared, SchemeRecord& record, SchemeInfo& info,
                                 Span used_at) {
  if (!encode(policies::kBearerSpec, declared, record)) return false;
  Pools& pools = module_.table.pools;
  record.realm = pools.strings.add(module_.gateway.title);
  info.is_token = true;
  info.names_consumer = record.consumer.offset != table::kNone;
  if (const NodeRef claims = child(declared.scheme->x_gw, "claims")) {
    for (const auto [name, value] : claims.entries()) info.claims.push_back(name.text());
  }
  if (static_cast<policies::CredentialPlace>(record.place) == policies::CredentialPlace::Header) {
    const std::string_view name =
        std::string_view(pools.strings.bytes()).substr(record.field.offset, record.field.bytes);
    record.field = pools.strings.add(lower_case(name));
  }
  const bool introspects = static_cast<bool>(child(declared.scheme->x_gw, "introspection"));
  record.kind = static_cast<u32>(introspects ? SchemeKind::Introspection : SchemeKind::Jwt);
  const bool has_keys = is_given(record.jwks.url) || is_given(record.jwks.file) ||
                        record.jwks.keys.offset != table::kNone;
  if (declared.scheme->type == SchemeType::OpenIdConnect && !introspects && !has_keys) {
    record.discovers = 1;
    const std::string_view url = text_of(declared.scheme->node, "openIdConnectUrl");
    record.discovery.value = pools.strings.add(url);
    record.discovery.late = table::kNone;
  }
  if (info.names_consumer && !module_.has_consumers) return needs_consumers(declared, used_at);
  return introspects ? check_introspection(declared, record)
                     : check_token(declared, record, used_at);
}

bool SchemeLowerer::check_introspection(const Declared& declared, const SchemeRecord& record) {
  const NodeRef node = child(declared.scheme->x_gw, "introspection");
  std::vector<std::string_view> missing;
  if (record.introspection.upstream == table::kNone) missing.emplace_back("upstream");
  if (!is_given(record.introspection.client_id)) missing.emplace_back("clientId");
  if (!is_given(record.introspection.client_secret)) missing.emplace_back("clientSecret");
  if (!missing.empty()) {
    report(module_, "extension-missing", Severity::Error, node.span(),
           fmt::format("`introspection` of `{}` has no `{}`", declared.name,
                       fmt::join(missing, "`, `")),
           "here");
    return false;
  }
  for (const std::string_view other : {"jwks", "secret", "algorithms"}) {
    const NodeRef key = declared.scheme->x_gw.key_of(other);
    if (!key) continue;
    report(module_, "extension-conflict", Severity::Error, key.span(),
           fmt::format("`{}` has no effect beside `introspection`", other),
           "the issuer is asked about each token", "remove one of them");
    return false;
  }
  module_.upstream_used[record.introspection.upstream] = true;
  return true;
}

// A token is checked for its issuer, its audience and by algorithms that were chosen, with keys of
// the right kind.
bool SchemeLowerer::check_token(const Declared& declared, const SchemeRecord& record,
                                Span used_at) {
  const u32 sources = (is_given(record.jwks.url) ? 1u : 0u) +
                      (is_given(record.jwks.file) ? 1u : 0u) +
                      (record.jwks.keys.offset != table::kNone ? 1u : 0u);
  const bool has_secret = is_given(record.secret);
  if (sources == 0 && !has_secret && record.discovers == 0) {
    unbacked(declared, used_at, "nothing says which keys sign its tokens",
             "add `x-gw: {issuer: ..., audiences: [...], algorithms: [...], jwks: URL}` to the "
             "scheme, or bind it in `services: {NAME: {schemes: {...}}}`");
    return false;
  }
  const Span place = declared.scheme->name.span;
  std::vector<std::string> missing;
  if (!is_given(record.issuer) && record.discovers == 0) missing.emplace_back("issuer");
  if (record.audiences.count == 0) missing.emplace_back("audiences");
  if (record.algorithms.count == 0) missing.emplace_back("algorithms");
  const auto incomplete = [&](std::string message, std::string help) {
    report(module_, "auth-jwt-incomplete", Severity::Error, place, std::move(message),
           "this scheme", std::move(help));
    return false;
  };
  if (!missing.empty()) {
    return incomplete(
        fmt::format("the security scheme `{}` does not say `{}`", declared.name,
                    fmt::join(missing, "`, `")),
        "a token for somebody else, or by an algorithm that nobody chose, would pass");
  }
  u32 symmetric = 0;
  const auto algorithms = list_of<u32>(module_.table.pools, record.algorithms);
  for (const u32 algorithm : algorithms) {
    if (policies::is_symmetric_algorithm(algorithm)) ++symmetric;
  }
  if (symmetric != 0 && symmetric != algorithms.size()) {
    return incomplete(
        fmt::format("`{}` accepts shared secrets and public keys at once", declared.name),
        "whoever knows a public key could sign with it; make two schemes of it");
  }
  if (symmetric != 0 && !has_secret) {
    return incomplete(fmt::format("`{}` accepts HS algorithms and has no `secret`", declared.name),
                      "add `secret: '{$env.NAME}'`");
  }
  if (symmetric == 0 && has_secret) {
    return incomplete(fmt::format("`{}` has a `secret` that no algorithm uses", declared.name),
                      "remove it, or choose HS256");
  }
  if (sources > 1 || (symmetric != 0 && (sources != 0 || record.discovers != 0))) {
    return incomplete(fmt::format("`{}` has keys from several places", declared.name),
                      "choose one of `jwks.url`, `jwks.file`, `jwks.keys`, `secret`");
  }
  return true;
}

bool SchemeLowerer::lower_mutual_tls(const Declared& declared, SchemeRecord& record,
                                     SchemeInfo& info, Span used_at) {
  if (!encode(policies::kMutualTlsSpec, declared, record)) return false;
  record.kind = static_cast<u32>(SchemeKind::MutualTls);
  info.names_consumer = module_.has_consumers;
  if (record.consumer_required != 0 && !needs_consumers(declared, used_at)) return false;
  const bool asked = std::ranges::any_of(module_.gateway.listeners, [](NodeRef listener) {
    return static_cast<bool>(child(child(listener, "tls"), "clientCertificate"));
  });
  if (asked) return true;
  unbacked(declared, used_at, "no listener asks for client certificates",
           "add `tls: {clientCertificate: {ca: '$file./path', mode: optional}}` to a listener");
  return false;
}

}  // namespace gw::compiler
