// Choosing targets, keeping connections, limits, and sending once more.
#include "runtime/upstream/pool.h"

#include <catch2/catch.hpp>

#include "runtime/http/forwarding.h"
#include "runtime/http/proxy_protocol.h"
#include "runtime/upstream/testing/fetch_bench.h"

using namespace gw;
using namespace gw::upstream;
using namespace gw::upstream::testing;
using std::chrono::milliseconds;
using Outcome = MemoryConnector::Outcome;

TEST_CASE("pool: takes targets in turn, by weight", "[upstream][pool]") {
  UpstreamConfig config = config_of(3);
  config.targets[0].weight = 5;
  config.targets[2].weight = 0;
  config.limits.idle_connections = 0;
  FetchBench bench(config);
  std::string order;
  for (int i = 0; i < 12; ++i) {
    CHECK(bench.get()->status == 200);
    order += bench.connector.targets.back()[1];
  }
  // Smooth: the light one comes between the heavy ones; a weight of 0 never.
  CHECK(order ==
        "000100"
        "000100");
}

TEST_CASE("pool: the less busy of two takes the request", "[upstream][pool]") {
  UpstreamConfig config = config_of(2);
  config.balance = Balance::LeastRequest;
  config.limits.idle_connections = 0;
  FetchBench bench(config);
  bench.on_request = nullptr;
  std::vector<std::unique_ptr<Fetching>> waiting;
  for (int i = 0; i < 40; ++i) waiting.push_back(bench.get());
  size_t first = 0;
  for (const std::string& target : bench.connector.targets) first += target == "t0:80" ? 1U : 0U;
  // By chance alone it would be far apart now and then; with two choices it is not.
  CHECK(first >= 17);
  CHECK(first <= 23);
  for (auto& peer : bench.origin) peer->send(bench.answer);
  bench.loop.run();
  for (auto& fetching : waiting) CHECK(fetching->status == 200);
}

TEST_CASE("pool: without a weight there is no target", "[upstream][pool]") {
  UpstreamConfig config = config_of(1);
  config.targets[0].weight = 0;
  FetchBench bench(config);
  CHECK(bench.get()->error.code == Errc::ConnectFailed);
}

TEST_CASE("pool: one connection serves one after the other, the warmest first",
          "[upstream][pool]") {
  FetchBench bench(config_of(1));
  for (int i = 0; i < 5; ++i) CHECK(bench.get()->body == "ok");
  CHECK(bench.connector.attempts == 1);
  bench.on_request = nullptr;
  auto a = bench.get();
  auto b = bench.get();
  CHECK(bench.connector.attempts == 2);
  bench.origin[0]->send(bench.answer);
  bench.loop.run();
  bench.origin[1]->send(bench.answer);
  bench.loop.run();
  CHECK(bench.pool->idle_count() == 2);
  bench.origin[0]->take();
  bench.origin[1]->take();
  auto c = bench.get();
  CHECK(bench.origin[0]->received().empty());
  CHECK_FALSE(bench.origin[1]->received().empty());
  bench.origin[1]->send(bench.answer);
  bench.loop.run();
  CHECK(c->status == 200);
}

TEST_CASE("pool: keeps no more idle connections than it may, and for no longer",
          "[upstream][pool]") {
  UpstreamConfig config = config_of(1);
  config.limits.idle_connections = 2;
  config.limits.idle_timeout_ms = 5000;
  FetchBench bench(config);
  bench.on_request = nullptr;
  std::vector<std::unique_ptr<Fetching>> all;
  for (int i = 0; i < 4; ++i) all.push_back(bench.get());
  for (auto& peer : bench.origin) peer->send(bench.answer);
  bench.loop.run();
  CHECK(bench.pool->idle_count() == 4);  // those beyond two for a second
  bench.loop.advance(milliseconds(990));
  CHECK(bench.pool->idle_count() == 4);
  bench.loop.advance(milliseconds(43));
  CHECK(bench.pool->idle_count() == 2);
  CHECK(bench.pool->config().state->connections.taken() == 2);
  bench.loop.advance(milliseconds(3966));
  CHECK(bench.pool->idle_count() == 2);
  bench.loop.advance(milliseconds(33));
  CHECK(bench.pool->idle_count() == 0);
  CHECK(bench.pool->config().state->connections.taken() == 0);
}

TEST_CASE("pool: more requests at a time than connections are kept find theirs again",
          "[upstream][pool]") {
  UpstreamConfig config = config_of(1);
  config.limits.idle_connections = 2;
  FetchBench bench(config);
  bench.on_request = nullptr;
  for (int round = 0; round < 3; ++round) {
    CAPTURE(round);
    std::vector<std::unique_ptr<Fetching>> all;
    for (int i = 0; i < 8; ++i) all.push_back(bench.get());
    CHECK(bench.connector.attempts == 8);
    for (auto& peer : bench.origin) peer->send(bench.answer);
    bench.loop.run();
    for (const auto& fetching : all) CHECK(fetching->status == 200);
    bench.loop.advance(milliseconds(900));
  }
  // Only those that are in use stay.
  auto one = bench.get();
  bench.loop.advance(milliseconds(1100));
  CHECK(bench.pool->idle_count() == 2);
  for (auto& peer : bench.origin) peer->send(bench.answer);
  bench.loop.run();
  CHECK(one->status == 200);
}

TEST_CASE("pool: limits of connections and of requests", "[upstream][pool]") {
  UpstreamConfig config = config_of(1);
  config.limits.pending = 0;
  const bool requests = GENERATE(false, true);
  CAPTURE(requests);
  (requests ? config.limits.requests : config.limits.connections) = 2;
  FetchBench bench(config);
  bench.on_request = nullptr;
  auto a = bench.get();
  auto b = bench.get();
  auto c = bench.get();
  CHECK(c->error.code == Errc::UpstreamOverflow);
  CHECK(c->error.retry == Retry::Safe);
  CHECK(bench.connector.attempts == 2);
  bench.origin[0]->send(bench.answer);
  bench.loop.run();
  CHECK(a->status == 200);
  auto d = bench.get();
  CHECK_FALSE(d->done());
  bench.origin[0]->send(bench.answer);
  bench.origin[1]->send(bench.answer);
  bench.loop.run();
  CHECK(d->status == 200);
  CHECK(b->status == 200);
  CHECK(bench.pool->config().state->requests.taken() == 0);
}

TEST_CASE("pool: a failure to connect is the end of the try, and leaves nothing",
          "[upstream][pool]") {
  FetchBench bench(config_of(1));
  bench.connector.script = {Outcome::Refuse};
  CHECK(bench.get()->error.code == Errc::ConnectFailed);
  bench.connector.script = {Outcome::Hang};
  auto slow = bench.get();
  bench.loop.advance(milliseconds(999));
  CHECK_FALSE(slow->done());
  bench.loop.advance(milliseconds(33));
  CHECK(slow->error.code == Errc::UpstreamTimeout);
  CHECK(bench.pool->config().state->connections.taken() == 0);
  CHECK(bench.get()->status == 200);
}

TEST_CASE("pool: closes idle connections before their target says that it does",
          "[upstream][pool]") {
  UpstreamConfig config = config_of(1);
  config.limits.idle_timeout_ms = 60'000;
  FetchBench bench(config);
  bench.answer = "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5\r\nContent-Length: 0\r\n\r\n";
  CHECK(bench.get()->status == 200);
  bench.loop.advance(milliseconds(4'400));
  CHECK(bench.pool->idle_count() == 1);
  bench.loop.advance(milliseconds(150));
  CHECK(bench.pool->idle_count() == 0);
}

TEST_CASE("pool: idle connections that end or speak are dropped", "[upstream][pool]") {
  FetchBench bench(config_of(1));
  const int how = GENERATE(0, 1, 2);
  CAPTURE(how);
  CHECK(bench.get()->status == 200);
  REQUIRE(bench.pool->idle_count() == 1);
  if (how == 0) bench.origin[0]->close();
  if (how == 1) bench.origin[0]->reset();
  // An answer that nobody asked for would be taken for that to the next request.
  if (how == 2) bench.origin[0]->send(bench.answer);
  bench.loop.run();
  CHECK(bench.pool->idle_count() == 0);
  CHECK(bench.origin[0]->closed());
  CHECK(bench.get("POST")->status == 200);
  CHECK(bench.connector.attempts == 2);
}

TEST_CASE("pool: an answer with more behind it is not kept", "[upstream][pool]") {
  FetchBench bench(config_of(1));
  bench.answer += "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
  CHECK(bench.get()->body == "ok");
  CHECK(bench.pool->idle_count() == 0);
}

// Guards against a request that cannot be sent twice on a connection closed unnoticed.
TEST_CASE("pool: an end of stream that came with the last answer", "[upstream][pool]") {
  FetchBench bench(config_of(1));
  bench.on_request = [&](net::MemoryPeer& peer, size_t connection) {
    peer.take();
    if (connection == 0) peer.send_and_close(bench.answer);
    if (connection > 0) peer.send(bench.answer);
  };
  auto a = std::make_unique<Fetching>(bench, "GET");
  auto b = std::make_unique<Fetching>(bench, "GET");
  SECTION("POST takes neither of two") {
    bench.on_request = nullptr;
    a->start(nullptr);
    b->start(nullptr);
    for (auto& peer : bench.origin) peer->take();
    for (auto& peer : bench.origin) peer->send_and_close(bench.answer);
    bench.loop.run();
    REQUIRE(bench.pool->idle_count() == 2);
    bench.on_request = [&](net::MemoryPeer& peer, size_t) {
      peer.take();
      peer.send(bench.answer);
    };
    auto post = bench.get("POST");
    CHECK(post->status == 200);
    CHECK(post->exchange.try_count == 1);
    CHECK(bench.connector.attempts == 3);
    CHECK(bench.pool->idle_count() == 1);
  }
  SECTION("GET is sent once more") {
    a->start(nullptr);
    REQUIRE(bench.pool->idle_count() == 1);
    bench.on_request = [&](net::MemoryPeer& peer, size_t connection) {
      peer.take();
      if (connection > 0) peer.send(bench.answer);
    };
    b->start(nullptr);
    CHECK(b->status == 200);
    CHECK(b->exchange.try_count == 2);
    CHECK(b->exchange.tries[0].error == Errc::UpstreamClosed);
  }
}

TEST_CASE("pool: sends once more, but not for ever", "[upstream][pool]") {
  FetchBench bench(config_of(1));
  CHECK(bench.get()->status == 200);
  bench.on_request = [&](net::MemoryPeer& peer, size_t) {
    peer.take();
    peer.close();
  };
  auto get = bench.get();
  CHECK(get->error.code == Errc::UpstreamClosed);
  CHECK(get->error.retry == Retry::Never);
  CHECK(get->exchange.try_count == 2);
  CHECK(bench.connector.attempts == 2);
}

TEST_CASE("pool: shuts down when all has come to rest", "[upstream][pool]") {
  FetchBench bench(config_of(1));
  bench.get();
  bench.on_request = nullptr;
  auto waiting = bench.get();
  CHECK_FALSE(bench.pool->shut_down());
  bench.origin[0]->send(bench.answer);
  bench.loop.run();
  CHECK(waiting->status == 200);
  CHECK_FALSE(bench.pool->shut_down());  // its operations end with the next message
  bench.loop.run();
  CHECK(bench.pool->shut_down());
}

// A target that is killed as it answers: answer and reset come in one event, and the read of the
// idle connection is never woken.
TEST_CASE(
    "pool: a reset that came unnoticed with the last answer does not hold up the next request",
    "[upstream][pool]") {
  FetchBench bench(config_of(1));
  bench.on_request = [&](net::MemoryPeer& peer, size_t connection) {
    peer.take();
    if (connection == 0) {
      peer.send_and_reset(bench.answer);
    } else {
      peer.send(bench.answer);
    }
  };
  CHECK(bench.get()->status == 200);
  CHECK(bench.pool->idle_count() == 1);  // nobody has noticed
  auto next = bench.get();               // the time stands still: no deadline helps
  CHECK(next->done());
  CHECK(next->status == 200);
  CHECK(bench.connector.attempts == 2);
  bench.loop.advance(milliseconds(5000));
}

namespace {

// Fetches for a client at `address`.
std::unique_ptr<Fetching> get_for(FetchBench& bench, const char* address, u16 port) {
  auto fetching = std::make_unique<Fetching>(bench, "GET");
  REQUIRE(http::parse_address(address, fetching->exchange.client));
  fetching->exchange.client.port = port;
  REQUIRE(http::parse_address("192.0.2.1", fetching->exchange.local));
  fetching->start(nullptr);
  return fetching;
}

// What a target reads from the beginning of a connection: the client, then the request.
std::string announced(const net::MemoryPeer& peer) {
  const http::ProxyHeader header = http::parse_proxy_header(peer.received());
  if (header.state != http::ProxyHeader::State::Complete) return "no header";
  if (!peer.received().substr(header.bytes).starts_with("GET ")) return "no request";
  if (!header.known) return "nobody";
  char text[46];
  return std::string(http::address_text(header.client, text)) + " " +
         std::to_string(header.client.port);
}

}  // namespace

TEST_CASE("pool: a connection with a PROXY header is for one client only", "[upstream][pool]") {
  UpstreamConfig config = config_of(1);
  config.proxy_version = GENERATE(1U, 2U);
  config.limits.connections = 1;
  FetchBench bench(config);
  bench.on_request = nullptr;
  auto first = get_for(bench, "198.51.100.7", 4000);
  auto waiting = get_for(bench, "2001:db8::9", 4001);
  REQUIRE(bench.connector.attempts == 1);
  CHECK(announced(*bench.origin[0]) == "198.51.100.7 4000");
  // Who waits for the place gets it, but not the connection.
  bench.origin[0]->send(bench.answer);
  bench.loop.run();
  CHECK(first->status == 200);
  CHECK(bench.origin[0]->closed());
  REQUIRE(bench.connector.attempts == 2);
  CHECK(announced(*bench.origin[1]) == "2001:db8::9 4001");
  bench.origin[1]->send(bench.answer);
  bench.loop.run();
  CHECK(waiting->status == 200);
  // Nor is it kept for the same client.
  CHECK(bench.pool->idle_count() == 0);
  auto again = get_for(bench, "2001:db8::9", 4001);
  CHECK(bench.connector.attempts == 3);
  bench.origin[2]->send(bench.answer);
  bench.loop.run();
  CHECK(again->status == 200);
}

TEST_CASE("pool: a client without an address is nobody in the PROXY header", "[upstream][pool]") {
  UpstreamConfig config = config_of(1);
  config.proxy_version = 2;
  FetchBench bench(config);
  bench.on_request = nullptr;
  auto fetching = bench.get();
  CHECK(announced(*bench.origin[0]) == "nobody");
  bench.origin[0]->send(bench.answer);
  bench.loop.run();
  CHECK(fetching->status == 200);
}

TEST_CASE("pool: a target that closes before its PROXY header is no connection",
          "[upstream][pool]") {
  UpstreamConfig config = config_of(1);
  config.proxy_version = 1;
  net::FaultPlan faults;
  FetchBench bench(config);
  faults.countdown = 1;
  faults.error = ECONNRESET;
  bench.connector.faults = &faults;
  auto fetching = get_for(bench, "198.51.100.7", 4000);
  CHECK(fetching->error.code == Errc::ConnectFailed);
  CHECK(fetching->error.retry == Retry::Safe);
  CHECK(bench.pool->config().state->connections.taken() == 0);
}
