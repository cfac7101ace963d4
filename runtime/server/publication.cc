#include "runtime/server/publication.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <cstring>

#include "runtime/base/units.h"
#include "runtime/net/tls_client.h"
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

upstream::UpstreamConfig config_of(const BoundTable& table,
                                   const policies::UpstreamRecord& record) {
  upstream::UpstreamConfig config;
  config.name = table.text(record.name);
  config.balance = policies::kBalanceWords[record.balance.by] == "roundRobin"
                       ? upstream::Balance::RoundRobin
                       : upstream::Balance::LeastRequest;
  const bool http2 = record.protocol != 0;
  config.protocol = http2 ? upstream::Protocol::Http2 : upstream::Protocol::Http1;
  config.key = fmt::format("{}|{}|{}", config.name, record.balance.by, http2 ? "h2" : "h1");
  for (const auto& target : table.view().policy_list<policies::TargetRecord>(record.targets)) {
    std::string_view problem;
    const auto url = parse_http_url(table.text(target.url), problem);
    if (!url) continue;  // bind() has refused it already
    upstream::TargetConfig& out = config.targets.emplace_back();
    out.address = address_of(*url);
    out.path_prefix = url->path == "/" ? std::string() : std::string(url->path);
    out.weight = target.weight;
    out.tls = url->scheme == "https";
    if (out.tls) {
      out.server_name = record.tls.server_name.offset == table::kNone
                            ? std::string(url->host)
                            : std::string(table.text(record.tls.server_name));
      if (config.tls == nullptr) config.tls = tls_of(table, record.tls, http2);
    }
    config.key +=
        fmt::format("|{}{}{}*{}", out.tls ? "tls " : "", out.address, out.path_prefix, out.weight);
  }
  if (config.tls != nullptr) config.key += "|" + digest_of(*config.tls);
  return config;
}

}  // namespace

Publication make_publication(std::shared_ptr<const BoundTable> table,
                             std::vector<std::string>& warnings,
                             std::vector<std::string>& problems) {
  Publication publication;
  for (const policies::UpstreamRecord& record : table->view().upstreams()) {
    upstream::UpstreamConfig config = config_of(*table, record);
    static_cast<void>(upstream::resolve_targets(config));
    std::string problem;
    if (config.tls != nullptr && !net::TlsClient::make(*config.tls, problem)) {
      problems.push_back(fmt::format("upstream `{}`: TLS: {}", config.name, problem));
    }
    for (const upstream::TargetConfig& target : config.targets) {
      if (!target.addresses.empty()) continue;
      warnings.push_back(
          fmt::format("upstream `{}`: target {} has no address", config.name, target.address));
    }
    publication.upstreams.push_back(std::move(config));
  }
  publication.names = std::make_shared<TableRouteNames>();
  publication.table = std::move(table);
  return publication;
}

void apply_session_settings(const BoundTable& table, SessionOptions& options) {
  const table::TableView& view = table.view();
  options.forwarding.trusted_proxies.clear();
  for (const table::NetworkRecord& network :
       view.part(view.networks(), view.gateway().trusted_proxies)) {
    http::AddressRange& range = options.forwarding.trusted_proxies.emplace_back();
    std::memcpy(range.bytes, network.address, sizeof range.bytes);
    range.prefix_bits = network.prefix_bits;
  }
}

}  // namespace gw::server
