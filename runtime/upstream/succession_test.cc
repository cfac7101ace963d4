// A pool takes the place of another: what becomes of connections and requests.
#include <catch2/catch.hpp>

#include "runtime/upstream/pool_fetcher.h"
#include "runtime/upstream/testing/fetch_bench.h"
#include "runtime/upstream/testing/http2_origin.h"

using namespace gw;
using namespace gw::upstream;
using namespace gw::upstream::testing;
using std::chrono::milliseconds;

namespace {

std::vector<TargetConfig> targets_of(std::initializer_list<const char*> addresses) {
  std::vector<TargetConfig> out;
  for (const char* address : addresses) out.emplace_back().address = address;
  return out;
}

UpstreamConfig upstream_of(std::initializer_list<const char*> addresses) {
  UpstreamConfig config;
  config.name = "origin";
  config.targets = targets_of(addresses);
  return config;
}

u32 open_connections(const FetchBench& bench) {
  return bench.pool->config().state->connections.taken();
}

}  // namespace

TEST_CASE("succession: idle connections to what stays are kept, to what leaves closed",
          "[upstream][succession]") {
  FetchBench bench(upstream_of({"a:80", "b:80"}));
  CHECK(bench.get()->status == 200);
  CHECK(bench.get()->status == 200);
  REQUIRE(bench.connector.targets == std::vector<std::string>{"a:80", "b:80"});
  bench.replace_targets(targets_of({"c:80", "b:80"}));
  bench.loop.run();
  CHECK(bench.origin[0]->closed());
  CHECK_FALSE(bench.origin[1]->closed());
  CHECK(bench.pool->idle_count() == 1);
  CHECK(open_connections(bench) == 1);
  CHECK(bench.get()->status == 200);
  CHECK(bench.get()->status == 200);
  // One more, to the new one; `b` was not connected to again.
  CHECK(bench.connector.targets == std::vector<std::string>{"a:80", "b:80", "c:80"});
  CHECK(open_connections(bench) == 2);
}

TEST_CASE("succession: a kept connection that breaks leaves the new pool",
          "[upstream][succession]") {
  FetchBench bench(upstream_of({"a:80"}));
  CHECK(bench.get()->status == 200);
  bench.replace_targets(targets_of({"a:80", "b:80"}));
  REQUIRE(bench.pool->idle_count() == 1);
  bench.origin[0]->close();
  bench.loop.run();
  CHECK(bench.pool->idle_count() == 0);
  CHECK(open_connections(bench) == 0);
}

TEST_CASE("succession: a request in flight ends on its connection, which then changes over",
          "[upstream][succession]") {
  FetchBench bench(upstream_of({"a:80"}));
  bench.on_request = nullptr;
  auto before = bench.get();
  bench.replace_targets(targets_of({"b:80", "a:80"}));
  bench.replace_targets(targets_of({"c:80", "b:80", "a:80"}));
  CHECK_FALSE(before->done());
  bench.origin[0]->send(bench.answer);
  bench.loop.run();
  CHECK(before->status == 200);
  CHECK(before->body == "ok");
  CHECK(bench.pool->idle_count() == 1);  // of the last pool
  CHECK(bench.connector.attempts == 1);
  CHECK(open_connections(bench) == 1);
}

TEST_CASE("succession: a request in flight to what leaves ends well, its connection with it",
          "[upstream][succession]") {
  FetchBench bench(upstream_of({"a:80"}));
  bench.on_request = nullptr;
  auto before = bench.get();
  bench.replace_targets(targets_of({"b:80"}));
  bench.loop.run();
  CHECK_FALSE(bench.origin[0]->closed());
  bench.origin[0]->send(bench.answer);
  bench.loop.run();
  CHECK(before->status == 200);
  CHECK(bench.pool->idle_count() == 0);
  CHECK(bench.origin[0]->closed());
  CHECK(open_connections(bench) == 0);
}

TEST_CASE("succession: what is in flight before counts for the choice after",
          "[upstream][succession]") {
  UpstreamConfig config = upstream_of({"a:80"});
  config.balance = Balance::LeastRequest;
  FetchBench bench(config);
  bench.on_request = nullptr;
  std::vector<std::unique_ptr<Fetching>> waiting;
  for (int i = 0; i < 20; ++i) waiting.push_back(bench.get());
  bench.replace_targets(targets_of({"a:80", "b:80"}));
  for (int i = 0; i < 12; ++i) waiting.push_back(bench.get());
  // Of two draws one is of `b` three times in four; `a` alone is drawn in the rest.
  u32 to_new = 0;
  for (const std::string& target : bench.connector.targets) to_new += target == "b:80" ? 1U : 0U;
  CHECK(to_new >= 6);
  for (auto& peer : bench.origin) peer->send(bench.answer);
  bench.loop.run();
  for (auto& fetching : waiting) CHECK(fetching->status == 200);
}

TEST_CASE("succession: another transport or state inherits nothing", "[upstream][succession]") {
  FetchBench bench(upstream_of({"a:80"}));
  CHECK(bench.get()->status == 200);
  UpstreamConfig other = bench.pool->config();
  SECTION("transport") { other.transport = "other"; }
  SECTION("state") {
    other.state = nullptr;
    for (TargetConfig& target : other.targets) target.state = nullptr;
  }
  auto heir = std::make_shared<Pool>(bench.loop, bench.pool->random(), bench.connector, other);
  bench.pool->succeed_by(heir);
  CHECK(heir->idle_count() == 0);
  CHECK(bench.pool->idle_count() == 1);
}

TEST_CASE("succession: of a name with other addresses only what is known to fit is kept",
          "[upstream][succession]") {
  UpstreamConfig config = upstream_of({"name:80"});
  config.targets[0].addresses.emplace_back();
  FetchBench bench(config);
  CHECK(bench.get()->status == 200);
  auto targets = config.targets;
  targets[0].addresses[0].storage.ss_family = AF_INET;
  targets[0].addresses[0].length = sizeof(sockaddr_storage);
  bench.replace_targets(targets);
  bench.loop.run();
  CHECK(bench.origin[0]->closed());  // a stream in memory cannot tell where it leads
}

TEST_CASE("succession: connections of HTTP/2 change over with their streams",
          "[upstream][succession][http2]") {
  UpstreamConfig config = upstream_of({"a:80", "b:80"});
  config.protocol = Protocol::Http2;
  std::vector<std::unique_ptr<Http2Origin>> origins;
  FetchBench bench(config);
  bench.on_request = [&](net::MemoryPeer& peer, size_t number) {
    while (origins.size() <= number) {
      origins.push_back(std::make_unique<Http2Origin>(peer));
      origins.back()->send_settings({});
    }
    origins[number]->read();
  };
  auto on_a = std::make_unique<Fetching>(bench, "GET");
  on_a->start(nullptr);
  auto on_b = std::make_unique<Fetching>(bench, "GET");
  on_b->start(nullptr);
  REQUIRE(bench.connector.targets == std::vector<std::string>{"a:80", "b:80"});
  bench.replace_targets(targets_of({"b:80"}));
  auto after = std::make_unique<Fetching>(bench, "GET");
  after->start(nullptr);
  CHECK(bench.connector.attempts == 2);  // `after` shares the connection with `on_b`
  REQUIRE(origins[1]->of(FrameType::Headers).size() == 2);
  CHECK(open_connections(bench) == 2);
  for (const size_t number : {size_t{0}, size_t{1}}) {
    for (const Frame& head : origins[number]->of(FrameType::Headers)) {
      origins[number]->send_head(head.stream, {{":status", "204"}}, kEndHeaders | kEndStream);
    }
  }
  bench.loop.run();
  CHECK(on_a->status == 204);
  CHECK(on_b->status == 204);
  CHECK(after->status == 204);
  bench.loop.run();
  CHECK(bench.origin[0]->closed());  // what has left goes with its last stream
  CHECK_FALSE(bench.origin[1]->closed());
  CHECK(open_connections(bench) == 1);
}

TEST_CASE("succession: a stream that changed over and fails is counted once",
          "[upstream][succession][http2]") {
  UpstreamConfig config = upstream_of({"a:80"});
  config.protocol = Protocol::Http2;
  std::unique_ptr<Http2Origin> origin;
  FetchBench bench(config);
  bench.on_request = [&](net::MemoryPeer& peer, size_t) {
    if (origin == nullptr) {
      origin = std::make_unique<Http2Origin>(peer);
      origin->send_settings({});
    }
    origin->read();
  };
  auto get = std::make_unique<Fetching>(bench, "POST");
  get->start(nullptr);
  bench.replace_targets(targets_of({"b:80", "a:80"}));
  bench.origin[0]->reset();
  bench.loop.run();
  CHECK(get->error.code == Errc::UpstreamClosed);
  CHECK(open_connections(bench) == 0);
  CHECK(bench.pool->config().state->requests.taken() == 0);
}

namespace {

Task<void> fetch_by(Fetcher& fetcher, Fetching& fetching, Fetched& out) {
  const auto outcome = co_await fetcher.fetch(fetching.exchange, fetching.exchange.request, nullptr,
                                              fetching.options, nullptr, out);
  if (!outcome) fetching.error = outcome.error();
}

}  // namespace

TEST_CASE("succession: who waits for a permit gets that of a connection that changed over",
          "[upstream][succession]") {
  UpstreamConfig config = upstream_of({"a:80"});
  config.limits.connections = 1;
  attach_new_state(config);
  FetchBench bench(config);
  CHECK(bench.get()->status == 200);
  // Another worker wants one, and asks for it; before that is heard the pool is replaced.
  const auto other = std::make_shared<Pool>(bench.loop, bench.pool->random(), bench.connector,
                                            bench.pool->config());
  PoolFetcher fetcher(bench.loop, {other});
  Fetching waiting(bench, "GET");
  Fetched out(waiting.exchange.arena);
  Task<void> task = fetch_by(fetcher, waiting, out);
  task.start();
  CHECK(bench.pool->config().state->connections.waiting() == 1);
  bench.replace_targets(targets_of({"a:80", "b:80"}));
  bench.loop.run();
  REQUIRE(task.done());
  CHECK(waiting.error.code == Errc::None);
  CHECK(out.head.status == 200);
  CHECK(bench.origin[0]->closed());
  fetcher.release(out);
  other->shut_down();
  bench.loop.run();
  CHECK(other->shut_down());
}
