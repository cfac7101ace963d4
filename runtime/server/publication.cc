#include "runtime/server/publication.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <cstring>

#include "runtime/base/units.h"
#include "runtime/engine/share.h"
#include "runtime/net/http_fetcher.h"
#include "runtime/net/tls_client.h"
#include "runtime/policies/observe/record.h"
#include "runtime/policies/policy_list.h"
#include "runtime/policies/proxy/record.h"
#include "runtime/server/route_names.h"

namespace gw::server {
namespace {

std::string address_of(const HttpUrl& url) {
  if (url.scheme == "unix") return fmt::format("unix:{}", url.host);
  return url.host.find(':') == url.host.npos ? fmt::format("{}:{}", url.host, url.port)
                                             : fmt::format("[{}]:{}", url.host, url.port);
}

bool is_given(const table::LateString& text) {
  return text.late != table::kNone || text.value.offset != table::kNone;
}

std::string given_text(const BoundTable& table, const table::LateString& text) {
  return is_given(text) ? std::string(table.text(text)) : std::string();
}

// What decides whether a connection may be carried over to another table.
std::string digest_of(const net::TlsClientOptions& options) {
  const std::string all = fmt::format("{}|{}|{}|{}", options.verify, options.ca,
                                      options.identity.chain, options.identity.key);
  return fmt::format("{:016x}", XXH3_64bits(all.data(), all.size()));
}

std::shared_ptr<const net::TlsClientOptions> tls_of(const BoundTable& table,
                                                    const policies::UpstreamTlsRecord& record,
                                                    bool http2) {
  auto options = std::make_shared<net::TlsClientOptions>();
  options->verify = record.verify != 0;
  options->http2 = http2;
  options->ca = given_text(table, record.ca);
  options->identity = {given_text(table, record.cert), given_text(table, record.key)};
  return options;
}

u32 small(u64 number) { return static_cast<u32>(std::min<u64>(number, ~u32{0})); }

upstream::HealthOptions health_of(const BoundTable& table, const policies::HealthRecord& record) {
  upstream::HealthOptions options;
  if (record.path.offset != table::kNone) options.path = table.text(record.path);
  options.tcp = record.tcp != 0;
  options.interval_ms = small(table.number(record.interval));
  options.timeout_ms = small(table.number(record.timeout));
  options.healthy = record.healthy;
  options.unhealthy = record.unhealthy;
  for (const u32 status : table.view().policy_list<u32>(record.status)) {
    options.statuses.push_back(static_cast<u16>(status));
  }
  return options;
}

upstream::OutlierOptions outlier_of(const BoundTable& table,
                                    const policies::OutlierRecord& record) {
  return {.consecutive = record.consecutive,
          .eject_ms = small(table.number(record.eject)),
          .max_eject_ms = small(table.number(record.max_eject)),
          .max_ejected_bp = record.max_ejected};
}

upstream::UpstreamLimits limits_of(const BoundTable& table,
                                   const policies::UpstreamRecord& record) {
  return {.connections = small(table.number(record.limits.connections)),
          .requests = small(table.number(record.limits.requests)),
          .pending = small(table.number(record.limits.pending)),
          .idle_connections = small(table.number(record.keep_alive.connections)),
          .idle_timeout_ms = small(table.number(record.keep_alive.idle)),
          .ping_ms = small(table.number(record.keep_alive.ping))};
}

upstream::BreakerOptions breaker_of(const BoundTable& table,
                                    const policies::BreakerRecord& record) {
  return {.failures_bp = record.failures,
          .requests = record.requests,
          .window_ms = small(table.number(record.window)),
          .open_ms = small(table.number(record.open)),
          .probes = record.probes};
}

// Of a service its domain, which the certificate is for: what DNS says of its hosts is not proved
// (RFC 6125 section 6.2.1).
std::string_view certified_name(std::string_view name) {
  while (name.starts_with('_') && name.find('.') != name.npos) {
    name.remove_prefix(name.find('.') + 1);
  }
  if (name.ends_with('.')) name.remove_suffix(1);
  return name;
}

upstream::DnsOptions dns_of(const BoundTable& table, const policies::UpstreamRecord& upstream) {
  const policies::DnsRecord& record = upstream.dns;
  upstream::DnsOptions options;
  options.name = given_text(table, record.name);
  if (options.name.empty()) return options;
  static constexpr upstream::AddressFamily kFamilies[] = {
      upstream::AddressFamily::Any, upstream::AddressFamily::V4, upstream::AddressFamily::V6};
  static_assert(std::size(kFamilies) == std::size(policies::kFamilyWords));
  options.port = static_cast<u16>(table.number(record.port));
  options.srv = record.srv != 0;
  options.family = kFamilies[record.family];
  options.tls = record.scheme == policies::kSchemeHttps;
  if (options.tls) {
    options.server_name = upstream.tls.server_name.offset == table::kNone
                              ? certified_name(options.name)
                              : table.text(upstream.tls.server_name);
  }
  if (record.path.offset != table::kNone) options.path_prefix = table.text(record.path);
  if (options.path_prefix.ends_with('/')) options.path_prefix.pop_back();  // it would be doubled
  options.min_refresh_ms = small(table.number(record.refresh.min));
  options.max_refresh_ms = small(table.number(record.refresh.max));
  return options;
}

upstream::Balance balance_of(const policies::BalanceRecord& record) {
  using upstream::Balance;
  static constexpr Balance kWays[] = {Balance::LeastRequest, Balance::RoundRobin, Balance::Random,
                                      Balance::RingHash, Balance::Maglev};
  static_assert(std::size(kWays) == std::size(policies::kBalanceWords));
  return kWays[record.by];
}

// Everything that a pool was made by; see UpstreamConfig::key.
std::string key_of(const upstream::UpstreamConfig& config) {
  std::string key = fmt::format(
      "{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}", config.name, static_cast<u32>(config.protocol),
      static_cast<u32>(config.balance), config.panic_bp, config.slow_start_ms, config.sticky,
      config.health.asks(), config.outlier.consecutive, config.outlier.eject_ms,
      config.outlier.max_eject_ms, config.outlier.max_ejected_bp);
  key += fmt::format("|{}|{}|{}|{}|{}|{}|{}|{}|{}", config.limits.pending,
                     config.limits.idle_connections, config.limits.idle_timeout_ms,
                     config.limits.ping_ms, config.breaker.failures_bp, config.breaker.requests,
                     config.breaker.window_ms, config.breaker.open_ms, config.breaker.probes);
  for (const upstream::TargetConfig& target : config.targets) {
    key += fmt::format("|{}{}{}*{}{}", target.tls ? "tls " : "", target.address, target.path_prefix,
                       target.weight, target.backup ? " backup" : "");
    if (target.tls) key += " " + target.server_name;
  }
  const upstream::DnsOptions& dns = config.dns;
  if (!dns.name.empty()) {
    key += fmt::format("|dns {} {} {} {} {} {} {}", dns.name, dns.port, dns.srv,
                       static_cast<u32>(dns.family), dns.tls, dns.server_name, dns.path_prefix);
  }
  key += "|" + config.transport;
  return key;
}

upstream::UpstreamConfig config_of(const BoundTable& table,
                                   const policies::UpstreamRecord& record) {
  upstream::UpstreamConfig config;
  config.name = table.text(record.name);
  config.balance = balance_of(record.balance);
  config.panic_bp = record.balance.panic;
  config.slow_start_ms = small(table.number(record.slow_start));
  config.sticky = record.sticky.cookie.offset != table::kNone;
  config.health = health_of(table, record.health);
  config.outlier = outlier_of(table, record.outlier);
  config.limits = limits_of(table, record);
  config.breaker = breaker_of(table, record.breaker);
  const bool http2 = record.protocol != 0;
  config.proxy_version = record.proxy_protocol;
  config.protocol = http2 ? upstream::Protocol::Http2 : upstream::Protocol::Http1;
  config.http2_only = record.protocol == policies::kProtocolGrpc;
  for (const auto& target : table.view().policy_list<policies::TargetRecord>(record.targets)) {
    std::string_view problem;
    const auto url = parse_http_url(table.text(target.url), problem);
    if (!url) continue;  // bind() has refused it already
    upstream::TargetConfig& out = config.targets.emplace_back();
    out.address = address_of(*url);
    out.path_prefix = url->prefix();
    out.weight = target.weight;
    out.backup = target.backup != 0;
    out.tls = url->scheme == "https";
    if (out.tls) {
      out.server_name = record.tls.server_name.offset == table::kNone
                            ? std::string(url->host)
                            : std::string(table.text(record.tls.server_name));
      if (config.tls == nullptr) config.tls = tls_of(table, record.tls, http2);
    }
  }
  config.dns = dns_of(table, record);
  if (config.dns.tls) config.tls = tls_of(table, record.tls, http2);
  config.transport = config.tls == nullptr ? std::string() : digest_of(*config.tls);
  if (config.http2_only) config.transport += "|http2 only";
  if (config.proxy_version != 0) {
    config.transport += fmt::format("|proxy {}", config.proxy_version);
  }
  config.key = key_of(config);
  return config;
}

bool is_path(std::string_view text) {
  return text.starts_with('/') &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
}

// What would break the line that it stands in, is no name, or tells targets of the wrong client.
// The compiler refuses it; a table may come from anywhere, and references are known only now.
std::string record_problem(const BoundTable& table, const policies::UpstreamRecord& record,
                           const upstream::UpstreamConfig& config) {
  if (!config.health.path.empty() && !is_path(config.health.path)) {
    return "health: the path is not one of a request";
  }
  const upstream::DnsOptions& dns = config.dns;
  if (!dns.path_prefix.empty() && !is_path(dns.path_prefix)) {
    return "dns: the path is not one of a request";
  }
  if (!dns.name.empty() && !is_host_name(dns.name)) return "dns: the name is not one of a host";
  if (!dns.name.empty() && !config.targets.empty()) return "dns: there are targets, too";
  if (record.sticky.cookie.offset != table::kNone && !is_token(table.text(record.sticky.cookie))) {
    return "sticky: this is no name of a cookie";
  }
  if (record.proxy_protocol != 0 && record.protocol != 0) {
    return "proxyProtocol: connections of HTTP/2 belong to no single client";
  }
  return {};
}

// Of shares that are references the sum is known only now; the compiler has added up the others.
void check_shares(const BoundTable& table, std::vector<std::string>& problems) {
  const table::TableView& view = table.view();
  if (view.late().empty()) return;
  for (const table::StepRecord& step : view.steps()) {
    if (static_cast<policies::PolicyId>(step.policy) != policies::PolicyId::Proxy) continue;
    const auto& proxy = view.policy_record<policies::ProxyRecord>(step.record);
    u64 sum = 0;
    for (const auto& part : view.policy_list<policies::SplitRecord>(proxy.split)) {
      sum += table.number(part.share);
    }
    if (sum <= engine::kWholeShare) continue;
    problems.push_back(
        fmt::format("split of upstream `{}`: the shares of the others are {} together",
                    table.text(view.upstreams()[proxy.upstream].name), format_percent(sum)));
  }
}

// What is traced, and where spans go. False: they cannot go there.
bool read_tracing(const BoundTable& table, Publication& publication, std::string& problem) {
  const auto records =
      table.view().policy_list<policies::ObserveRecord>(table.view().gateway().observe);
  if (records.empty() || !is_given(records.front().tracing.endpoint)) return true;
  const policies::TracingRecord& record = records.front().tracing;
  publication.tracing = {.sample_bp = record.sample,
                         .trust_callers = record.parent != policies::kTraceParentIgnore,
                         .redaction = observe::Redaction(table)};
  CollectorOptions& collector = publication.collector;
  collector.url = table.text(record.endpoint);
  collector.service = table.text(record.service);
  for (const auto& field :
       table.view().policy_list<policies::CollectorFieldRecord>(record.headers)) {
    const std::string value = given_text(table, field.value);
    if (!is_token(table.text(field.name)) || !is_field_value(value)) {
      problem = "observe.tracing.headers: this is no field";
      return false;
    }
    collector.fields.emplace_back(table.text(field.name), value);
  }
  if (net::parse_fetch_url(collector.url)) return true;
  problem = "observe.tracing.endpoint: this is not an http or https URL";
  return false;
}

// What is said of requests, and where. False: nothing can be written there.
bool read_access_log(const BoundTable& table, Publication& publication, std::string& problem) {
  publication.log_format = observe::LogFormat::of(table);
  const auto records =
      table.view().policy_list<policies::ObserveRecord>(table.view().gateway().observe);
  if (records.empty() || !is_given(records.front().access_log.to)) return true;
  publication.log_place = table.text(records.front().access_log.to);
  if (policies::is_log_place(publication.log_place)) return true;
  problem = "observe.accessLog.to: this is no file, `-`, `syslog` or `syslog:unix:/PATH`";
  return false;
}

// How fields of proxies before this one are taken.
std::shared_ptr<const http::ForwardingOptions> forwarding_of(const table::TableView& view) {
  auto forwarding = std::make_shared<http::ForwardingOptions>();
  for (const table::NetworkRecord& network :
       view.part(view.networks(), view.gateway().trusted_proxies)) {
    http::AddressRange& range = forwarding->trusted_proxies.emplace_back();
    std::memcpy(range.bytes, network.address, sizeof range.bytes);
    range.prefix_bits = network.prefix_bits;
  }
  return forwarding;
}

}  // namespace

Publication make_publication(std::shared_ptr<const BoundTable> table,
                             std::vector<std::string>& problems) {
  Publication publication;
  for (const policies::UpstreamRecord& record : table->view().upstreams()) {
    upstream::UpstreamConfig config = config_of(*table, record);
    static_cast<void>(upstream::read_addresses(config));
    std::string problem = record_problem(*table, record, config);
    if (!problem.empty()) {
      problems.push_back(fmt::format("upstream `{}`: {}", config.name, problem));
    }
    if (config.tls != nullptr && !net::TlsClient::make(*config.tls, problem)) {
      problems.push_back(fmt::format("upstream `{}`: TLS: {}", config.name, problem));
    }
    publication.upstreams.push_back(std::move(config));
  }
  check_shares(*table, problems);
  std::string problem;
  if (!read_tracing(*table, publication, problem)) problems.push_back(std::move(problem));
  if (!read_access_log(*table, publication, problem)) problems.push_back(std::move(problem));
  for (const auto& resolver :
       table->view().policy_list<table::LateString>(table->view().gateway().resolvers)) {
    const auto address = parse_server_address(table->text(resolver));
    if (address) {
      publication.resolvers.push_back(*address);
    } else {
      problems.emplace_back("resolvers: this is not the address of a name server");
    }
  }
  publication.names = std::make_shared<TableRouteNames>();
  publication.forwarding = forwarding_of(table->view());
  publication.table = std::move(table);
  return publication;
}

}  // namespace gw::server
