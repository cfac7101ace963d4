// A gateway without a table, for measuring the data plane alone:
// stub_gateway LISTEN TARGET [WORKERS [ACCESS_LOG]].
#include <cstdio>
#include <cstdlib>

#include "runtime/server/blocked_signals.h"
#include "runtime/server/gateway.h"
#include "runtime/server/main_loop.h"
#include "runtime/server/testing/stub_run.h"

int main(int argc, char** argv) {
  const gw::server::BlockedSignals blocked;
  if (argc < 3) {
    std::fprintf(stderr, "usage: stub_gateway LISTEN TARGET [WORKERS [ACCESS_LOG]]\n");
    return 2;
  }
  gw::server::GatewayOptions options;
  options.listen = {argv[1]};
  options.workers = argc > 3 ? static_cast<gw::u32>(std::atoi(argv[3])) : 1;
  options.run = &gw::server::testing::stub_run;
  if (argc > 4) options.access_log = argv[4];
  gw::upstream::UpstreamConfig upstream;
  upstream.name = "default";
  upstream.targets.emplace_back();
  upstream.targets.back().address = argv[2];
  gw::server::Publication publication;
  publication.upstreams.push_back(upstream);
  for (auto& config : publication.upstreams) {
    if (!gw::upstream::read_addresses(config)) return 2;
  }
  gw::server::Gateway gateway(options);
  const auto started = gateway.start(std::move(publication));
  if (!started) {
    std::fprintf(stderr, "stub_gateway: %.*s\n", static_cast<int>(started.error().what.size()),
                 started.error().what.data());
    return 2;
  }
  gw::server::MainLoop().run({});
  gateway.finish(2000);
  return 0;
}
