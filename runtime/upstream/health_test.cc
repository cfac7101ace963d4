// Targets that fail: ejection, active checks, state over a change of tables.
#include <catch2/catch.hpp>

#include "runtime/http/proxy_protocol.h"
#include "runtime/upstream/health_checker.h"
#include "runtime/upstream/outlier.h"
#include "runtime/upstream/testing/fetch_bench.h"

using namespace gw;
using namespace gw::upstream;
using namespace gw::upstream::testing;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Kind = HealthChange::Kind;
using Outcome = MemoryConnector::Outcome;

namespace {

struct Changes {
  std::vector<Kind> kinds;
  std::vector<std::string> texts;
  void listen_to(UpstreamConfig& config) {
    attach_new_state(config);
    config.state->on_change = [this](const HealthChange& change) {
      kinds.push_back(change.kind);
      texts.push_back(std::string(change.target) + ": " + std::string(change.reason));
    };
  }
};

UpstreamConfig with_outlier(size_t targets) {
  UpstreamConfig config = config_of(targets);
  config.outlier.consecutive = 3;
  config.limits.idle_connections = 0;
  return config;
}

}  // namespace

TEST_CASE("outlier: failures in a row eject a target, longer each time", "[upstream][health]") {
  UpstreamConfig config = with_outlier(2);
  config.panic_bp = 0;
  Changes changes;
  changes.listen_to(config);
  FetchBench bench(config);
  TargetState& first = *config.targets[0].state;
  // Every second attempt goes to the first target.
  const auto fail_first = [&](int times) {
    for (int i = 0; i < times; ++i) {
      bench.connector.script = {};
      if (bench.connector.attempts % 2 == 0) bench.connector.script = {Outcome::Refuse};
      bench.get();
    }
  };
  fail_first(4);
  CHECK(changes.kinds.empty());
  CHECK(first.failures == 2);
  fail_first(1);
  CHECK(changes.kinds == std::vector<Kind>{Kind::Ejected});
  CHECK(changes.texts[0] == "t0:80: 3 failures in a row");
  bench.connector.script = {};
  const size_t before = bench.connector.targets.size();
  for (int i = 0; i < 6; ++i) CHECK(bench.get()->status == 200);
  for (size_t i = before; i < bench.connector.targets.size(); ++i) {
    CHECK(bench.connector.targets[i] == "t1:80");
  }
  bench.loop.advance(milliseconds(29'900));
  bench.get();
  CHECK(bench.connector.targets.back() == "t1:80");
  bench.loop.advance(milliseconds(200));
  const size_t returned = bench.connector.targets.size();
  for (int i = 0; i < 4; ++i) bench.get();
  CHECK(std::count(bench.connector.targets.begin() + static_cast<i64>(returned),
                   bench.connector.targets.end(), "t0:80") == 2);
  // The second time it takes twice as long.
  for (int i = 0; i < 3; ++i) report_failure(config, 0, bench.loop.now());
  CHECK(first.ejected_until_ms == to_ms(bench.loop.now()) + 60'000);
}

TEST_CASE("outlier: one good answer begins the count anew", "[upstream][health]") {
  UpstreamConfig config = with_outlier(2);
  Changes changes;
  changes.listen_to(config);
  const TimePoint now = TimePoint{} + seconds(100);
  for (int i = 0; i < 10; ++i) {
    report_failure(config, 0, now);
    report_failure(config, 0, now);
    report_success(config, 0);
  }
  CHECK(changes.kinds.empty());
}

TEST_CASE("outlier: never the last usable target, and no more than the share",
          "[upstream][health]") {
  const TimePoint now = TimePoint{} + seconds(100);
  const auto ejected = [&](size_t targets, u32 share_bp) {
    UpstreamConfig config = with_outlier(targets);
    config.outlier.max_ejected_bp = share_bp;
    attach_new_state(config);
    for (u32 target = 0; target < targets; ++target) {
      for (int i = 0; i < 5; ++i) report_failure(config, target, now);
    }
    return std::count_if(config.targets.begin(), config.targets.end(),
                         [&](const auto& target) { return !target.state->usable(to_ms(now)); });
  };
  CHECK(ejected(1, 10'000) == 0);
  CHECK(ejected(2, 1'000) == 1);
  CHECK(ejected(2, 10'000) == 1);
  CHECK(ejected(5, 1'000) == 1);
  CHECK(ejected(20, 1'000) == 2);
  CHECK(ejected(20, 5'000) == 10);
}

TEST_CASE("outlier: what counts as a failure of the target", "[upstream][health]") {
  UpstreamConfig config = with_outlier(1);
  attach_new_state(config);
  FetchBench bench(config);
  const std::atomic<u32>& failures = config.targets[0].state->failures;
  bench.answer = "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n";
  CHECK(bench.get()->status == 503);
  CHECK(failures == 1);
  bench.answer = "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n";
  CHECK(bench.get()->status == 404);
  CHECK(failures == 0);
  bench.answer = "nonsense\r\n\r\n";
  CHECK(bench.get()->error.code == Errc::UpstreamInvalid);
  CHECK(failures == 1);
  bench.on_request = [](net::MemoryPeer& peer, size_t) { peer.reset(); };
  CHECK(bench.get()->error.code == Errc::UpstreamClosed);
  CHECK(failures == 2);
  // A client that goes away is no fault of the target.
  bench.on_request = nullptr;
  auto fetching = bench.get();
  fetching->exchange.client_gone = true;
  fetching->exchange.cancel_all();
  bench.loop.run();
  CHECK(fetching->error.code == Errc::Cancelled);
  CHECK(failures == 2);
  // Nor is one that gives it too little time; the gateway's own time is another matter.
  for (const bool clients : {true, false}) {
    Fetching hurried(bench, "GET");
    hurried.options.deadline = bench.loop.now() + milliseconds(100);
    hurried.options.clients_deadline = clients;
    hurried.start(nullptr);
    bench.loop.advance(milliseconds(200));
    CHECK(hurried.error.code == Errc::UpstreamTimeout);
    CHECK(failures == (clients ? 2 : 3));
  }
}

TEST_CASE("states: a table that replaces another finds them again", "[upstream][health]") {
  StateRegistry registry;
  UpstreamConfig first = config_of(2);
  registry.attach(first);
  first.targets[1].state->healthy = false;
  UpstreamConfig second = config_of(3);
  registry.attach(second);
  CHECK(second.state == first.state);
  CHECK(second.targets[1].state == first.targets[1].state);
  CHECK(second.targets[2].state->healthy);
  UpstreamConfig other = config_of(2);
  other.name = "other";
  registry.attach(other);
  CHECK(other.state != first.state);
  CHECK(other.targets[1].state->healthy);
  // The same address by TLS is another server.
  UpstreamConfig secure = config_of(2);
  secure.targets[1].tls = true;
  registry.attach(secure);
  CHECK(secure.targets[0].state == first.targets[0].state);
  CHECK(secure.targets[1].state != first.targets[1].state);
}

namespace {

// A checker on a loop of its own, with servers that answer what `answer` says.
struct CheckBench {
  explicit CheckBench(size_t targets) : config(config_of(targets)), connector(loop) {
    changes.listen_to(config);
    config.health.path = "/healthz";
    config.health.interval_ms = 1000;
    config.health.timeout_ms = 200;
    connector.on_accept = [this](net::MemoryPeer peer) {
      peers.push_back(std::make_unique<net::MemoryPeer>(std::move(peer)));
      net::MemoryPeer* mine = peers.back().get();
      mine->on_change([this, mine] {
        if (mine->received().find("\r\n\r\n") == std::string::npos) return;
        requests.push_back(mine->take());
        if (!answer.empty()) mine->send_and_close(answer);
      });
    };
  }
  ~CheckBench() {
    while (!checker.stop()) loop.advance(milliseconds(100));
    for (auto& peer : peers) peer->on_change(nullptr);
  }
  bool healthy(size_t target = 0) const { return config.targets[target].state->healthy; }

  net::VirtualLoop loop;
  UpstreamConfig config;
  Changes changes;
  MemoryConnector connector;
  struct FixedRandom final : Random {
    u64 next() override { return source.next(); }
    Xoshiro source{7};
  } random;
  std::vector<std::unique_ptr<net::MemoryPeer>> peers;
  std::vector<std::string> requests;
  std::string answer = "HTTP/1.1 204 Fine\r\n\r\n";
  HealthChecker checker{loop, random, connector};
};

}  // namespace

TEST_CASE("checks: ask at the interval, a tenth more or less", "[upstream][health]") {
  CheckBench bench(1);
  bench.config.targets[0].path_prefix = "/v1";
  bench.checker.watch({bench.config});
  bench.loop.advance(seconds(20));
  REQUIRE(bench.requests.size() >= 18);
  CHECK(bench.requests.size() <= 23);
  CHECK(bench.requests[0] ==
        "GET /v1/healthz HTTP/1.1\r\nHost: t0:80\r\nUser-Agent: gwctl-health\r\nAccept: */*\r\n"
        "Connection: close\r\n\r\n");
  CHECK(bench.changes.kinds.empty());
}

TEST_CASE("checks: thresholds, each change told once", "[upstream][health]") {
  CheckBench bench(1);
  bench.checker.watch({bench.config});
  bench.loop.advance(seconds(3));
  CHECK(bench.healthy());
  bench.answer = "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n";
  const size_t before = bench.requests.size();
  while (bench.requests.size() < before + 2) bench.loop.advance(milliseconds(50));
  bench.loop.advance(milliseconds(100));
  CHECK(bench.healthy());  // two bad ones are not enough
  bench.loop.advance(seconds(6));
  CHECK_FALSE(bench.healthy());
  CHECK(bench.changes.kinds == std::vector<Kind>{Kind::Unhealthy});
  CHECK(bench.changes.texts[0] == "t0:80: status 500");
  bench.answer = "HTTP/1.1 200 Fine\r\nContent-Length: 0\r\n\r\n";
  bench.loop.advance(seconds(4));
  CHECK(bench.healthy());
  CHECK(bench.changes.kinds == std::vector<Kind>{Kind::Unhealthy, Kind::Healthy});
  CHECK(bench.config.targets[0].state->recovered_ms != 0);
}

TEST_CASE("checks: the first answer of an unknown target decides", "[upstream][health]") {
  CheckBench bench(1);
  bench.connector.script = {Outcome::Refuse};
  bench.checker.watch({bench.config});
  bench.loop.advance(milliseconds(300));
  CHECK_FALSE(bench.healthy());
}

TEST_CASE("checks: who is new is asked once before it is known, however it answers",
          "[upstream][health]") {
  CheckBench bench(3);
  bench.connector.script = {Outcome::Refuse, Outcome::Hang, Outcome::Accept};
  u32 first = 0;
  bench.checker.on_first = [&] { ++first; };
  CHECK_FALSE(HealthChecker::knows_all({bench.config}));
  bench.checker.watch({bench.config});
  bench.loop.advance(milliseconds(50));  // few begin at once
  CHECK(first == 2);
  CHECK_FALSE(HealthChecker::knows_all({bench.config}));
  bench.loop.advance(milliseconds(250));  // the one that hangs has had its time
  CHECK(first == 3);
  CHECK(HealthChecker::knows_all({bench.config}));
  CHECK(bench.healthy(0) + bench.healthy(1) + bench.healthy(2) == 1);
  bench.loop.advance(seconds(5));
  CHECK(first == 3);
  // What asks for no checks, and what has no address, is not waited for.
  UpstreamConfig others = config_of(1);
  attach_new_state(others);
  CHECK(HealthChecker::knows_all({others}));
  UpstreamConfig nowhere = bench.config;
  nowhere.state = nullptr;
  attach_new_state(nowhere);
  CHECK_FALSE(HealthChecker::knows_all({nowhere}));
  for (TargetConfig& target : nowhere.targets) target.weight = 0;
  CHECK(HealthChecker::knows_all({nowhere}));
}

TEST_CASE("checks: many that are new do not begin at once", "[upstream][health]") {
  CheckBench bench(200);
  bench.checker.watch({bench.config});
  bench.loop.advance(milliseconds(20));
  CHECK(bench.connector.attempts < 60);
  bench.loop.advance(milliseconds(300));
  CHECK(bench.connector.attempts == 200);
}

TEST_CASE("states: what was drained before is drained when it comes", "[upstream][health]") {
  StateRegistry registry;
  registry.restore({{"u", "t1:80"}, {"gone", ""}});
  UpstreamConfig config = config_of(2);
  config.name = "u";
  registry.attach(config);
  CHECK_FALSE(config.targets[0].state->drained);
  CHECK(config.targets[1].state->drained);
  CHECK(registry.drained().size() == 2);  // its upstream may come again
  CHECK(registry.undrain("gone", ""));
}

TEST_CASE("checks: what is a bad answer", "[upstream][health]") {
  struct Case {
    std::string answer;
    std::string reason;
  };
  const Case wrong =
      GENERATE(Case{"", "no answer in time"}, Case{"HTTP/1.1 503 No\r\n\r\n", "status 503"},
               Case{"HTTP/1.1 103 Early\r\n\r\n", "status 103"},
               Case{"SSH-2.0-OpenSSH\r\n\r\n", "the answer is not HTTP"},
               Case{"HTTP/1.1 200", "closed before an answer"},
               Case{"HTTP/1.1 200 OK\r\na: " + std::string(20'000, 'a'), "the answer is not HTTP"});
  CAPTURE(wrong.reason);
  CheckBench bench(1);
  bench.answer = wrong.answer;
  bench.checker.watch({bench.config});
  bench.loop.advance(milliseconds(500));
  CHECK_FALSE(bench.healthy());
  REQUIRE(bench.changes.texts.size() == 1);
  CHECK(bench.changes.texts[0] == "t0:80: " + wrong.reason);
}

TEST_CASE("checks: expected statuses", "[upstream][health]") {
  CheckBench bench(1);
  bench.config.health.statuses = {401, 302};
  bench.answer = "HTTP/1.1 401 Who\r\nContent-Length: 0\r\n\r\n";
  bench.checker.watch({bench.config});
  bench.loop.advance(seconds(5));
  CHECK(bench.healthy());
  bench.answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  bench.loop.advance(seconds(5));
  CHECK_FALSE(bench.healthy());
}

TEST_CASE("checks: belong to no client of the PROXY header", "[upstream][health]") {
  CheckBench bench(1);
  bench.config.proxy_version = GENERATE(1U, 2U);
  bench.checker.watch({bench.config});
  bench.loop.advance(seconds(1));
  REQUIRE_FALSE(bench.requests.empty());
  const http::ProxyHeader header = http::parse_proxy_header(bench.requests[0]);
  REQUIRE(header.state == http::ProxyHeader::State::Complete);
  CHECK_FALSE(header.known);
  CHECK(bench.requests[0].substr(header.bytes).starts_with("GET /healthz HTTP/1.1\r\n"));
}

TEST_CASE("checks: by a connection alone", "[upstream][health]") {
  CheckBench bench(2);
  bench.config.health.path = "";
  bench.config.health.tcp = true;
  bench.answer = "";
  bench.connector.script = {Outcome::Accept, Outcome::Hang};
  bench.checker.watch({bench.config});
  bench.loop.advance(milliseconds(700));
  CHECK(bench.healthy(0) != bench.healthy(1));  // whichever was asked second
  bench.loop.advance(seconds(4));
  CHECK(bench.healthy(0));
  CHECK(bench.healthy(1));
}

TEST_CASE("checks: go on over a change of tables, and end when nobody wants them",
          "[upstream][health]") {
  CheckBench bench(2);
  bench.answer = "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n";
  bench.checker.watch({bench.config});
  bench.loop.advance(milliseconds(400));
  CHECK_FALSE(bench.healthy(0));
  CHECK_FALSE(bench.healthy(1));
  const u32 attempts = bench.connector.attempts;
  UpstreamConfig fewer = bench.config;
  fewer.targets.pop_back();
  bench.checker.watch({fewer});
  bench.loop.advance(milliseconds(200));
  CHECK(bench.connector.attempts == attempts);  // not begun anew
  CHECK_FALSE(bench.healthy(0));
  CHECK(bench.healthy(1));  // nobody knows any more
  bench.loop.advance(seconds(5));
  CHECK(std::count(bench.connector.targets.begin() + 2, bench.connector.targets.end(), "t1:80") ==
        0);
  bench.checker.watch({});
  const u32 last = bench.connector.attempts;
  bench.loop.advance(seconds(5));
  CHECK(bench.connector.attempts == last);
  CHECK(bench.healthy(0));
}
