#include "cli/doctor/upstreams.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <string>

#include "runtime/base/random.h"
#include "runtime/base/unique_descriptor.h"
#include "runtime/net/http_fetcher.h"
#include "runtime/net/worker_loop.h"
#include "runtime/upstream/discovery.h"

namespace gw::cli::doctor {
namespace {

using SteadyClock = std::chrono::steady_clock;
using upstream::TargetConfig;
using upstream::UpstreamConfig;

struct LookupRandom final : Random {
  u64 next() override { return source.next(); }
  Xoshiro source;
};

struct LookedUp {
  std::vector<UpstreamConfig> upstreams;
  std::map<std::string, std::string> failing;  // name, why
};

void stop_loop(void* loop) { static_cast<net::WorkerLoop*>(loop)->stop(); }

LookedUp look_up(const std::vector<UpstreamConfig>& plans,
                 const std::vector<ServerAddress>& resolvers, std::chrono::milliseconds patience) {
  LookedUp result;
  net::WorkerLoop loop;
  LookupRandom random;
  net::AresClient dns(loop);
  dns.use(resolvers);
  upstream::Discovery discovery(loop, random, dns);
  discovery.resolver().on_name = [&](const upstream::NameChange& change) {
    if (change.failing) result.failing.emplace(change.name, change.reason);
  };
  discovery.on_change = [&] {
    if (discovery.is_ready()) loop.stop();
  };
  net::Timer patience_ends(&stop_loop, &loop);
  discovery.watch(plans);
  if (!discovery.is_ready()) {
    loop.set_timer(patience_ends, loop.now() + patience);
    loop.run();
  }
  patience_ends.clear();
  result.upstreams = discovery.upstreams();
  return result;
}

// One address that is being connected to.
struct Knock {
  const TargetConfig* target = nullptr;
  const upstream::SocketAddress* address = nullptr;
  UniqueDescriptor socket;
  int error = ETIMEDOUT;  // until it is known; 0: connected
  bool done = false;
};

void begin(Knock& knock) {
  const upstream::SocketAddress& to = *knock.address;
  knock.socket.reset(::socket(to.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!knock.socket) {
    knock.error = errno;
    knock.done = true;
    return;
  }
  const int connected =
      ::connect(knock.socket.get(), reinterpret_cast<const sockaddr*>(&to.storage), to.length);
  if (connected != 0 && errno == EINPROGRESS) return;
  knock.error = connected == 0 ? 0 : errno;
  knock.done = true;
}

void finish(Knock& knock) {
  int error = 0;
  socklen_t length = sizeof error;
  const int got = ::getsockopt(knock.socket.get(), SOL_SOCKET, SO_ERROR, &error, &length);
  knock.error = got == 0 ? error : errno;
  knock.done = true;
}

void await(std::vector<Knock>& knocks, std::chrono::milliseconds patience) {
  const auto until = SteadyClock::now() + patience;
  for (;;) {
    std::vector<pollfd> waiting;
    std::vector<Knock*> whose;
    for (Knock& knock : knocks) {
      if (knock.done) continue;
      waiting.push_back({knock.socket.get(), POLLOUT, 0});
      whose.push_back(&knock);
    }
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - SteadyClock::now());
    if (waiting.empty() || left.count() <= 0) return;
    static_cast<void>(::poll(waiting.data(), waiting.size(), static_cast<int>(left.count())));
    for (size_t i = 0; i < waiting.size(); ++i) {
      if (waiting[i].revents != 0) finish(*whose[i]);
    }
  }
}

// Descriptors are few where nobody has raised the limit.
constexpr size_t kAtOnce = 256;

void judge_targets(const UpstreamConfig& config, std::chrono::milliseconds patience,
                   Findings& out) {
  std::vector<Knock> knocks;
  size_t left_out = 0;
  for (const TargetConfig& target : config.targets) {
    if (target.weight == 0 || target.addresses.empty()) continue;
    if (knocks.size() < kAtOnce) {
      Knock& knock = knocks.emplace_back();
      knock.target = &target;
      knock.address = &target.addresses.front();
    } else {
      ++left_out;
    }
  }
  for (Knock& knock : knocks) begin(knock);
  await(knocks, patience);
  const bool none =
      std::ranges::none_of(knocks, [](const Knock& knock) { return knock.error == 0; });
  for (const Knock& knock : knocks) {
    const std::string place = fmt::format("{}/{}", config.name, knock.target->address);
    if (knock.error == 0) {
      note(out, "upstream", fmt::format("{} takes connections", place));
      continue;
    }
    out.push_back({none ? Verdict::Fail : Verdict::Warn, "upstream",
                   fmt::format("{}: {}", place, std::strerror(knock.error)),
                   knock.error == ECONNREFUSED ? "nobody listens there: start the server, or mend "
                                                 "`targets`"
                                               : "is there a route, and a firewall that lets it "
                                                 "through?"});
  }
  if (left_out > 0) {
    note(out, "upstream", fmt::format("{}: {} more targets were not tried", config.name, left_out));
  }
}

constexpr std::string_view kNameHelp =
    "ask by hand: `getent hosts NAME`; /etc/resolv.conf, or `resolvers` of the gateway, say who is "
    "asked";
constexpr std::string_view kSilentHelp = "do the name servers answer? --timeout waits longer";

// The server of `url` as an upstream of that name, for look_up().
UpstreamConfig as_upstream(const std::string& url) {
  UpstreamConfig config;
  config.name = url;
  const auto parts = net::parse_fetch_url(url);
  if (!parts) return config;
  const bool is_v6 = parts->host.find(':') != std::string::npos;
  config.targets.emplace_back().address = is_v6 ? fmt::format("[{}]:{}", parts->host, parts->port)
                                                : fmt::format("{}:{}", parts->host, parts->port);
  static_cast<void>(upstream::read_addresses(config));
  return config;
}

// What is known of a server that has no address.
Finding without_address(const OtherServer& server, const UpstreamConfig& config,
                        const LookedUp& found, std::chrono::milliseconds patience) {
  Finding finding{server.verdict, server.check, {}, {}};
  if (config.targets.empty()) {
    finding.found = fmt::format("{} is not an http or https URL", server.url);
    finding.help = "mend it in the gateway document";
    return finding;
  }
  const auto failing = found.failing.find(config.targets.front().host);
  const bool failed = failing != found.failing.end();
  finding.found = failed ? fmt::format("{}: {}; {}", server.url, failing->second, server.effect)
                         : fmt::format("{}: no answer to its name within {} ms; {}", server.url,
                                       patience.count(), server.effect);
  finding.help = failed ? kNameHelp : kSilentHelp;
  return finding;
}

// Of what has been tried at the addresses of one server.
Finding of_knocks(const OtherServer& server, const std::vector<const Knock*>& knocks) {
  const bool reached =
      std::ranges::any_of(knocks, [](const Knock* one) { return one->error == 0; });
  if (reached) return {Verdict::Ok, server.check, fmt::format("{} takes connections", server.url)};
  return {
      server.verdict, server.check,
      fmt::format("{}: {}; {}", server.url, std::strerror(knocks.front()->error), server.effect),
      "is it there, and is there a route and a firewall that lets it through?"};
}

constexpr size_t kAddressesEach = 4;

}  // namespace

void judge_servers(const std::vector<OtherServer>& servers,
                   const std::vector<ServerAddress>& resolvers, std::chrono::milliseconds patience,
                   Findings& out) {
  if (servers.empty()) return;
  std::vector<UpstreamConfig> plans;
  for (const OtherServer& server : servers) plans.push_back(as_upstream(server.url));
  const LookedUp found = look_up(plans, resolvers, patience);
  std::vector<Knock> knocks;
  for (const UpstreamConfig& config : found.upstreams) {
    for (const TargetConfig& target : config.targets) {
      const size_t tried = std::min(target.addresses.size(), kAddressesEach);
      for (size_t i = 0; i < tried; ++i) {
        Knock& knock = knocks.emplace_back();
        knock.target = &target;
        knock.address = &target.addresses[i];
      }
    }
  }
  for (Knock& knock : knocks) begin(knock);
  await(knocks, patience);
  for (size_t i = 0; i < servers.size(); ++i) {
    const UpstreamConfig& config = found.upstreams[i];
    std::vector<const Knock*> own;
    for (const Knock& knock : knocks) {
      if (!config.targets.empty() && knock.target == &config.targets.front()) own.push_back(&knock);
    }
    out.push_back(own.empty() ? without_address(servers[i], config, found, patience)
                              : of_knocks(servers[i], own));
  }
}

void judge_upstreams(const std::vector<UpstreamConfig>& upstreams,
                     const std::vector<ServerAddress>& resolvers,
                     std::chrono::milliseconds patience, Findings& out) {
  const LookedUp found = look_up(upstreams, resolvers, patience);
  for (const auto& [name, why] : found.failing) {
    fail(out, "name", fmt::format("{}: {}", name, why), std::string(kNameHelp));
  }
  for (const UpstreamConfig& config : found.upstreams) {
    const bool has_addresses = std::ranges::any_of(
        config.targets, [](const TargetConfig& target) { return !target.addresses.empty(); });
    if (has_addresses) {
      judge_targets(config, patience, out);
    } else if (found.failing.empty()) {
      fail(out, "name", fmt::format("{}: no answer within {} ms", config.name, patience.count()),
           std::string(kSilentHelp));
    }
  }
}

}  // namespace gw::cli::doctor
