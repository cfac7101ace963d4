// Rules about upstreams: what happens to them when a target fails, and what is sent to them.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "compiler/passes/passes.h"
#include "compiler/passes/plan_steps.h"
#include "runtime/base/letter_case.h"
#include "runtime/base/units.h"
#include "runtime/policies/headers/record.h"
#include "runtime/policies/proxy/record.h"
#include "runtime/policies/upstream/record.h"

namespace gw::compiler {
namespace {

using openapi::SchemeType;
using policies::UpstreamRecord;

NodeRef child(NodeRef map, std::string_view name) {
  return map && map.is_map() ? map.get(name) : NodeRef{};
}

bool is_known(const table::LateNumber& value) { return value.late == table::kNone; }

// --- upstream-no-healthcheck

void check_health(Module& module, const GatewayUpstream& upstream, const UpstreamRecord& record) {
  const policies::HealthRecord& health = record.health;
  const bool checked = health.path.offset != table::kNone || health.tcp != 0;
  if (record.targets.count < 2 || checked || record.outlier.consecutive != 0) return;
  const NodeRef targets = child(upstream.node, "targets");
  report(module, "upstream-no-healthcheck", Severity::Warning, upstream.key.span(),
         fmt::format("a target of `{}` that fails goes on getting its share of the requests",
                     upstream.name),
         fmt::format("{} targets, no `health` and no `outlier`", targets.size()),
         "add `health: /PATH` or `health: {tcp: true}`, which ask the targets, or `outlier: 5`, "
         "which goes by their answers");
}

// --- upstream-plain-http

// Credentials of an operation that are sent upstream: by which name, and who says so.
struct Credential {
  std::string name;
  Span span;
};

// All upstreams that get requests of an operation, or copies of them.
std::vector<u32> upstreams_of(const Module& module, const PlannedOperation& operation) {
  std::vector<u32> found;
  if (operation.upstream == table::kNone) return found;
  found.push_back(operation.upstream);
  for (const auto& proxy : steps_of<policies::ProxyRecord>(
           module, operation, policies::PolicyId::Proxy, policies::Phase::Action)) {
    for (u32 i = 0; i < proxy.split.count; ++i) {
      const u32 at = proxy.split.offset + i * u32{sizeof(policies::SplitRecord)};
      found.push_back(record_at<policies::SplitRecord>(module, at).upstream);
    }
    for (u32 i = 0; i < proxy.mirrors.count; ++i) {
      const u32 at = proxy.mirrors.offset + i * u32{sizeof(policies::MirrorRecord)};
      found.push_back(record_at<policies::MirrorRecord>(module, at).upstream);
    }
  }
  return found;
}

// Header fields that the plan of an operation changes on the way upstream.
class RequestHeaders {
 public:
  RequestHeaders(const Module& module, const PlannedOperation& operation) : module_(module) {
    for (const auto& headers : steps_of<policies::HeadersRecord>(
             module, operation, policies::PolicyId::Headers, policies::Phase::RequestTransform)) {
      read(headers);
    }
  }

  bool removes(std::string_view name) const {
    return std::ranges::find(removed_, name) != removed_.end();
  }
  const std::vector<std::string>& written() const { return written_; }

 private:
  std::string text(table::StringRef ref) const {
    const std::string_view all = module_.table.pools.strings.bytes();
    return lower_case(all.substr(ref.offset, ref.bytes));
  }

  void read(const policies::HeadersRecord& headers) {
    for (const table::Extent& list : {headers.set, headers.add, headers.fallback}) {
      for (u32 i = 0; i < list.count; ++i) {
        const u32 at = list.offset + i * u32{sizeof(policies::HeaderSetRecord)};
        written_.push_back(text(record_at<policies::HeaderSetRecord>(module_, at).name));
      }
    }
    for (u32 i = 0; i < headers.remove.count; ++i) {
      const u32 at = headers.remove.offset + i * u32{sizeof(table::StringRef)};
      removed_.push_back(text(record_at<table::StringRef>(module_, at)));
    }
  }

  const Module& module_;
  std::vector<std::string> written_;
  std::vector<std::string> removed_;
};

bool names_credential(std::string_view header) {
  static constexpr std::string_view kNames[] = {"authorization", "cookie",       "x-api-key",
                                                "api-key",       "x-auth-token", "apikey"};
  return std::ranges::find(kNames, header) != std::end(kNames);
}

// What clients must show for a scheme travels on, unless the document takes the field away.
bool is_forwarded(const openapi::SecurityScheme& scheme, const RequestHeaders& headers) {
  switch (scheme.type) {
    case SchemeType::MutualTls:
      return false;  // ends at the gateway
    case SchemeType::ApiKey: {
      const NodeRef in = child(scheme.node, "in");
      const NodeRef name = child(scheme.node, "name");
      if (!in || !name || !in.is_scalar() || !name.is_scalar()) return false;
      if (in.text() == "cookie") return !headers.removes("cookie");
      return in.text() != "header" || !headers.removes(lower_case(name.text()));
    }
    case SchemeType::Http:
    case SchemeType::OAuth2:
    case SchemeType::OpenIdConnect:
      return !headers.removes("authorization");
    case SchemeType::Unknown:
      return false;
  }
  return false;
}

std::optional<Credential> credential_of(const Module& module, const PlannedOperation& planned) {
  const GatewayOperation& operation = *planned.source;
  const RequestHeaders headers(module, planned);
  for (const std::string& name : headers.written()) {
    if (names_credential(name)) return Credential{name, operation.span};
  }
  const NodeRef security = security_of(operation);
  if (!security || !security.is_seq()) return std::nullopt;
  for (const NodeRef alternative : security.items()) {
    if (!alternative.is_map()) continue;
    for (const auto [key, scopes] : alternative.entries()) {
      for (const openapi::Document* document :
           {operation.unit->document, operation.unit->gateway}) {
        const openapi::SecurityScheme* scheme = document->find_scheme(key.text());
        if (scheme == nullptr) continue;
        if (is_forwarded(*scheme, headers)) return Credential{std::string(key.text()), key.span()};
        break;
      }
    }
  }
  return std::nullopt;
}

// A name that is always this machine (RFC 6761 section 6.3), or an address of it.
bool is_loopback(std::string_view host) {
  const std::string lower = lower_case(host);
  if (lower == "localhost" || lower.ends_with(".localhost")) return true;
  u8 address[16];
  u32 bits = 0;
  if (!parse_network(host, address, bits)) return false;
  constexpr std::array<u8, 13> kMapped127 = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127};
  constexpr std::array<u8, 16> kLoopback6 = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  return std::equal(kMapped127.begin(), kMapped127.end(), address) ||
         std::equal(kLoopback6.begin(), kLoopback6.end(), address);
}

// A name whose addresses are spoken to in plain text.
NodeRef plain_name(NodeRef dns, const policies::DnsRecord& record) {
  const bool is_known = record.is_given() && record.name.late == table::kNone;
  if (!is_known || policies::kSchemeWords[record.scheme] != "http") return {};
  const NodeRef name = dns.is_map() ? dns.get("name") : dns;
  return name && name.is_scalar() && !is_loopback(name.text()) ? name : NodeRef{};
}

// The place of the first target that others on the network could listen to.
NodeRef plain_target(NodeRef upstream, const UpstreamRecord& record) {
  if (const NodeRef dns = child(upstream, "dns")) return plain_name(dns, record.dns);
  const NodeRef targets = child(upstream, "targets");
  if (!targets || !targets.is_seq()) return {};
  for (const NodeRef target : targets.items()) {
    const NodeRef url = target.is_map() ? target.get("url") : target;
    if (!url || !url.is_scalar()) continue;
    std::string_view problem;
    // What a reference stands for is known to who sets it.
    const auto parsed = parse_http_url(url.text(), problem);
    if (parsed && parsed->scheme == "http" && !is_loopback(parsed->host)) return url;
  }
  return {};
}

struct Exposed {
  const GatewayOperation* first = nullptr;
  Credential credential;
  u32 count = 0;
};

void check_plain_http(Module& module) {
  if (module.options.mock || !module.override_name.empty()) return;
  std::map<u32, Exposed> exposed;  // by upstream
  std::map<u32, NodeRef> plain;
  for (const GatewayUpstream& upstream : module.gateway.upstreams) {
    const auto index = module.upstream_index.find(upstream.name);
    if (index == module.upstream_index.end()) continue;
    const UpstreamRecord& record = module.table.upstreams[index->second];
    if (const NodeRef target = plain_target(upstream.node, record)) plain[index->second] = target;
  }
  if (plain.empty()) return;
  for (const PlannedOperation& planned : module.operations) {
    for (const u32 upstream : upstreams_of(module, planned)) {
      if (!plain.contains(upstream)) continue;
      const auto credential = credential_of(module, planned);
      if (!credential) break;
      Exposed& entry = exposed[upstream];
      if (entry.count++ != 0) continue;
      entry.first = planned.source;
      entry.credential = *credential;
    }
  }
  for (const auto& [upstream, entry] : exposed) {
    const std::string others = entry.count == 1 ? "" : fmt::format(" and {} more", entry.count - 1);
    const NodeRef target = plain[upstream];
    module.sink.report(
        {.rule = "upstream-plain-http",
         .severity = Severity::Warning,
         .message = fmt::format("credentials of operation `{}`{} cross the network in plain text",
                                entry.first->id, others),
         .primary = {target.span(), "no TLS, and not on this machine"},
         .related = {{entry.credential.span,
                      fmt::format("`{}` is sent along", entry.credential.name)}},
         .help = "use `https`, or a target on loopback or a unix socket; waive it where the "
                 "network itself encrypts"});
  }
}

// --- breaker-never-opens

// The shortest `timeout.try` of the operations that use each upstream.
std::map<u32, u64> shortest_tries(const Module& module) {
  std::map<u32, u64> tries;
  for (const PlannedOperation& planned : module.operations) {
    const table::LateNumber& limit = module.table.settings[planned.settings].timeout.try_;
    const u64 value = is_known(limit) ? limit.value : 1;
    for (const u32 upstream : upstreams_of(module, planned)) {
      const auto [entry, fresh] = tries.try_emplace(upstream, value);
      if (!fresh) entry->second = std::min(entry->second, value);
    }
  }
  return tries;
}

// A target that never answers is what a breaker is for: then each request that the limits let in
// ends after `timeout.try` only, and too few may end in a window.
void check_breaker(Module& module, const GatewayUpstream& upstream, const UpstreamRecord& record,
                   u64 try_ms) {
  const policies::BreakerRecord& breaker = record.breaker;
  const table::LateNumber& limit = record.limits.requests;
  if (breaker.failures == 0 || !is_known(limit) || limit.value == 0) return;
  if (!is_known(breaker.window)) return;
  const u64 rounds = (breaker.window.value + try_ms - 1) / try_ms;
  const u64 ended = limit.value * rounds;
  if (ended >= breaker.requests) return;
  const NodeRef node = child(upstream.node, "breaker");
  const NodeRef requests = child(node, "requests");
  Diagnostic finding{
      .rule = "breaker-never-opens",
      .severity = Severity::Info,
      .message =
          fmt::format("the breaker of `{}` stays closed while no target answers", upstream.name),
      .primary = {(requests ? requests : node).span(),
                  fmt::format("counts from {} tries in {} on", breaker.requests,
                              format_duration(breaker.window.value))},
      .help = fmt::format("set `breaker.requests` to {} or less, a longer `breaker.window`, or a "
                          "shorter `timeout.try`",
                          ended)};
  const std::string most =
      fmt::format("at most {} tries end in that time: {} at once, each after {}", ended,
                  limit.value, format_duration(try_ms));
  if (const NodeRef place = child(child(upstream.node, "limits"), "requests")) {
    finding.related.push_back({place.span(), most});
  } else {
    finding.message += fmt::format(": {}", most);
  }
  module.sink.report(std::move(finding));
}

}  // namespace

void check_upstreams(Module& module) {
  const std::map<u32, u64> tries = shortest_tries(module);
  for (const GatewayUpstream& upstream : module.gateway.upstreams) {
    const auto index = module.upstream_index.find(upstream.name);
    if (index == module.upstream_index.end()) continue;
    const UpstreamRecord& record = module.table.upstreams[index->second];
    check_health(module, upstream, record);
    const auto shortest = tries.find(index->second);
    if (shortest != tries.end()) check_breaker(module, upstream, record, shortest->second);
  }
  check_plain_http(module);
}

}  // namespace gw::compiler
