// Upstreams, listeners and root settings to records.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "compiler/passes/lower_access_log.h"
#include "compiler/passes/passes.h"
#include "compiler/xgw/language.h"
#include "compiler/xgw/value.h"
#include "runtime/base/ip_address.h"
#include "runtime/base/units.h"

namespace gw::compiler {
namespace {

constexpr std::string_view kOverrideName = "override";
constexpr u64 kMinCacheMemory = u64{1} << 20;
constexpr u64 kMaxCacheMemory = u64{1} << 40;

// The settings that an upstream carries for its operations are no part of its own record.
void take_out_settings(Effective& value) {
  std::erase_if(value.entries,
                [](const Effective::Entry& entry) { return is_upstream_setting(entry.name); });
}

void add_upstream(Module& module, std::string_view name, policies::UpstreamRecord record) {
  record.name = module.table.pools.strings.add(name);
  module.upstream_index[name] = static_cast<u32>(module.table.upstreams.size());
  module.table.upstreams.push_back(record);
  module.upstream_used.push_back(false);
}

bool is_present(const Effective& value, std::string_view name) {
  const Effective* field = value.find(name);
  return field != nullptr && field->present();
}

// A field of an upstream, for a place in the document.
NodeRef field_of(const GatewayUpstream& upstream, std::string_view name) {
  return upstream.node.is_map() ? upstream.node.get(name) : NodeRef{};
}

bool is_path(std::string_view text) {
  const bool plain = std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
  return text.starts_with('/') && plain;
}

void check_health(Module& module, NodeRef node, const std::string& path,
                  const policies::HealthRecord& record) {
  const bool has_path = record.path.offset != table::kNone;
  if (has_path == (record.tcp != 0)) {
    report(module, has_path ? "extension-conflict" : "extension-missing", Severity::Error,
           node.span(),
           has_path ? fmt::format("`{}.health` has `path` and `tcp`", path)
                    : fmt::format("`{}.health` does not say what is asked", path),
           "one of them is needed", "write `path: /healthz`, or `tcp: true`");
  }
  const NodeRef text = node.is_map() ? node.get("path") : node;
  if (!has_path || !text || !text.is_scalar()) return;
  const std::string_view value = text.text();
  if (!is_path(value)) {
    report(module, "extension-value", Severity::Error, text.span(),
           fmt::format("`{}.health.path` is not a path", path), "here",
           "it begins with `/` and is percent-encoded");
  }
}

void check_balance(Module& module, NodeRef node, const std::string& path,
                   const policies::BalanceRecord& record) {
  const bool needs_key = policies::balances_by_key(record.by);
  if (needs_key == (record.key.count != 0)) return;
  const NodeRef key = node && node.is_map() ? node.get("key") : NodeRef{};
  if (!needs_key) {
    report(module, "extension-conflict", Severity::Error, key ? key.span() : node.span(),
           fmt::format("`{}.balance.key` has no effect with `{}`", path,
                       policies::kBalanceWords[record.by]),
           "here", "choose `by: ringHash` or `by: maglev`, or remove it");
  } else if (!key) {
    report(module, "extension-missing", Severity::Error, node.span(),
           fmt::format("`{}.balance` has no `key`", path),
           fmt::format("`{}` goes by one", policies::kBalanceWords[record.by]),
           "add for instance `key: '{$request.header.x-user}'`");
  }
}

void check_slow_start(Module& module, NodeRef node, const std::string& path,
                      const policies::UpstreamRecord& record) {
  const bool off = record.slow_start.late == table::kNone && record.slow_start.value == 0;
  if (off || !policies::balances_by_key(record.balance.by)) return;
  report(module, "extension-conflict", Severity::Error, node.span(),
         fmt::format("`{}.slowStart` has no effect with `{}`", path,
                     policies::kBalanceWords[record.balance.by]),
         "a key keeps its target", "remove it, or balance without a key");
}

// A reference may turn out to be anything.
bool may_be_https(NodeRef target) {
  const NodeRef url = target.is_map() ? target.get("url") : target;
  if (!url || !url.is_scalar()) return true;  // reported as wrong
  return !url.text().starts_with("http:") && !url.text().starts_with("unix:");
}

void conflict(Module& module, NodeRef node, std::string message, std::string label,
              std::string help) {
  report(module, "extension-conflict", Severity::Error, node.span(), std::move(message),
         std::move(label), std::move(help));
}

// The text of a field that is written out; none of a reference, or of what is reported as wrong.
std::string_view literal(NodeRef map, std::string_view name) {
  const NodeRef value = map.is_map() ? map.get(name) : NodeRef{};
  if (!value || !value.is_scalar() || has_late_reference(value.text())) return {};
  return value.text();
}

void check_dns_name(Module& module, NodeRef node, const std::string& path, bool srv) {
  const std::string_view name = literal(node, "name");
  if (name.empty()) return;
  if (!is_host_name(name)) {
    const bool is_address = parse_ip(name).has_value();
    report(module, "extension-value", Severity::Error, node.get("name").span(),
           fmt::format("`{}.dns.name` is not a host name", path),
           is_address ? "this is an address" : "here",
           is_address ? "write `targets: ['http://ADDRESS:PORT']`" : "");
    return;
  }
  const bool is_service = name.starts_with('_') &&
                          (name.find("._tcp.") != name.npos || name.find("._udp.") != name.npos);
  if (is_service && !srv) {
    conflict(module, node.get("name"), fmt::format("`{}.dns.name` names a service", path),
             "such names have no addresses", "add `srv: true`, and take `port` away");
  }
}

void check_dns_path(Module& module, NodeRef node, const std::string& path) {
  const NodeRef value = node.is_map() ? node.get("path") : NodeRef{};
  if (!value || !value.is_scalar() || is_path(value.text())) return;
  report(module, "extension-value", Severity::Error, value.span(),
         fmt::format("`{}.dns.path` is not a path", path), "here",
         "it begins with `/` and is percent-encoded");
}

void check_dns(Module& module, NodeRef node, const std::string& path,
               const policies::DnsRecord& record) {
  if (!node.is_map()) return;
  const bool srv = record.srv != 0;
  check_dns_name(module, node, path, srv);
  check_dns_path(module, node, path);
  const NodeRef port = node.get("port");
  if (srv && port) {
    conflict(module, port, fmt::format("`{}.dns.port` has no effect with `srv`", path),
             "SRV records say the ports", "remove it");
  }
  if (!srv && !port) {
    report(module, "extension-missing", Severity::Error, node.span(),
           fmt::format("`{}.dns` has no `port`", path), "addresses have none",
           "add `port: 80`, or `srv: true` for a name with SRV records");
  }
  const auto& [min, max] = record.refresh;
  const bool known = min.late == table::kNone && max.late == table::kNone;
  if (known && min.value > max.value) {
    const NodeRef refresh = node.get("refresh");
    report(module, "extension-value", Severity::Error, refresh ? refresh.span() : node.span(),
           fmt::format("`{}.dns.refresh`: `min` is {}, `max` is {}", path,
                       format_duration(min.value), format_duration(max.value)),
           "no time is between them", "give both");
  }
}

void check_dns_tls(Module& module, NodeRef tls, const std::string& path,
                   const policies::DnsRecord& record) {
  if (record.scheme == policies::kSchemeHttps) return;
  conflict(module, tls, fmt::format("`{}.tls` has no effect: `dns.scheme` is `http`", path),
           "requests go in plain text", "add `scheme: https` to `dns`, or remove it");
}

// Targets are given, or found; one of both.
void check_source(Module& module, const GatewayUpstream& upstream, const std::string& path) {
  const NodeRef targets = field_of(upstream, "targets");
  const NodeRef dns = field_of(upstream, "dns");
  if (targets && dns) {
    conflict(module, upstream.node.key_of("dns"), fmt::format("`{}` has `targets` and `dns`", path),
             "one of them says where requests go",
             "remove one; hosts of `targets` follow DNS, too");
  }
  if (targets || dns || !upstream.node.is_map()) return;
  report(module, "extension-missing", Severity::Error, upstream.key.span(),
         fmt::format("`{}` has neither `targets` nor `dns`", path), "where do requests go?",
         "add `targets: [{url: 'http://host:port'}]`, or `dns: {name: host, port: 80}`");
}

void check_tls(Module& module, NodeRef node, const std::string& path, NodeRef targets) {
  if (!targets || !targets.is_seq()) return;
  for (const NodeRef target : targets.items()) {
    if (may_be_https(target)) return;
  }
  report(module, "extension-conflict", Severity::Error, node.span(),
         fmt::format("`{}.tls` has no effect: no target has `https`", path),
         "requests go in plain text", "write `https://` in the targets, or remove it");
}

// A connection names one client, so it cannot be shared, nor kept for whoever comes next.
void check_proxy_protocol(Module& module, const GatewayUpstream& upstream,
                          const std::string& path) {
  for (const std::string_view name : {"protocol", "keepAlive"}) {
    const NodeRef other = field_of(upstream, name);
    if (!other || (name == "protocol" && other.is_scalar() && other.text() == "http1")) continue;
    const bool is_protocol = name == "protocol";
    module.sink.report(
        {.rule = "extension-conflict",
         .severity = Severity::Error,
         .message = is_protocol
                        ? fmt::format("`{}` sends PROXY headers, and cannot speak HTTP/2", path)
                        : fmt::format("`{}.keepAlive` has no effect with `proxyProtocol`", path),
         .primary = {other.span(), is_protocol ? "many clients would share one connection"
                                               : "no connection is kept for another client"},
         .related = {{field_of(upstream, "proxyProtocol").span(), "names one client"}},
         .help = is_protocol ? "remove one of them; `x-forwarded-for` names the client, too"
                             : "remove it"});
  }
}

// What no field table can say: which fields of an upstream need which others.
void check_upstream(Module& module, const GatewayUpstream& upstream, const std::string& path,
                    const policies::UpstreamRecord& record) {
  if (const NodeRef health = field_of(upstream, "health")) {
    check_health(module, health, path, record.health);
    // A target that speaks HTTP/2 only would be taken for broken.
    if (record.protocol != 0 && record.health.path.offset != table::kNone) {
      report(module, "extension-conflict", Severity::Error, health.span(),
             fmt::format("`{}.health.path` asks by HTTP/1.1, `protocol` says HTTP/2", path),
             "such a check cannot succeed", "write `tcp: true`");
    }
  }
  if (const NodeRef balance = field_of(upstream, "balance")) {
    check_balance(module, balance, path, record.balance);
  }
  if (const NodeRef sticky = field_of(upstream, "sticky")) {
    const NodeRef cookie = sticky.is_map() ? sticky.get("cookie") : sticky;
    if (cookie && cookie.is_scalar() && !is_token(cookie.text())) {
      report(module, "extension-value", Severity::Error, cookie.span(),
             fmt::format("`{}.sticky.cookie` is no name of a cookie", path), "here",
             "names are letters, digits, `-` and `_`");
    }
  }
  if (const NodeRef slow_start = field_of(upstream, "slowStart")) {
    check_slow_start(module, slow_start, path, record);
  }
  check_source(module, upstream, path);
  const NodeRef keep_alive = field_of(upstream, "keepAlive");
  const NodeRef ping = keep_alive && keep_alive.is_map() ? keep_alive.get("ping") : NodeRef{};
  if (ping && record.protocol == 0 && record.proxy_protocol == 0) {
    report(module, "extension-conflict", Severity::Error, ping.span(),
           fmt::format("`{}.keepAlive.ping` has no effect: HTTP/1.1 has no PING", path), "here",
           "remove it, or set `protocol: http2`");
  }
  if (record.proxy_protocol != 0) check_proxy_protocol(module, upstream, path);
  const NodeRef targets = field_of(upstream, "targets");
  const NodeRef dns = field_of(upstream, "dns");
  if (dns) check_dns(module, dns, path, record.dns);
  if (const NodeRef tls = field_of(upstream, "tls")) {
    if (dns && !targets) {
      check_dns_tls(module, tls, path, record.dns);
    } else {
      check_tls(module, tls, path, targets);
    }
  }
  if (!targets || !targets.is_seq() || targets.size() == 0) return;
  for (const NodeRef target : targets.items()) {
    const NodeRef backup = target.is_map() ? target.get("backup") : NodeRef{};
    if (!backup || backup.kind() != NodeKind::Bool || !backup.boolean()) return;
  }
  report(module, "extension-value", Severity::Error, targets.span(),
         fmt::format("all of `{}.targets` are `backup`", path), "for whom?",
         "take `backup` from those that serve as a rule");
}

void lower_upstreams(Module& module) {
  Encoder encoder(module.table.pools, module.files, module.sink);
  encoder.set_later_fields(kLaterFields);
  for (const GatewayUpstream& upstream : module.gateway.upstreams) {
    if (module.upstream_index.contains(upstream.name)) continue;  // reported as declared twice
    const std::string path = fmt::format("upstreams.{}", upstream.name);
    policies::UpstreamRecord record{};
    if (!upstream.node.is_map()) {
      report(module, "extension-value", Severity::Error, upstream.node.span(),
             fmt::format("`{}` is not a map", path), "here",
             "write `{targets: [{url: 'http://host:port'}]}`");
    }
    Effective value = effective_record(policies::kUpstreamSpec, upstream.node, "gateway");
    take_out_settings(value);
    encoder.encode(policies::kUpstreamFields, value, EncodeScope{}, path,
                   reinterpret_cast<std::byte*>(&record), nullptr);
    record.source = encoder.source(upstream.key.span());
    // Its defaults are for who asks for it.
    if (!is_present(value, "outlier")) record.outlier.consecutive = 0;
    if (!is_present(value, "breaker")) record.breaker.failures = 0;
    check_upstream(module, upstream, path, record);
    add_upstream(module, upstream.name, record);
  }
}

// --upstream URL: one more upstream, which every operation uses.
void lower_override(Module& module) {
  const std::string& url = module.options.upstream;
  if (url.empty()) return;
  std::string_view problem;
  const auto parsed = parse_http_url(url, problem);
  if (!parsed) {
    report(module, "extension-value", Severity::Error, Span{},
           fmt::format("--upstream `{}` is not a URL such as http://host:port{}{}", url,
                       problem.empty() ? "" : ": ", problem),
           "");
    return;
  }
  module.override_name = kOverrideName;
  Pools& pools = module.table.pools;
  policies::TargetRecord target{};
  target.url = {.value = pools.strings.add(url), .late = table::kNone, .reserved = 0};
  target.weight = 1;
  policies::UpstreamRecord record{};
  Encoder(pools, module.files, module.sink)
      .encode(policies::kUpstreamFields, Effective{}, EncodeScope{}, "",
              reinterpret_cast<std::byte*>(&record), nullptr);
  record.outlier.consecutive = 0;
  record.breaker.failures = 0;
  record.targets = {pools.policy_data.add(std::as_bytes(std::span(&target, 1))), 1};
  record.source = {};
  add_upstream(module, module.override_name, record);
}

// What no field table can say: which fields of a listener need which others.
void check_listener(Module& module, NodeRef node) {
  const NodeRef tls = node.get("tls");
  if (!tls || !tls.is_map()) return;
  const bool has_cert = static_cast<bool>(tls.get("cert"));
  const bool has_key = static_cast<bool>(tls.get("key"));
  if (!has_cert && !has_key) {
    report(module, "extension-missing", Severity::Error, tls.span(), "TLS needs a certificate",
           "none is named here",
           "add `cert: '$file./etc/gwctl/server.pem'` and `key: '$file./etc/gwctl/server.key'`");
  } else if (has_cert != has_key) {
    report(module, "extension-missing", Severity::Error, tls.span(),
           "a certificate and its key belong together", "one of them is missing",
           has_cert ? "add `key`" : "add `cert`");
  }
  const NodeRef client = tls.get("clientCertificate");
  const bool asked = client && client.is_map() && client.get("mode") &&
                     client.get("mode").is_scalar() && client.get("mode").text() != "none";
  if (asked && !client.get("ca")) {
    report(module, "extension-missing", Severity::Error, client.span(),
           "client certificates are asked for, but not what they must lead to", "`ca` is missing",
           "add `ca: '$file./etc/gwctl/clients-ca.pem'`");
  }
  if (const NodeRef redirect = node.get("redirectToHttps")) {
    report(module, "extension-conflict", Severity::Error, redirect.span(),
           "`redirectToHttps` is for listeners in plain text", "this one has `tls`",
           "put it on a listener of its own");
  }
}

void lower_listeners(Module& module) {
  Encoder encoder(module.table.pools, module.files, module.sink);
  encoder.set_later_fields(kLaterFields);
  for (size_t i = 0; i < module.gateway.listeners.size(); ++i) {
    policies::ListenerRecord record{};
    const Effective value =
        effective_record(policies::kListenerSpec, module.gateway.listeners[i], "gateway");
    encoder.encode(policies::kListenerFields, value, EncodeScope{}, fmt::format("listeners[{}]", i),
                   reinterpret_cast<std::byte*>(&record), nullptr);
    if (module.gateway.listeners[i].is_map()) {
      check_listener(module, module.gateway.listeners[i]);
    }
    record.source = encoder.source(module.gateway.listeners[i].span());
    module.table.listeners.push_back(record);
  }
}

// Where keys of gateway documents are written, for who compares tables. Values stay out: some are
// secrets, and all stand in records already.
class KeyOrigins {
 public:
  explicit KeyOrigins(Module& module)
      : pools_(module.table.pools), encoder_(pools_, module.files, module.sink) {}

  void add(std::string_view field, Span span, std::string_view value = {}) {
    if (!span.valid()) return;
    origins_.push_back({.field = pools_.strings.add(field),
                        .level = pools_.strings.add("gateway"),
                        .value = pools_.strings.add(value),
                        .source = encoder_.source(span)});
  }
  void add(const std::vector<EncodedField>& fields) {
    for (const EncodedField& one : fields) add(one.field, one.span);
  }
  void store(table::GatewayRecord& gateway) const {
    gateway.origins = pools_.origins.add(origins_);
  }

 private:
  Pools& pools_;
  Encoder encoder_;
  std::vector<table::OriginRecord> origins_;
};

// What stands for a key that is not there.
Span gateway_span(const Gateway& gateway) {
  for (const Unit& unit : gateway.units) {
    const openapi::Document* document = unit.gateway;
    if (document == nullptr) continue;
    const NodeRef key = document->root.key_of("x-gw");
    return key ? key.span() : document->root.span();
  }
  return {};
}

table::Extent trusted_proxies(Module& module, KeyOrigins& origins) {
  std::vector<table::NetworkRecord> networks;
  for (const NodeRef list : module.gateway.trusted_proxies) {
    origins.add("trustedProxies", list.span());
    if (!list.is_seq()) {
      report(module, "extension-value", Severity::Error, list.span(),
             "`trustedProxies` is not a list", "here", "write `[10.0.0.0/8]`");
    }
    for (const NodeRef item : list.items()) {
      table::NetworkRecord record{};
      if (item.is_scalar() && parse_network(item.text(), record.address, record.prefix_bits)) {
        networks.push_back(record);
        origins.add("trustedProxies", item.span(),
                    format_network(record.address, record.prefix_bits));
        continue;
      }
      report(module, "extension-value", Severity::Error, item.span(),
             "this is not an address or a CIDR block", "here");
    }
  }
  return module.table.pools.networks.add(networks);
}

table::Extent resolvers(Module& module, KeyOrigins& origins) {
  const NodeRef node = module.gateway.resolvers;
  policies::ResolversRecord record{};
  if (!node) return record.list;
  origins.add("resolvers", node.span());
  Effective value;
  value.is_map = true;
  value.entries.push_back({.key = {}, .name = "resolvers", .value = {}});
  value.entries.back().value.node = node;
  value.entries.back().value.level = "gateway";
  Encoder(module.table.pools, module.files, module.sink)
      .encode(policies::kResolversFields, value, EncodeScope{}, "",
              reinterpret_cast<std::byte*>(&record), nullptr);
  std::vector<NodeRef> items;
  if (node.is_seq()) {
    for (const NodeRef item : node.items()) items.push_back(item);
  } else {
    items.push_back(node);
  }
  for (const NodeRef item : items) {
    const bool written = item.is_scalar() && !has_late_reference(item.text());
    if (!written || parse_server_address(item.text())) continue;
    report(module, "extension-value", Severity::Error, item.span(),
           "this is not the address of a name server", "here",
           "write its IP, or IP:port; a name cannot be looked up without one");
  }
  return record.list;
}

u32 cache_memory(Module& module, KeyOrigins& origins) {
  const NodeRef node = module.gateway.cache_memory;
  if (!node) return 0;
  origins.add("cacheMemory", node.span());
  const auto bytes = node.is_scalar() ? parse_bytes(node.text()) : std::nullopt;
  if (!bytes || *bytes > kMaxCacheMemory || (*bytes != 0 && *bytes < kMinCacheMemory)) {
    report(module, "extension-value", Severity::Error, node.span(),
           "`cacheMemory` is not a size that a cache can have", "here",
           "write a size from 1MiB to 1TiB, such as `256MiB`; `0B` keeps nothing");
    return 0;
  }
  return *bytes == 0 ? table::kNone : static_cast<u32>(*bytes / 1024);
}

// A URL whose text is known can be read now; a reference is read when the table is loaded.
void check_collector(Module& module, NodeRef endpoint) {
  const bool known = endpoint && endpoint.is_scalar() && !has_late_reference(endpoint.text());
  std::string_view problem;
  const auto url = known ? parse_http_url(endpoint.text(), problem) : std::nullopt;
  if (!known || (url && url->scheme != "unix")) return;
  report(module, "extension-value", Severity::Error, endpoint.span(),
         "this is not an http or https URL", "here",
         "write the address of the collector's traces, such as `http://127.0.0.1:4318/v1/traces`");
}

table::Extent observe(Module& module, KeyOrigins& origins) {
  const NodeRef node = module.gateway.observe;
  if (!node) return {};
  policies::ObserveRecord record{};
  std::vector<EncodedField> fields;
  origins.add("observe", node.span());
  Encoder(module.table.pools, module.files, module.sink)
      .encode(policies::kObserveFields, effective_record(policies::kObserveSpec, node, "gateway"),
              EncodeScope{}, "observe", reinterpret_cast<std::byte*>(&record), &fields);
  origins.add(fields);
  if (!node.is_map()) return {};
  lower_access_log(module, node.get("accessLog"), record.access_log);
  if (const NodeRef tracing = node.get("tracing"); tracing && tracing.is_map()) {
    check_collector(module, tracing.get("endpoint"));
  }
  return store_list(module.table.pools, std::vector{record});
}

}  // namespace

void report(Module& module, std::string_view rule, Severity severity, Span span,
            std::string message, std::string label, std::string help) {
  module.sink.report({.rule = rule,
                      .severity = severity,
                      .message = std::move(message),
                      .primary = {span, std::move(label)},
                      .help = std::move(help)});
}

void lower_gateway(Module& module) {
  lower_upstreams(module);
  lower_override(module);
  lower_listeners(module);
  table::GatewayRecord& gateway = module.table.gateway;
  Pools& pools = module.table.pools;
  gateway.title = pools.strings.add(module.gateway.title);
  gateway.version = pools.strings.add(module.gateway.version);
  KeyOrigins origins(module);
  origins.add("", gateway_span(module.gateway));
  gateway.trusted_proxies = trusted_proxies(module, origins);
  gateway.resolvers = resolvers(module, origins);
  gateway.cache_kib = cache_memory(module, origins);
  gateway.observe = observe(module, origins);
  if (module.gateway.consumers) origins.add("consumers", module.gateway.consumers.span());
  origins.store(gateway);
  if (module.options.mock) gateway.flags |= table::kGatewayMockAll;
  if (module.options.unenforced_security) gateway.flags |= table::kGatewaySecurityUnenforced;
  if (!module.override_name.empty()) gateway.flags |= table::kGatewayUpstreamOverride;

  // Requests without a route have the built-in settings.
  policies::SettingsRecord settings{};
  Encoder(pools, module.files, module.sink)
      .encode(policies::kSettingsFields, Effective{}, EncodeScope{}, "",
              reinterpret_cast<std::byte*>(&settings), nullptr);
  gateway.default_settings = static_cast<u32>(module.table.settings.size());
  module.table.settings.push_back(settings);
}

}  // namespace gw::compiler
