#include "compiler/passes/lower_cors.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "compiler/passes/passes.h"
#include "compiler/xgw/node_json.h"
#include "runtime/base/letter_case.h"

namespace gw::compiler {
namespace {

// Of a path that takes any method. A browser may not send TRACE, and needs no leave for OPTIONS.
constexpr std::string_view kAnyMethod = "GET, HEAD, POST, PUT, PATCH, DELETE";

NodeRef child(NodeRef map, std::string_view name) {
  return map && map.is_map() ? map.get(name) : NodeRef{};
}

// The value of a merged map, for comparing.
void append_value(const Effective& value, std::string& out) {
  if (!value.is_map) {
    out += value.node ? to_json(value.node) : "null";
    return;
  }
  for (const Effective::Entry& entry : value.entries) {
    out += fmt::format("{}:", entry.name);
    append_value(entry.value, out);
    out += ';';
  }
}

// The scheme that a requirement names: the document's own, or the gateway's that it is bound to.
const openapi::SecurityScheme* find_scheme(const GatewayOperation& operation,
                                           std::string_view name) {
  const NodeRef bound = child(child(operation.unit->entry, "schemes"), name);
  const auto in = [](const openapi::Document& document, std::string_view wanted) {
    const auto found =
        std::ranges::find(document.schemes, wanted,
                          [](const openapi::SecurityScheme& scheme) { return scheme.name.value; });
    return found == document.schemes.end() ? nullptr : &*found;
  };
  if (bound && bound.is_scalar()) return in(*operation.unit->gateway, bound.text());
  const openapi::SecurityScheme* own = in(*operation.unit->document, name);
  return own != nullptr ? own : in(*operation.unit->gateway, name);
}

// The field that carries a credential; empty: none that a script could set.
std::string credential_field(const openapi::SecurityScheme& scheme) {
  switch (scheme.type) {
    case openapi::SchemeType::ApiKey: {
      const NodeRef in = child(scheme.node, "in");
      const NodeRef name = child(scheme.node, "name");
      const bool in_header = in && in.is_scalar() && in.text() == "header";
      return in_header && name && name.is_scalar() ? lower_case(name.text()) : std::string();
    }
    case openapi::SchemeType::Http:
    case openapi::SchemeType::OAuth2:
    case openapi::SchemeType::OpenIdConnect:
      return "authorization";
    default:
      return {};
  }
}

// Fields that a page may send without leave, whatever their values (Fetch, section 2.2.2).
bool needs_no_leave(std::string_view header) {
  return header == "accept" || header == "accept-language" || header == "content-language";
}

bool contains(const std::vector<std::string>& list, std::string_view text) {
  return std::ranges::find(list, text) != list.end();
}

table::StringRef joined(Pools& pools, const std::vector<std::string>& list) {
  if (list.empty()) return {};
  return pools.strings.add(fmt::format("{}", fmt::join(list, ", ")));
}

}  // namespace

const std::string& CorsLowerer::text_of(const GatewayOperation& operation, const Levels& levels) {
  const auto [entry, fresh] = known_.try_emplace(levels.key());
  if (fresh) {
    const EffectiveOperation effective = effective_operation(module_, operation, levels);
    const Effective* cors = effective.fields.find("cors");
    if (cors != nullptr && cors->present()) append_value(*cors, entry->second);
  }
  return entry->second;
}

bool CorsLowerer::is_set(const GatewayOperation& operation, const Levels& levels) {
  return !text_of(operation, levels).empty();
}

void CorsLowerer::add_headers(const GatewayOperation& operation,
                              std::vector<std::string>& headers) const {
  for (const openapi::Parameter& parameter : operation.operation->parameters) {
    if (parameter.in == openapi::ParameterIn::Header) {
      headers.push_back(lower_case(parameter.name.value));
    }
  }
  // A JSON body makes a request one that needs leave.
  const NodeRef node = operation.operation->node;
  if (operation.any_method || child(node, "requestBody")) headers.emplace_back("content-type");
  const NodeRef security = security_of(operation);
  if (!security || !security.is_seq()) return;
  for (const NodeRef alternative : security.items()) {
    if (!alternative.is_map()) continue;
    for (const auto [key, scopes] : alternative.entries()) {
      const openapi::SecurityScheme* scheme = find_scheme(operation, key.text());
      std::string field = scheme == nullptr ? std::string() : credential_field(*scheme);
      if (!field.empty()) headers.push_back(std::move(field));
    }
  }
}

CorsOffer CorsLowerer::offer(const GatewayOperation& operation, const Levels& levels) {
  if (siblings_.empty()) {
    for (const PlannedOperation& planned : module_.operations) {
      siblings_[planned.source->item].push_back(planned.source);
    }
  }
  CorsOffer offer;
  std::vector<std::string> methods;
  bool any = false;
  for (const GatewayOperation* sibling : siblings_[operation.item]) {
    const bool same_cors = sibling == &operation ||
                           text_of(*sibling, levels_of(*sibling)) == text_of(operation, levels);
    if (!same_cors || sibling->unit != operation.unit) continue;
    any = any || sibling->any_method;
    if (!sibling->any_method) methods.push_back(sibling->operation->method.value);
    // GET answers HEAD.
    if (!sibling->any_method && sibling->operation->method.value == "GET") {
      methods.emplace_back("HEAD");
    }
    add_headers(*sibling, offer.headers);
  }
  std::ranges::sort(methods);
  // Not std::ranges: clang 14 cannot read its subranges in libstdc++ 12.
  methods.erase(std::unique(methods.begin(), methods.end()), methods.end());
  offer.methods = any ? std::string(kAnyMethod) : fmt::format("{}", fmt::join(methods, ", "));
  std::erase_if(offer.headers, needs_no_leave);
  std::ranges::sort(offer.headers);
  offer.headers.erase(std::unique(offer.headers.begin(), offer.headers.end()), offer.headers.end());
  return offer;
}

std::vector<std::string> CorsLowerer::texts_of(table::Extent list) const {
  const Pools& pools = module_.table.pools;
  std::vector<std::string> texts;
  for (u32 i = 0; i < list.count; ++i) {
    table::StringRef ref;
    std::memcpy(&ref, pools.policy_data.bytes().data() + list.offset + i * sizeof ref, sizeof ref);
    if (ref.offset == table::kNone) continue;  // a value that was refused
    texts.push_back(pools.strings.bytes().substr(ref.offset, ref.bytes));
  }
  return texts;
}

void CorsLowerer::check_wildcards(const Effective& cors, const CorsChoice& choice) {
  if (choice.credentials == 0) return;
  // With credentials `*` is a name as any other to browsers, or would let every page in.
  for (const std::string_view field : {"origins", "methods", "headers", "expose"}) {
    const Effective* list = cors.find(field);
    if (list == nullptr || !list->node) continue;
    const auto report_star = [&](NodeRef item) {
      if (!item.is_scalar() || item.text() != "*") return;
      report(module_, "cors-wildcard-credentials", Severity::Error, item.span(),
             fmt::format("`cors.{}` cannot be `*` with `credentials`", field),
             field == "origins" ? "every page could act as its visitor"
                                : "browsers take it for a name",
             fmt::format("list the {}, or remove `credentials`", field));
    };
    if (list->node.is_seq()) {
      for (const NodeRef item : list->node.items()) report_star(item);
    } else {
      report_star(list->node);
    }
  }
}

void CorsLowerer::check_missing(const GatewayOperation& operation, const Effective& cors,
                                const std::vector<std::string>& allowed) {
  if (contains(allowed, "*")) return;
  std::vector<std::string> wanted;
  add_headers(operation, wanted);
  std::erase_if(wanted, [&](const std::string& header) {
    return needs_no_leave(header) || contains(allowed, header);
  });
  if (wanted.empty()) return;
  std::ranges::sort(wanted);
  module_.sink.report(
      {.rule = "cors-missing-header",
       .severity = Severity::Warning,
       .message = fmt::format("pages cannot send `{}` to operation `{}`", fmt::join(wanted, "`, `"),
                              operation.id),
       .primary = {cors.find("headers")->span(), "not in this list"},
       .related = {{operation.span, "which takes it"}},
       .help = "add it, or remove `headers`: then what the operations declare is allowed"});
}

policies::CorsRecord CorsLowerer::lower_default(const Effective& cors, const CorsChoice& choice) {
  Pools& pools = module_.table.pools;
  check_wildcards(cors, choice);
  policies::CorsRecord record{};
  record.allow_methods = record.allow_headers = table::StringRef{};
  record.origins = choice.origins;
  for (u32 i = 0; i < choice.origins.count; ++i) {
    table::LateString origin;
    std::memcpy(&origin,
                pools.policy_data.bytes().data() + choice.origins.offset + i * sizeof origin,
                sizeof origin);
    if (origin.late != table::kNone || origin.value.offset == table::kNone) continue;
    const bool star = pools.strings.bytes().substr(origin.value.offset, origin.value.bytes) == "*";
    record.any_origin = record.any_origin != 0 || star ? 1 : 0;
  }
  record.expose = joined(pools, texts_of(choice.expose));
  record.max_age = pools.strings.add(std::to_string(choice.max_age / 1000));
  record.credentials = choice.credentials;
  record.private_network = choice.private_network;
  return record;
}

policies::CorsRecord CorsLowerer::lower(const GatewayOperation& operation, const Effective& cors,
                                        const CorsChoice& choice, const CorsOffer& offer) {
  Pools& pools = module_.table.pools;
  policies::CorsRecord record = lower_default(cors, choice);
  const std::vector<std::string> methods = texts_of(choice.methods);
  record.allow_methods =
      methods.empty() ? pools.strings.add(offer.methods) : joined(pools, methods);
  const Effective* headers = cors.find("headers");
  const bool is_listed = headers != nullptr && headers->present();
  const std::vector<std::string> listed = texts_of(choice.headers);
  record.allow_headers = joined(pools, is_listed ? listed : offer.headers);
  if (is_listed) check_missing(operation, cors, listed);
  return record;
}

policies::CorsRecord CorsLowerer::strip() {
  policies::CorsRecord record{};
  record.allow_methods = record.allow_headers = record.expose = record.max_age = table::StringRef{};
  record.mode = policies::kCorsStrip;
  return record;
}

}  // namespace gw::compiler
