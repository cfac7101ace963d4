#include "cli/testing/gateway.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "runtime/server/publication.h"

namespace gw::cli::tests {
namespace {

// What a reference may have to be: a duration, an address, a count, a rate and so on.
constexpr std::string_view kStandIns[] = {
    "stand-in",
    "http://127.0.0.1:1",
    "127.0.0.1:1",
    "1000000/s",
    "1000000",
    "10s",
    "1MiB",
    "50%",
    "127.0.0.1",
    "https://stand-in.example",
    "-----BEGIN STAND-IN-----",
    "stand-in-stand-in-stand-in-stand-in-stand-in-stand-in-stand-in-1",
};

// Values by reference: those given, and what stands for those that are not.
class References {
 public:
  explicit References(const std::map<std::string, std::string>& given) : given_(given) {}

  ReferenceSource source() {
    ReferenceSource source;
    source.env = [this](const std::string& name) { return look_up("$env." + name, name); };
    source.file = [this](const std::string& path) -> Result<std::string> {
      if (auto text = table::read_file(path, u64{64} << 20)) return *text;
      const auto found = look_up("$file." + path, "");
      if (found) return *found;
      return fail(Errc::FileUnreadable, "no such file");
    };
    return source;
  }

  std::set<std::string> missing;
  std::map<std::string, std::string> stand_ins;

 private:
  std::optional<std::string> look_up(const std::string& reference, const std::string& name) {
    const auto given = given_.find(name);
    if (given != given_.end()) return given->second;
    const auto standing = stand_ins.find(reference);
    if (standing != stand_ins.end()) return standing->second;
    missing.insert(reference);
    return std::nullopt;
  }

  const std::map<std::string, std::string>& given_;
};

// Finds for each reference without a value the stand-in that leaves the fewest problems: which
// type it has is known to those fields only that it stands in.
std::shared_ptr<const BoundTable> bind_with_stand_ins(
    const std::shared_ptr<const table::TableFile>& file, References& references,
    std::vector<ReferenceProblem>& problems) {
  const auto attempt = [&]() {
    problems.clear();
    return BoundTable::bind(file, references.source(), problems);
  };
  auto bound = attempt();
  const std::set<std::string> missing = references.missing;
  for (const std::string& reference : missing) {
    if (bound) break;
    size_t fewest = problems.size();
    std::string_view best;
    for (const std::string_view candidate : kStandIns) {
      references.stand_ins[reference] = candidate;
      bound = attempt();
      if (!bound && problems.size() >= fewest) continue;
      fewest = problems.size();
      best = candidate;
      if (bound) break;
    }
    references.stand_ins.erase(reference);
    if (best.empty()) continue;
    references.stand_ins[reference] = best;
    bound = attempt();
  }
  return bound ? *bound : nullptr;
}

// A route has those of its document in one text.
std::vector<std::string> split_hosts(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const size_t end = std::min(text.find(", "), text.size());
    out.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 2, text.size()));
  }
  return out;
}

bool is_wildcard(const std::string& host) { return host.starts_with("*."); }

std::vector<std::string> hosts_of(const table::TableView& view) {
  std::set<std::string> hosts;
  for (const table::RouteRecord& route : view.routes()) {
    for (std::string& host : split_hosts(view.text(route.host))) hosts.insert(std::move(host));
  }
  return {hosts.begin(), hosts.end()};
}

std::string default_host(const table::TableView& view) {
  for (const table::RouteRecord& route : view.routes()) {
    if (std::string host = host_of(view, route); !host.empty()) return host;
  }
  return "gateway.test";
}

// As the scripts speak: HTTP/1 in plain text, to one name where DNS would tell the targets.
void make_scriptable(upstream::UpstreamConfig& config) {
  if (config.targets.empty() && !config.dns.name.empty()) {
    upstream::TargetConfig& target = config.targets.emplace_back();
    target.address = config.dns.port == 0 ? config.dns.name
                                          : fmt::format("{}:{}", config.dns.name, config.dns.port);
    target.path_prefix = config.dns.path_prefix;
  }
  config.dns = {};
  config.protocol = upstream::Protocol::Http1;
  config.http2_only = false;
  config.proxy_version = 0;
  config.tls = nullptr;
  for (upstream::TargetConfig& target : config.targets) target.tls = false;
}

}  // namespace

std::string host_of(const table::TableView& view, const table::RouteRecord& route) {
  const auto hosts = split_hosts(view.text(route.host));
  if (hosts.empty()) return {};
  const auto exact = std::ranges::find_if_not(hosts, is_wildcard);
  return exact != hosts.end() ? *exact : "www" + hosts.front().substr(1);
}

bool open_gateway_under_test(std::shared_ptr<const table::TableFile> file,
                             const std::map<std::string, std::string>& env, Gateway& out,
                             std::vector<std::string>& problems) {
  References references(env);
  std::vector<ReferenceProblem> unresolved;
  out.table = bind_with_stand_ins(file, references, unresolved);
  if (out.table == nullptr) {
    for (const ReferenceProblem& problem : unresolved) {
      problems.push_back(fmt::format("{}: {} ({})", problem.where, problem.message, problem.field));
    }
    return false;
  }
  for (const auto& [reference, text] : references.stand_ins) {
    out.stand_ins.push_back(fmt::format("no value for {}; {} stands for it", reference, text));
  }
  // Without references: files that are not here count as empty, and no key is looked for.
  const auto data = load_live_data(*out.table, ReferenceSource::none(), problems);
  if (!problems.empty()) return false;
  out.data = std::make_shared<LiveData>(*data);
  out.signer = std::make_unique<TokenSigner>(out.view(), *out.data);
  std::vector<std::string> of_connections;  // TLS material and the like, which nothing here uses
  server::Publication publication = server::make_publication(out.table, of_connections);
  out.upstreams = std::move(publication.upstreams);
  for (upstream::UpstreamConfig& config : out.upstreams) make_scriptable(config);
  out.forwarding = publication.forwarding;
  out.hosts = hosts_of(out.view());
  out.host = default_host(out.view());
  return true;
}

}  // namespace gw::cli::tests
