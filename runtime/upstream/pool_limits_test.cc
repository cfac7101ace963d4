// Limits of an upstream that several workers share, and its circuit breaker.
#include <catch2/catch.hpp>
#include <map>

#include "runtime/upstream/pool.h"
#include "runtime/upstream/testing/http2_bench.h"

using namespace gw;
using namespace gw::upstream;
using namespace gw::upstream::testing;
using std::chrono::milliseconds;

namespace {

UpstreamConfig limited(u32 connections, u32 requests, u32 pending = 1024, size_t targets = 1) {
  UpstreamConfig config = config_of(targets);
  config.limits.connections = connections;
  config.limits.requests = requests;
  config.limits.pending = pending;
  config.state = std::make_shared<UpstreamState>();
  return config;
}

// Two workers with one upstream; what one posts to the other arrives when both are run.
struct TwoWorkers {
  explicit TwoWorkers(const UpstreamConfig& config) : here(config), there(config) {
    here.on_request = nullptr;
    there.on_request = nullptr;
  }
  void run() {
    for (int i = 0; i < 4; ++i) {
      here.loop.run();
      there.loop.run();
    }
  }
  // Answers whatever has been asked on the newest connection of `bench`.
  void answer(FetchBench& bench) {
    REQUIRE_FALSE(bench.origin.empty());
    bench.origin.back()->take();
    bench.origin.back()->send(bench.answer);
    run();
  }

  FetchBench here;
  FetchBench there;
};

}  // namespace

TEST_CASE("limits: a request beyond them waits for one that ends", "[upstream][limits]") {
  const bool of_requests = GENERATE(false, true);
  CAPTURE(of_requests);
  FetchBench bench(of_requests ? limited(0, 1) : limited(1, 0));
  bench.on_request = nullptr;
  auto first = bench.get();
  auto second = bench.get();
  CHECK_FALSE(second->done());
  CHECK(bench.pool->config().state->pending == 1);
  CHECK(bench.connector.attempts == 1);
  bench.origin[0]->take();
  bench.origin[0]->send(bench.answer);
  bench.loop.run();
  CHECK(first->status == 200);
  CHECK_FALSE(second->done());
  CHECK(bench.pool->config().state->pending == 0);
  bench.origin[0]->send(bench.answer);
  bench.loop.run();
  CHECK(second->status == 200);
  // The connection was passed on.
  CHECK(bench.connector.attempts == 1);
  CHECK(bench.pool->config().state->requests.taken() == 0);
}

TEST_CASE("limits: what is beyond those that may wait is refused at once", "[upstream][limits]") {
  const bool of_requests = GENERATE(false, true);
  CAPTURE(of_requests);
  FetchBench bench(of_requests ? limited(0, 1, 1) : limited(1, 0, 1));
  bench.on_request = nullptr;
  auto first = bench.get();
  auto second = bench.get();
  auto third = bench.get();
  CHECK(third->done());
  CHECK(third->error.code == Errc::UpstreamOverflow);
  for (auto* waiting : {first.get(), second.get()}) {
    bench.origin[0]->send(bench.answer);
    bench.loop.run();
    CHECK(waiting->status == 200);
  }
}

TEST_CASE("limits: waiting lasts no longer than connecting may", "[upstream][limits]") {
  const bool of_requests = GENERATE(false, true);
  CAPTURE(of_requests);
  FetchBench bench(of_requests ? limited(0, 1) : limited(1, 0));
  bench.on_request = nullptr;
  auto first = bench.get();
  auto second = bench.get();
  bench.loop.advance(milliseconds(999));
  CHECK_FALSE(second->done());
  bench.loop.advance(milliseconds(40));
  CHECK(second->error.code == Errc::UpstreamOverflow);
  CHECK(bench.pool->config().state->pending == 0);
  bench.origin[0]->send(bench.answer);
  bench.loop.run();
  CHECK(first->status == 200);
  CHECK(bench.pool->config().state->requests.taken() == 0);
}

TEST_CASE("limits: a client that goes while it waits leaves nothing", "[upstream][limits]") {
  const bool of_requests = GENERATE(false, true);
  CAPTURE(of_requests);
  FetchBench bench(of_requests ? limited(0, 1) : limited(1, 0));
  bench.on_request = nullptr;
  auto first = bench.get();
  auto second = bench.get();
  second->exchange.client_gone = true;
  second->exchange.cancel_all();
  bench.loop.run();
  CHECK(second->error.code == Errc::Cancelled);
  CHECK(bench.pool->config().state->pending == 0);
  bench.origin[0]->send(bench.answer);
  bench.loop.run();
  CHECK(first->status == 200);
  auto third = bench.get();
  bench.origin[0]->send(bench.answer);
  bench.loop.run();
  CHECK(third->status == 200);
}

TEST_CASE("limits: a connection that nobody uses makes room for one to another target",
          "[upstream][limits]") {
  FetchBench bench(limited(1, 0, 1024, 2));
  CHECK(bench.get()->status == 200);
  CHECK(bench.get()->status == 200);
  CHECK(bench.connector.targets == std::vector<std::string>{"t0:80", "t1:80"});
  CHECK(bench.origin[0]->closed());
  CHECK(bench.pool->config().state->connections.taken() == 1);
}

TEST_CASE("limits: another worker gives up what it keeps idle", "[upstream][limits]") {
  TwoWorkers workers(limited(1, 0));
  auto first = workers.here.get();
  workers.answer(workers.here);
  CHECK(first->status == 200);
  CHECK(workers.here.pool->idle_count() == 1);
  auto second = workers.there.get();
  workers.run();
  CHECK(workers.here.pool->idle_count() == 0);
  workers.answer(workers.there);
  CHECK(second->status == 200);
}

TEST_CASE("limits: a request that ends on one worker lets one on another go on",
          "[upstream][limits]") {
  TwoWorkers workers(limited(0, 1));
  auto first = workers.here.get();
  auto second = workers.there.get();
  CHECK_FALSE(second->done());
  CHECK(workers.there.connector.attempts == 0);
  workers.answer(workers.here);
  CHECK(first->status == 200);
  CHECK(workers.there.connector.attempts == 1);
  workers.answer(workers.there);
  CHECK(second->status == 200);
}

TEST_CASE("limits: one worker does not keep the only connection for itself", "[upstream][limits]") {
  TwoWorkers workers(limited(1, 0));
  std::vector<std::unique_ptr<Fetching>> many;
  for (int i = 0; i < 30; ++i) many.push_back(workers.here.get());
  auto other = workers.there.get();
  auto one_more = workers.here.get();
  u32 before_other = 0;
  for (; workers.there.origin.empty() && before_other < 100; ++before_other) {
    workers.answer(workers.here);
  }
  // All here came first, but for one, who found a connection that need not be made anew.
  CHECK(before_other == 31);
  CHECK(one_more->status == 200);
  CHECK(workers.here.connector.attempts == 1);
  workers.answer(workers.there);
  CHECK(other->status == 200);
}

TEST_CASE("limits: who waits elsewhere is passed over a few times only", "[upstream][limits]") {
  TwoWorkers workers(limited(1, 0));
  std::vector<std::unique_ptr<Fetching>> here;
  here.push_back(workers.here.get());
  auto other = workers.there.get();
  u32 passed_over = 0;
  here.push_back(workers.here.get());
  while (workers.there.origin.empty() && passed_over < 100) {
    here.push_back(workers.here.get());  // there is always one that waits here
    workers.answer(workers.here);
    ++passed_over;
  }
  CHECK(passed_over == 9);
  workers.answer(workers.there);
  CHECK(other->status == 200);
  while (!here.back()->done()) workers.answer(workers.here);
  for (const auto& fetching : here) CHECK(fetching->status == 200);
}

TEST_CASE("limits: a connection that its target has closed is not passed on",
          "[upstream][limits]") {
  FetchBench bench(limited(1, 0));
  bench.on_request = nullptr;
  auto first = bench.get();
  auto second = bench.get();
  bench.origin[0]->send(bench.answer);
  bench.origin[0]->close();
  bench.loop.run();
  CHECK(first->status == 200);
  REQUIRE(bench.origin.size() == 2);
  bench.origin[1]->send(bench.answer);
  bench.loop.run();
  CHECK(second->status == 200);
}

TEST_CASE("limits: a failure to connect lets the next try", "[upstream][limits]") {
  FetchBench bench(limited(1, 0));
  bench.connector.script = {MemoryConnector::Outcome::Hang};
  bench.on_request = nullptr;
  auto first = bench.get();
  bench.loop.advance(milliseconds(500));
  auto second = bench.get();
  bench.loop.advance(milliseconds(540));
  CHECK(first->error.code == Errc::UpstreamTimeout);
  REQUIRE(bench.origin.size() == 1);
  bench.origin[0]->send(bench.answer);
  bench.loop.run();
  CHECK(second->status == 200);
}

TEST_CASE("limits: a stream of HTTP/2 that ends makes room for who waits",
          "[upstream][http2][limits]") {
  UpstreamConfig config = http2_config();
  config.limits.connections = 1;
  Http2Bench at(config);
  at.settings = {{kMaxConcurrentStreams, 1}};
  auto first = at.begin();
  auto second = at.begin();
  auto third = at.begin();
  CHECK(at.bench.connector.attempts == 1);
  CHECK(at.bench.pool->config().state->pending == 2);
  for (u32 stream = 1; stream <= 5; stream += 2) {
    at.origin().answer(stream, "ok");
    at.run();
  }
  CHECK(first->body == "ok");
  CHECK(second->body == "ok");
  CHECK(third->body == "ok");
  CHECK(at.bench.connector.attempts == 1);
  CHECK(at.bench.pool->config().state->pending == 0);
}

TEST_CASE("limits: an HTTP/2 connection that one worker keeps busy goes to another in the end",
          "[upstream][http2][limits]") {
  UpstreamConfig config = http2_config();
  config.limits.connections = 1;
  config.state = std::make_shared<UpstreamState>();
  Http2Bench here(config);
  Http2Bench there(config);
  here.settings = {{kMaxConcurrentStreams, 2}};
  std::map<const Http2Origin*, size_t> answered;
  // Answers what has been asked, but for the newest `kept`.
  const auto answer = [&](Http2Bench& bench, size_t kept) {
    for (const auto& origin : bench.origins) {
      const auto heads = origin->of(FrameType::Headers);
      for (size_t& i = answered[origin.get()]; i + kept < heads.size(); ++i) {
        origin->answer(heads[i].stream, "ok");
      }
    }
    for (int i = 0; i < 3; ++i) {
      here.run();
      there.run();
    }
  };
  std::vector<std::unique_ptr<Fetching>> running;
  running.push_back(here.begin());
  auto other = there.begin();
  u32 begun = 0;
  // Until one here has to wait as well.
  while (config.state->pending == 1 && begun < 1'000) {
    running.push_back(here.begin());
    answer(here, 1);  // the connection is never without a stream
    ++begun;
  }
  // The other was passed over for as long as may be: the connection takes no more, and ends.
  CHECK(begun > 100);
  CHECK(begun < 140);
  answer(here, 0);
  REQUIRE(there.origins.size() == 1);
  auto one_more = here.begin();
  CHECK(here.origins.size() == 1);
  answer(there, 0);
  CHECK(other->body == "ok");
  // Nobody keeps it idle while somebody waits for it elsewhere.
  REQUIRE(here.origins.size() == 2);
  answer(here, 0);
  CHECK(one_more->body == "ok");
  for (const auto& fetching : running) CHECK(fetching->body == "ok");
}

TEST_CASE("breaker: while it is open nothing is sent, and clients are told when to come again",
          "[upstream][breaker]") {
  UpstreamConfig config = config_of(1);
  config.breaker = {.failures_bp = 5'000, .requests = 4, .open_ms = 5'000, .probes = 1};
  std::vector<HealthChange::Kind> changes;
  config.state = std::make_shared<UpstreamState>();
  config.state->on_change = [&](const HealthChange& change) { changes.push_back(change.kind); };
  FetchBench bench(config);
  bench.answer = "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n";
  for (int i = 0; i < 4; ++i) CHECK(bench.get()->status == 500);
  CHECK(changes == std::vector{HealthChange::Kind::BreakerOpened});
  bench.loop.advance(milliseconds(1'000));
  bench.origin[0]->take();
  auto refused = bench.get();
  CHECK(refused->error.code == Errc::CircuitOpen);
  CHECK(refused->retry_after_seconds == 4);
  CHECK(bench.origin[0]->received().empty());
  CHECK(refused->exchange.try_count == 0);

  // The first after that is a probe, and what comes meanwhile is refused.
  bench.loop.advance(milliseconds(4'000));
  bench.on_request = nullptr;
  auto probe = bench.get();
  CHECK(bench.get()->error.code == Errc::CircuitOpen);
  bench.origin.back()->send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  bench.loop.run();
  CHECK(probe->status == 200);
  CHECK(changes.back() == HealthChange::Kind::BreakerClosed);
  auto next = bench.get();
  CHECK_FALSE(next->done());
  bench.origin.back()->send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  bench.loop.run();
  CHECK(next->status == 200);
}

TEST_CASE("breaker: a deadline that the client has named says nothing of the upstream",
          "[upstream][breaker]") {
  UpstreamConfig config = config_of(1);
  config.breaker = {.failures_bp = 1, .requests = 1};
  config.outlier.consecutive = 1;
  FetchBench bench(config);
  bench.on_request = nullptr;
  const bool clients = GENERATE(true, false);
  Fetching hasty(bench, "GET");
  hasty.options.deadline = bench.loop.now() + milliseconds(100);
  hasty.options.clients_deadline = clients;
  hasty.start(nullptr);
  bench.loop.advance(milliseconds(150));
  CHECK(hasty.error.code == Errc::UpstreamTimeout);
  auto next = bench.get();
  CHECK((next->error.code == Errc::CircuitOpen) == !clients);
  if (clients) {
    bench.origin.back()->send(bench.answer);
    bench.loop.run();
  }
}
