// Streams that the gateway ends: by their age, and because their table was replaced.
#include <catch2/catch.hpp>
#include <chrono>
#include <string>

#include "golden-tests/engine/switched.h"
#include "runtime/server/testing/http2_client.h"

namespace gw {
namespace {

using server::testing::Http2Client;
using std::chrono::milliseconds;
using std::chrono::seconds;

const std::string kEvents = "GET /events HTTP/1.1\r\nHost: a\r\n\r\n";
const std::string kEventsHead =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
const std::string kEvent = "9\r\ndata: 1\n\n\r\n";
const std::string kCall =
    "POST /a HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc\r\nContent-Length: 0\r\n\r\n";
const std::string kCallHead =
    "HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nTransfer-Encoding: chunked\r\n\r\n";

// Something moves every 900 ms, so that nothing is idle.
void speak(Switched& at, const std::string& piece) {
  at.gateway.loop.advance(milliseconds(900));
  at.origin().send(piece);
  at.gateway.loop.run();
}

u32 end_all(Switched& at) {
  const u32 ended = at.gateway.host().current->streams.end_all();
  at.gateway.loop.run();
  return ended;
}

Errc logged(const Switched& at, size_t index = 0) { return at.gateway.log.at(index).error.code; }

// A client of HTTP/2 that listens to events.
struct Listening {
  explicit Listening(const std::string& defaults)
      : table(table_of_streams(defaults)),
        gateway(&run, table.get()),
        client(gateway.connect_peer()) {
    gateway.origin_reads = false;
    gateway.answer = nullptr;
    client.greet();
    gateway.loop.run();
    client.get(1, "/events");
    gateway.loop.run();
    gateway.origin.at(0)->peer.send(kEventsHead + kEvent);
    gateway.loop.run();
  }
  std::shared_ptr<const BoundTable> table;
  server::testing::MemoryGateway gateway;
  Http2Client client;
};

}  // namespace

TEST_CASE("stream age: a tunnel ends, whatever moves", "[engine][streams]") {
  Switched at(", upgrade: websocket, maxStreamAge: 2s, timeout: {idle: 1s}");
  at.open();
  for (int i = 0; i < 2; ++i) {
    speak(at, "x");
    REQUIRE_FALSE(at.client->peer.closed());
  }
  at.gateway.loop.advance(milliseconds(250));
  CHECK(at.client->peer.closed());
  CHECK_FALSE(at.client->peer.got_reset());
  CHECK(at.origin().closed());
  CHECK(logged(at) == Errc::StreamEnded);
  CHECK(at.gateway.log[0].status == 101);
}

TEST_CASE("stream age: a stream of events just ends, and its connection goes on",
          "[engine][streams]") {
  Switched at(", maxStreamAge: 2s, timeout: {idle: 1s, total: 100ms, try: 100ms}");
  at.open(kEvents, kEventsHead + kEvent);
  CHECK(at.head.ends_with(kEvent));
  CHECK(at.gateway.host().current->pins == 0);  // it has let go of the table with its first event
  CHECK(at.gateway.host().current->loose == 1);
  for (int i = 0; i < 2; ++i) {
    speak(at, kEvent);
    REQUIRE(at.client->peer.take() == kEvent);
  }
  at.gateway.loop.advance(milliseconds(250));
  CHECK(at.client->peer.take() == "0\r\n\r\n");
  CHECK_FALSE(at.client->peer.closed());
  CHECK(at.origin().closed());
  CHECK(logged(at) == Errc::StreamEnded);
  CHECK(at.gateway.host().current->loose == 0);
  // The client comes again, and is asked anew who he is.
  at.client->peer.send(kEvents);
  at.gateway.loop.run();
  CHECK(at.gateway.origin.size() == 2);
}

TEST_CASE("stream age: what would look complete and is not breaks off", "[engine][streams]") {
  Switched at(", maxStreamAge: 2s, timeout: {idle: 3s}");
  at.open(kEvents,
          "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
          "1\r\n[\r\n");
  at.gateway.loop.advance(milliseconds(2'100));
  CHECK(at.client->peer.take().empty());
  CHECK(at.client->peer.closed());
}

TEST_CASE("stream age: the smaller of it and `timeout.stream` holds", "[engine][streams]") {
  struct Case {
    const char* fields;
    int ends_after_ms;
    Errc error;
  };
  const Case cases[] = {
      {", maxStreamAge: 2s, timeout: {idle: 9s, stream: 4s}", 2000, Errc::StreamEnded},
      {", maxStreamAge: 4s, timeout: {idle: 9s, stream: 2s}", 2000, Errc::UpstreamTimeout},
      {", maxStreamAge: 2s, timeout: {idle: 9s, stream: 0s}", 2000, Errc::StreamEnded},
      {", maxStreamAge: 0s, timeout: {idle: 9s, stream: 3s}", 3000, Errc::UpstreamTimeout},
      {", maxStreamAge: 3s, timeout: {idle: 2s}", 2000, Errc::UpstreamTimeout},
  };
  for (const Case& c : cases) {
    DYNAMIC_SECTION(c.fields) {
      Switched at(c.fields);
      at.open(kEvents, kEventsHead);
      at.gateway.loop.advance(milliseconds(c.ends_after_ms - 50));
      REQUIRE(at.gateway.log.empty());
      at.gateway.loop.advance(milliseconds(100));
      CHECK(logged(at) == c.error);
    }
  }
}

TEST_CASE("stream age: a gRPC client is told to come again", "[engine][streams]") {
  Switched at(", upgrade: websocket, maxStreamAge: 2s");
  SECTION("behind the head of the answer") {
    at.open(kCall, kCallHead + "2\r\nab\r\n");
    at.gateway.loop.advance(milliseconds(2'050));
    const std::string rest = at.client->peer.take();
    CHECK(rest.starts_with("0\r\n"));
    CHECK(holds(rest, "grpc-status: 14\r\n"));
  }
  SECTION("before it") {
    at.client->peer.send(kCall);
    at.gateway.loop.advance(milliseconds(2'050));
    const std::string answer = at.client->peer.take();
    CHECK(answer.starts_with("HTTP/1.1 200 "));
    CHECK(holds(answer, "\r\ngrpc-status: 14\r\n"));
  }
  SECTION("its own deadline comes first") {
    at.client->peer.send(
        "POST /a HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc\r\n"
        "Content-Length: 0\r\ngrpc-timeout: 1S\r\n\r\n");
    at.gateway.loop.advance(milliseconds(1'050));
    CHECK(holds(at.client->peer.take(), "\r\ngrpc-status: 4\r\n"));
  }
}

TEST_CASE("stream age: on HTTP/2 the stream ends, not the connection", "[engine][streams]") {
  Listening at(", maxStreamAge: 2s, timeout: {idle: 3s}");
  CHECK(at.client.answer(1).body == "data: 1\n\n");
  CHECK(at.gateway.host().current->pins == 0);
  CHECK(at.gateway.host().current->loose == 1);
  at.gateway.loop.advance(milliseconds(2'050));
  CHECK(at.client.answer(1).ended);
  CHECK(at.client.answer(1).reset == server::testing::h2::kNone);
  CHECK(at.client.goaway_code() == server::testing::h2::kNone);
  CHECK(at.gateway.host().current->loose == 0);
  CHECK(at.client.problem.empty());
}

TEST_CASE("end of streams: all that stream end in their own way", "[engine][streams]") {
  Switched at(", upgrade: websocket, timeout: {idle: 9s}");
  at.open();
  REQUIRE(at.head.starts_with("HTTP/1.1 101"));
  const auto listener = at.gateway.connect();
  listener->stop_reading();
  listener->peer.send(kEvents);
  at.gateway.loop.run();
  at.gateway.origin.at(1)->peer.send(kEventsHead + kEvent);
  at.gateway.loop.run();
  REQUIRE(listener->peer.take().ends_with(kEvent));
  const auto waiting = at.gateway.connect();
  waiting->stop_reading();
  waiting->peer.send(kCall);
  at.gateway.loop.run();

  CHECK(end_all(at) == 3);
  CHECK(at.client->peer.closed());
  CHECK_FALSE(at.client->peer.got_reset());
  CHECK(listener->peer.take() == "0\r\n\r\n");
  CHECK(holds(waiting->peer.take(), "\r\ngrpc-status: 14\r\n"));
  for (const auto& origin : at.gateway.origin) CHECK(origin->peer.closed());
  REQUIRE(at.gateway.log.size() == 3);
  for (size_t i = 0; i < 3; ++i) CHECK(logged(at, i) == Errc::StreamEnded);
  CHECK(at.gateway.host().current->loose == 0);
  CHECK(end_all(at) == 0);
  // One that was on its way by the same table does not slip through.
  listener->peer.send(kEvents);
  at.gateway.loop.run();
  CHECK(listener->peer.take().starts_with("HTTP/1.1 503 "));
  CHECK(at.gateway.origin.size() == 3);
}

TEST_CASE("end of streams: requests that do not stream go on", "[engine][streams]") {
  Switched at(", timeout: {idle: 9s}");
  at.client->peer.send("GET /plain HTTP/1.1\r\nHost: a\r\n\r\n");
  at.gateway.loop.run();
  CHECK(end_all(at) == 0);
  at.origin().send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  at.gateway.loop.run();
  CHECK(at.client->peer.take().ends_with("ok"));
}

TEST_CASE("end of streams: on HTTP/2, several of one connection", "[engine][streams]") {
  Listening at(", timeout: {idle: 9s}");
  at.client.get(3, "/events");
  at.gateway.loop.run();
  CHECK(at.gateway.host().current->streams.end_all() == 2);
  at.gateway.loop.run();
  CHECK(at.client.answer(1).ended);
  CHECK(at.client.answer(3).status() == 503);
  CHECK(at.client.goaway_code() == server::testing::h2::kNone);
  CHECK(at.client.problem.empty());
}

TEST_CASE("end of streams: who does not read loses what is on its way, and no more",
          "[engine][streams]") {
  Switched at(", timeout: {idle: 9s}");
  at.client->peer.set_window(10);
  at.open(kEvents, kEventsHead + kEvent);
  CHECK(end_all(at) == 1);
  CHECK(at.gateway.log.empty());  // the piece that is being written, until it is, or is given up
  at.client->peer.set_window(1 << 20);
  at.gateway.loop.run();
  std::string rest;
  for (int i = 0; i < 100; ++i) {
    rest += at.client->peer.take();
    at.gateway.loop.run();
  }
  CHECK(rest.ends_with("0\r\n\r\n"));
  CHECK(at.origin().closed());
}

}  // namespace gw
