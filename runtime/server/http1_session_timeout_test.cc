// Every deadline of a request, in fake time: not before, and at most one tick of the wheel after.
#include <catch2/catch.hpp>
#include <chrono>

#include "runtime/server/testing/memory_gateway.h"
#include "runtime/server/testing/stub_run.h"

using namespace gw;
using namespace gw::server;
using namespace gw::server::testing;
using std::chrono::milliseconds;
using Outcome = gw::upstream::testing::MemoryConnector::Outcome;

namespace {

const std::string kGet = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const std::string kUpload = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n";

// Deadlines are rounded up to a tick, and what follows of them may take another.
constexpr milliseconds kLate = net::TimerWheel::kTick * 2;

struct TimeoutsRestored {
  ~TimeoutsRestored() { stub_timeouts() = {}; }
};

// The time passes up to just before the deadline; then to its last moment.
void almost(MemoryGateway& gateway, u32 milliseconds_total) {
  gateway.loop.advance(milliseconds(milliseconds_total - 1));
}
void over(MemoryGateway& gateway) { gateway.loop.advance(milliseconds(1) + kLate); }

}  // namespace

TEST_CASE("timeout: a connection that never says anything is closed", "[session][timeout]") {
  MemoryGateway gateway(&stub_run);
  auto client = gateway.connect();
  almost(gateway, gateway.options.head_timeout_ms);
  CHECK_FALSE(client->peer.closed());
  over(gateway);
  CHECK(client->peer.closed());
  CHECK(client->peer.total_received() == 0);
}

TEST_CASE("timeout: a head that does not end is 408", "[session][timeout]") {
  MemoryGateway gateway(&stub_run);
  auto client = gateway.connect();
  gateway.loop.advance(milliseconds(3000));
  client->peer.send("GET / HTTP/1.1\r\n");
  gateway.loop.run();
  // Dripping does not help: the time counts from the first byte.
  for (u32 i = 0; i + 1 < gateway.options.head_timeout_ms / 500; ++i) {
    gateway.loop.advance(milliseconds(500));
    client->peer.send("X-Drip: 1\r\n");
  }
  almost(gateway, 500);
  CHECK(client->answers() == 0);
  over(gateway);
  REQUIRE(client->answers() == 1);
  CHECK(client->answer(0).status() == 408);
  CHECK(client->answer(0).field("connection") == "close");
  CHECK_FALSE(client->peer.closed());
  gateway.loop.advance(milliseconds(gateway.options.linger_ms) + kLate);
  CHECK(client->peer.closed());
}

TEST_CASE("timeout: a body that stalls is 408, and one that goes on is not", "[session][timeout]") {
  MemoryGateway gateway(&stub_run);
  REQUIRE(stub_timeouts().try_ms < gateway.options.body_stall_ms);
  auto client = gateway.connect();
  client->peer.send(kUpload);
  for (int i = 0; i < 4; ++i) {
    almost(gateway, gateway.options.body_stall_ms);
    REQUIRE(client->answers() == 0);
    client->peer.send("x");
    gateway.loop.run();
  }
  almost(gateway, gateway.options.body_stall_ms);
  CHECK(client->answers() == 0);
  over(gateway);
  REQUIRE(client->answers() == 1);
  CHECK(client->answer(0).status() == 408);
  CHECK(gateway.requests() == 0);
  CHECK(gateway.origin.at(0)->peer.closed());
  gateway.loop.advance(milliseconds(gateway.options.linger_ms) + kLate);
  CHECK(client->peer.closed());
}

TEST_CASE("timeout: a client that does not read is cut off", "[session][timeout]") {
  MemoryGateway gateway(&stub_run);
  gateway.answer_text =
      "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + std::string(100000, 'x');
  auto client = gateway.connect();
  client->stop_reading();
  client->peer.set_window(1000);
  client->peer.send(kGet);
  almost(gateway, gateway.options.write_stall_ms);
  CHECK_FALSE(client->peer.closed());
  over(gateway);
  CHECK(client->peer.closed());
  REQUIRE(gateway.log.size() == 1);
  CHECK(gateway.log[0].error.code == Errc::RequestTimeout);
  CHECK(gateway.log[0].error.origin == Origin::Downstream);
  CHECK(gateway.origin.at(0)->peer.closed());
}

// Guards against one deadline for both directions: the drip of the body kept the answer's alive.
TEST_CASE("timeout: a body that drips in does not excuse a client that does not read",
          "[session][timeout]") {
  MemoryGateway gateway(&stub_run);
  gateway.on_bytes = [](OriginConnection& connection) {
    if (connection.served > 0 || connection.reader.messages.empty()) return;
    ++connection.served;
    connection.peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" +
                         std::string(100000, 'x'));
  };
  auto client = gateway.connect();
  client->stop_reading();
  client->peer.set_window(1000);
  client->peer.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999\r\n\r\n");
  gateway.loop.run();
  u32 passed = 0;
  for (; passed + 1000 < gateway.options.write_stall_ms; passed += 1000) {
    client->peer.send("x");
    gateway.loop.advance(milliseconds(1000));
    REQUIRE_FALSE(client->peer.closed());
  }
  client->peer.send("x");
  gateway.loop.advance(milliseconds(gateway.options.write_stall_ms - passed) + kLate);
  CHECK(client->peer.closed());
  CHECK(gateway.log.at(0).error.code == Errc::RequestTimeout);
}

TEST_CASE("timeout: an idle connection gives its buffer back, and is closed in the end",
          "[session][timeout]") {
  MemoryGateway gateway(&stub_run);
  auto client = gateway.connect();
  client->peer.send(kGet);
  gateway.loop.run();
  REQUIRE(client->answers() == 1);
  // After it has shrunk it serves as before.
  gateway.loop.advance(milliseconds(gateway.options.shrink_after_ms) + kLate);
  client->peer.send_pieces(kGet, 5);
  gateway.loop.run();
  REQUIRE(client->answers() == 2);
  almost(gateway, gateway.options.idle_timeout_ms);
  CHECK_FALSE(client->peer.closed());
  over(gateway);
  CHECK(client->peer.closed());
  CHECK(client->answers() == 2);
}

TEST_CASE("timeout: lingering ends at its time, and with the client", "[session][timeout]") {
  MemoryGateway gateway(&stub_run);
  auto client = gateway.connect();
  client->peer.send("nonsense\r\n\r\n");
  gateway.loop.run();
  REQUIRE(client->answers() == 1);
  CHECK(client->answer(0).status() == 400);
  // What still comes does not prolong it.
  for (u32 i = 0; i < 4; ++i) {
    client->peer.send("more");
    gateway.loop.advance(milliseconds(gateway.options.linger_ms / 4 - 1));
    CHECK_FALSE(client->peer.closed());
  }
  gateway.loop.advance(milliseconds(4) + kLate);
  CHECK(client->peer.closed());

  auto quick = gateway.connect();
  quick->peer.send("nonsense\r\n\r\n");
  gateway.loop.run();
  CHECK_FALSE(quick->peer.closed());
  quick->peer.finish();
  gateway.loop.run();
  CHECK(quick->peer.closed());
}

TEST_CASE("timeout: lingering ends when too much comes", "[session][timeout]") {
  MemoryGateway gateway(&stub_run);
  auto client = gateway.connect();
  client->peer.send("nonsense\r\n\r\n");
  gateway.loop.run();
  // As much as may be under way when an upload is answered early: a close would take that back.
  client->peer.send(std::string(size_t{12} << 20, 'x'));
  gateway.loop.run();
  CHECK_FALSE(client->peer.closed());
  client->peer.send(std::string(size_t{12} << 20, 'x'));
  gateway.loop.run();
  CHECK(client->peer.closed());
  CHECK(client->peer.total_read() < (size_t{16} << 20) + 128 * 1024);
}

TEST_CASE("timeout: connecting, the head of the answer, the whole", "[session][timeout]") {
  struct Case {
    const char* name;
    StubTimeouts timeouts;
    Outcome connecting;
    u32 due_ms;
  };
  const Case cases[] = {
      {"connect", {.connect_ms = 700, .try_ms = 5000}, Outcome::Hang, 700},
      {"try", {.connect_ms = 700, .try_ms = 900}, Outcome::Accept, 900},
      {"total before connect",
       {.connect_ms = 700, .try_ms = 900, .total_ms = 300},
       Outcome::Hang,
       300},
      {"total before try",
       {.connect_ms = 700, .try_ms = 900, .total_ms = 400},
       Outcome::Accept,
       400},
  };
  for (const Case& at : cases) {
    DYNAMIC_SECTION(at.name) {
      MemoryGateway gateway(&stub_run);
      stub_timeouts() = at.timeouts;
      const TimeoutsRestored restored;
      gateway.answer = nullptr;
      gateway.connector.script.push_back(at.connecting);
      auto client = gateway.connect();
      client->peer.send(kGet);
      almost(gateway, at.due_ms);
      CHECK(client->answers() == 0);
      over(gateway);
      REQUIRE(client->answers() == 1);
      CHECK(client->answer(0).status() == 504);
      CHECK_FALSE(client->peer.closed());
      if (!gateway.origin.empty()) CHECK(gateway.origin[0]->peer.closed());
    }
  }
}

TEST_CASE("timeout: an upstream that does not take the request", "[session][timeout]") {
  MemoryGateway gateway(&stub_run);
  gateway.origin_reads = false;
  auto client = gateway.connect();
  const auto accept = gateway.connector.on_accept;
  gateway.connector.on_accept = [&](net::MemoryPeer peer) {
    peer.set_window(10);
    accept(peer);
  };
  client->peer.send(kGet);
  almost(gateway, stub_timeouts().try_ms);
  CHECK(client->answers() == 0);
  over(gateway);
  REQUIRE(client->answers() == 1);
  CHECK(client->answer(0).status() == 504);
}

TEST_CASE("timeout: an answer that stalls is broken off", "[session][timeout]") {
  MemoryGateway gateway(&stub_run);
  gateway.answer_text = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n";
  auto client = gateway.connect();
  client->peer.send(kGet);
  gateway.loop.run();
  for (int i = 0; i < 3; ++i) {
    almost(gateway, stub_timeouts().idle_ms);
    REQUIRE_FALSE(client->peer.closed());
    gateway.origin.at(0)->peer.send("x");
    gateway.loop.run();
  }
  almost(gateway, stub_timeouts().idle_ms);
  CHECK_FALSE(client->peer.closed());
  over(gateway);
  CHECK(client->peer.closed());
  CHECK(client->reader.messages.at(0).body == "xxx");
  CHECK_FALSE(client->reader.messages[0].complete);
  CHECK(gateway.log.at(0).error.code == Errc::UpstreamTimeout);
}

TEST_CASE("timeout: the whole ends an answer that goes on", "[session][timeout]") {
  MemoryGateway gateway(&stub_run);
  stub_timeouts().total_ms = 10'000;
  const TimeoutsRestored restored;
  gateway.answer_text = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n";
  auto client = gateway.connect();
  client->peer.send(kGet);
  gateway.loop.run();
  for (int i = 0; i < 9; ++i) {
    gateway.origin.at(0)->peer.send("x");
    gateway.loop.advance(milliseconds(1000));
    REQUIRE_FALSE(client->peer.closed());
  }
  gateway.origin.at(0)->peer.send("x");
  almost(gateway, 1000);
  CHECK_FALSE(client->peer.closed());
  over(gateway);
  CHECK(client->peer.closed());
  CHECK(gateway.log.at(0).error.code == Errc::UpstreamTimeout);
}

// Guards against the time of a slow client being charged to the target: its connection was given
// up, and a body under way to it was cut off.
TEST_CASE("timeout: the client's time is not the target's", "[session][timeout]") {
  MemoryGateway gateway(&stub_run);
  const bool uploads = GENERATE(false, true);
  CAPTURE(uploads);
  const std::string answer =
      "HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n" + std::string(50000, 'x');
  gateway.on_bytes = [&](OriginConnection& connection) {
    if (connection.served > 0 || connection.reader.messages.empty()) return;
    ++connection.served;
    connection.peer.send(answer);
  };
  auto client = gateway.connect();
  client->stop_reading();
  client->peer.set_window(1000);
  const std::string upload = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 40000\r\n\r\n";
  client->peer.send(uploads ? upload + std::string(30000, 'y') : kGet);
  // Longer than both the time of a try and the one between two pieces.
  gateway.loop.advance(milliseconds(stub_timeouts().idle_ms + 5000));
  if (uploads) client->peer.send(std::string(10000, 'y'));
  gateway.loop.run();
  client->peer.set_window(1 << 20);
  client->read_at_once();
  gateway.loop.run();
  REQUIRE(client->answers() == 1);
  CHECK(client->answer(0).body_bytes == 50000);
  REQUIRE(gateway.requests() == 1);
  CHECK(gateway.origin.at(0)->reader.messages[0].body_bytes == (uploads ? 40000 : 0));
  CHECK(gateway.pool().idle_count() == 1);
}

TEST_CASE("timeout: nor is it when the client takes no head, or stops in the body",
          "[session][timeout]") {
  MemoryGateway gateway(&stub_run);
  const bool in_body = GENERATE(false, true);
  CAPTURE(in_body);
  gateway.answer_text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  auto client = gateway.connect();
  client->peer.send(kGet);
  if (in_body) gateway.loop.run();
  client->stop_reading();
  client->peer.set_window(0);
  gateway.loop.run();
  if (in_body) gateway.origin.at(0)->peer.send("5\r\nhello\r\n");
  gateway.loop.advance(milliseconds(stub_timeouts().idle_ms + stub_timeouts().try_ms));
  client->peer.set_window(1 << 20);
  client->read_at_once();
  gateway.loop.run();
  gateway.origin.at(0)->peer.send(in_body ? "0\r\n\r\n" : "5\r\nhello\r\n0\r\n\r\n");
  gateway.loop.run();
  REQUIRE(client->answers() == 1);
  CHECK(client->answer(0).body == "hello");
  CHECK(gateway.pool().idle_count() == 1);
}

TEST_CASE("timeout: an idle connection of the pool is closed at its time", "[session][timeout]") {
  MemoryGateway gateway(&stub_run);
  auto client = gateway.connect();
  client->peer.send(kGet);
  gateway.loop.run();
  REQUIRE(gateway.pool().idle_count() == 1);
  almost(gateway, gateway.pool().config().limits.idle_timeout_ms);
  CHECK(gateway.pool().idle_count() == 1);
  over(gateway);
  CHECK(gateway.pool().idle_count() == 0);
  CHECK(gateway.origin.at(0)->peer.closed());
}
