// From bytes to bytes: the real compiler, engine, sessions and pools, in memory.
#include <catch2/catch.hpp>
#include <cerrno>
#include <chrono>
#include <string>
#include <vector>

#include "golden-tests/engine/compiled_table.h"
#include "runtime/server/testing/memory_gateway.h"
#include "runtime/table/bound_table.h"

namespace gw {
namespace {

using server::testing::MemoryGateway;
using server::testing::OriginConnection;
using server::testing::WireMessage;
using std::chrono::milliseconds;
using Outcome = upstream::testing::MemoryConnector::Outcome;

std::shared_ptr<const BoundTable> table_of(const std::string& x_gw) {
  const std::string text =
      "openapi: 3.1.0\ninfo: {title: T, version: '1'}\n"
      "x-gw:\n  upstreams: {origin: {targets: [{url: 'http://origin.test'}]}}\n"
      "  defaults: {upstream: origin" +
      x_gw +
      "}\n"
      "paths:\n  /{rest+}:\n    x-gw: {anyMethod: {}}\n";
  return compiled_table(text);
}

// Members in the order that they need: the table outlives the gateway.
struct Served {
  explicit Served(const std::string& x_gw = "")
      : table(table_of(x_gw)), gateway(&run, table.get()) {}
  std::shared_ptr<const BoundTable> table;
  MemoryGateway gateway;
};

const std::string kGet = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";

std::string in_chunks(const std::string& body, size_t chunk) {
  std::string text;
  char size[20];
  for (size_t at = 0; at < body.size(); at += chunk) {
    const std::string part = body.substr(at, chunk);
    std::snprintf(size, sizeof size, "%zx\r\n", part.size());
    text += size + part + "\r\n";
  }
  return text + "0\r\n\r\n";
}

}  // namespace

// Guards against bytes being counted twice: streamed bodies were refused from half the limit on.
TEST_CASE("served: maxBody is exact for streamed bodies", "[engine][served]") {
  const size_t over = GENERATE(size_t{0}, size_t{1});
  const bool chunked = GENERATE(false, true);
  CAPTURE(over, chunked);
  Served served(", maxBody: 64KiB");
  MemoryGateway& gateway = served.gateway;
  auto client = gateway.connect();
  const std::string body(65536 + over, 'x');
  const std::string head = "POST /a HTTP/1.1\r\nHost: a\r\n";
  if (chunked) {
    client->peer.send_pieces(head + "Transfer-Encoding: chunked\r\n\r\n" + in_chunks(body, 1000),
                             7000);
  } else {
    client->peer.send_pieces(
        head + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body, 7000);
  }
  gateway.loop.run();
  REQUIRE(client->answers() == 1);
  CHECK(client->answer(0).status() == (over == 0 ? 200 : 413));
  CHECK(gateway.requests() == (over == 0 ? 1 : 0));
  if (over == 0) {
    CHECK(gateway.origin.at(0)->reader.messages[0].body == body);
    CHECK(gateway.log.at(0).request_bytes == body.size());
  }
}

// Guards against a stream of events whose head waits for the first of them.
TEST_CASE("served: the head of a stream does not wait for its body", "[engine][served]") {
  Served served;
  MemoryGateway& gateway = served.gateway;
  gateway.answer_text =
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
  auto client = gateway.connect();
  client->peer.send(kGet);
  gateway.loop.run();
  REQUIRE(client->reader.messages.size() == 1);
  CHECK(client->reader.messages[0].field("content-type") == "text/event-stream");
  gateway.origin.at(0)->peer.send("5\r\ndata:\r\n");
  gateway.loop.run();
  CHECK(client->reader.messages[0].body == "data:");
  gateway.origin[0]->peer.send("0\r\n\r\n");
  gateway.loop.run();
  CHECK(client->answers() == 1);
  CHECK(gateway.pool().idle_count() == 1);
}

TEST_CASE("served: deadlines of the table", "[engine][served]") {
  // Without repetitions, which have deadlines of their own.
  Served served(", timeout: {connect: 200ms, try: 500ms, total: 900ms, idle: 300ms}, retry: off");
  MemoryGateway& gateway = served.gateway;
  auto client = gateway.connect();
  gateway.answer = nullptr;
  struct Case {
    Outcome connecting;
    std::string answer;
    u32 due_ms;
    u32 status;  // 0: broken off
  };
  const Case at =
      GENERATE(Case{Outcome::Hang, "", 200, 504}, Case{Outcome::Accept, "", 500, 504},
               Case{Outcome::Accept, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", 300, 504},
               Case{Outcome::Accept, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", 300, 0},
               Case{Outcome::Refuse, "", 0, 503});
  CAPTURE(at.due_ms, at.status, at.answer);
  gateway.connector.script.push_back(at.connecting);
  gateway.answer = [&](OriginConnection& connection, const WireMessage&) {
    connection.peer.send(at.answer);
  };
  client->peer.send(kGet);
  if (at.due_ms > 0) {
    gateway.loop.advance(milliseconds(at.due_ms - 1));
    CHECK(client->answers() == 0);
    CHECK_FALSE(client->peer.closed());
  }
  gateway.loop.advance(milliseconds(40));
  if (at.status == 0) {
    CHECK(client->answers() == 0);
    CHECK(client->peer.closed());
  } else {
    REQUIRE(client->answers() == 1);
    CHECK(client->answer(0).status() == at.status);
    CHECK_FALSE(client->peer.closed());
  }
}

TEST_CASE("served: only what may be sent twice is, and only before an answer", "[engine][served]") {
  struct Case {
    const char* request;
    const char* before_close;  // of an answer
    u32 status;
    size_t sent;  // on both connections
  };
  const Case at =
      GENERATE(Case{"GET /a HTTP/1.1\r\nHost: a\r\n\r\n", "", 200, 2},
               Case{"PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", "", 200, 2},
               Case{"DELETE /a HTTP/1.1\r\nHost: a\r\n\r\n", "", 200, 2},
               Case{"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", "", 502, 1},
               Case{"PATCH /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", "", 502, 1},
               Case{"BREW /a HTTP/1.1\r\nHost: a\r\n\r\n", "", 502, 1},
               Case{"GET /a HTTP/1.1\r\nHost: a\r\n\r\n", "H", 502, 1},
               Case{"GET /a HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 103 Hints\r\n\r\n", 502, 1});
  CAPTURE(at.request, at.before_close);
  Served served;
  MemoryGateway& gateway = served.gateway;
  auto client = gateway.connect();
  client->peer.send(kGet);
  gateway.loop.run();
  REQUIRE(client->answers() == 1);
  REQUIRE(gateway.pool().idle_count() == 1);
  // The target closes just as the request comes, perhaps after a part of an answer.
  gateway.answer = [&](OriginConnection& connection, const WireMessage&) {
    if (&connection != gateway.origin[0].get()) {
      connection.peer.send(gateway.answer_text);
      return;
    }
    connection.peer.send(at.before_close);
    connection.peer.close();
  };
  client->peer.send(at.request);
  gateway.loop.run();
  CHECK(client->reader.messages.back().status() == at.status);
  CHECK(gateway.requests() == 1 + at.sent);
  CHECK(gateway.log.back().tries == at.sent);
}

// Guards against a POST that is lost to a connection which was closed with its last answer: the end
// of stream that came in the same event goes unnoticed by the read that waits.
TEST_CASE("served: a POST does not take a connection that has been closed", "[engine][served]") {
  Served served;
  MemoryGateway& gateway = served.gateway;
  gateway.answer = [&](OriginConnection& connection, const WireMessage&) {
    if (gateway.origin.size() == 1) {
      connection.peer.send_and_close(gateway.answer_text);
    } else {
      connection.peer.send(gateway.answer_text);
    }
  };
  auto client = gateway.connect();
  client->peer.send(kGet);
  gateway.loop.run();
  REQUIRE(client->answers() == 1);
  REQUIRE(gateway.pool().idle_count() == 1);
  client->peer.send("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
  gateway.loop.run();
  REQUIRE(client->answers() == 2);
  CHECK(client->answer(1).status() == 200);
  CHECK(gateway.origin.size() == 2);
  CHECK(gateway.log.back().tries == 1);
}

TEST_CASE("served: a client that ends its side while it waits", "[engine][served]") {
  Served served;
  MemoryGateway& gateway = served.gateway;
  gateway.answer = nullptr;
  auto client = gateway.connect();
  client->peer.send(kGet);
  gateway.loop.advance(milliseconds(100));
  REQUIRE(gateway.requests() == 1);
  client->peer.finish();
  gateway.loop.advance(milliseconds(gateway.options.half_close_ms + 20));
  // No answer of the gateway's own: it would be taken for the upstream's.
  CHECK(client->peer.total_received() == 0);
  CHECK(client->peer.closed());
  CHECK(gateway.origin.at(0)->peer.closed());
  CHECK(gateway.log.at(0).status == 499);
  CHECK(gateway.log[0].error.code == Errc::Cancelled);
}

TEST_CASE("served: the Nth operation fails in the real engine", "[engine][served]") {
  const auto table = table_of("");
  const std::string body(40'000, 'b');
  const std::string post =
      "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + in_chunks(body, 1500);
  bool through = false;
  u64 nth = 0;
  while (!through && ++nth < 2000) {
    CAPTURE(nth);
    MemoryGateway gateway(&run, table.get());
    gateway.answer_text =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + in_chunks(body, 999);
    auto client = gateway.connect();
    client->peer.set_window(3000);
    gateway.faults.countdown = nth;
    gateway.faults.error = ECONNRESET;
    gateway.faults.half_done = nth % 2 == 0;
    client->peer.send_pieces(kGet + post + kGet, 6000);
    gateway.loop.advance(milliseconds(500));
    client->peer.finish();
    const bool rests = gateway.comes_to_rest();
    REQUIRE(rests);
    CHECK(client->reader.problem.empty());
    size_t good = 0;
    for (const WireMessage& answer : client->reader.messages) {
      if (!answer.complete || answer.status() != 200) continue;
      CHECK(answer.body == body);
      ++good;
    }
    for (const auto& connection : gateway.origin) {
      for (const WireMessage& request : connection->reader.messages) {
        if (request.complete && request.chunked) CHECK(request.body == body);
      }
    }
    through = !gateway.faults.hit;
    if (through) CHECK(good == 3);
  }
  CHECK(through);
  CHECK(nth > 30);
}

}  // namespace gw
