#include "runtime/server/publication.h"

#include <fmt/format.h>

#include <cstring>

#include "runtime/base/units.h"
#include "runtime/server/route_names.h"

namespace gw::server {
namespace {

std::string address_of(const HttpUrl& url) {
  return url.host.find(':') == url.host.npos ? fmt::format("{}:{}", url.host, url.port)
                                             : fmt::format("[{}]:{}", url.host, url.port);
}

upstream::UpstreamConfig config_of(const BoundTable& table,
                                   const policies::UpstreamRecord& record) {
  upstream::UpstreamConfig config;
  config.name = table.text(record.name);
  config.balance = policies::kBalanceWords[record.balance.by] == "roundRobin"
                       ? upstream::Balance::RoundRobin
                       : upstream::Balance::LeastRequest;
  config.key = fmt::format("{}|{}", config.name, record.balance.by);
  for (const auto& target : table.view().policy_list<policies::TargetRecord>(record.targets)) {
    std::string_view problem;
    const auto url = parse_http_url(table.text(target.url), problem);
    if (!url) continue;  // bind() has refused it already
    upstream::TargetConfig& out = config.targets.emplace_back();
    out.address = address_of(*url);
    out.path_prefix = url->path == "/" ? std::string() : std::string(url->path);
    out.weight = target.weight;
    config.key += fmt::format("|{}{}*{}", out.address, out.path_prefix, out.weight);
  }
  return config;
}

}  // namespace

Publication make_publication(std::shared_ptr<const BoundTable> table,
                             std::vector<std::string>& warnings) {
  Publication publication;
  for (const policies::UpstreamRecord& record : table->view().upstreams()) {
    upstream::UpstreamConfig config = config_of(*table, record);
    static_cast<void>(upstream::resolve_targets(config));
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
