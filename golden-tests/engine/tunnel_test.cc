// WebSocket and streams of events through the real compiler, engine and sessions, in memory.
#include <catch2/catch.hpp>
#include <chrono>
#include <string>

#include "golden-tests/engine/switched.h"

namespace gw {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

}  // namespace

TEST_CASE("tunnel: a handshake is passed on, and then bytes both ways", "[engine][tunnel]") {
  Switched at;
  at.open();
  CHECK(holds(at.asked, "\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"));
  CHECK(holds(at.asked, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"));
  CHECK(holds(at.asked, "Sec-WebSocket-Protocol: chat\r\n"));
  CHECK_FALSE(holds(at.asked, "WebSocket\r\nUpgrade"));
  CHECK_FALSE(holds(at.asked, "keep-alive"));
  REQUIRE(at.head.starts_with("HTTP/1.1 101 Switching Protocols\r\n"));
  CHECK(holds(at.head, "\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"));
  CHECK(holds(at.head, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
  CHECK_FALSE(holds(at.head, "Transfer-Encoding"));
  CHECK_FALSE(holds(at.head, "Connection: close"));
  for (int i = 0; i < 3; ++i) {
    at.client->peer.send("ping");
    at.gateway.loop.run();
    CHECK(at.origin().take() == "ping");
    at.origin().send("pong!");
    at.gateway.loop.run();
    CHECK(at.client->peer.take() == "pong!");
  }
  SECTION("the client ends first") {
    at.client->peer.finish();
    at.gateway.loop.run();
    CHECK(at.origin().got_end());
    CHECK_FALSE(at.client->peer.got_end());
    at.origin().send_and_close("bye");
    at.gateway.loop.run();
    CHECK(at.client->peer.take() == "bye");
    CHECK(at.client->peer.got_end());
  }
  SECTION("the origin ends first") {
    at.origin().finish();
    at.gateway.loop.run();
    CHECK(at.client->peer.got_end());
    at.client->peer.send("last");
    at.gateway.loop.run();
    CHECK(at.origin().take() == "last");
    at.client->peer.close();
    at.gateway.loop.run();
    CHECK(at.origin().got_end());
  }
  at.gateway.loop.run();
  CHECK(at.client->peer.closed());
  CHECK(at.origin().closed());
  REQUIRE(at.gateway.log.size() == 1);
  CHECK(at.gateway.log[0].status == 101);
  CHECK(at.gateway.log[0].error.code == Errc::None);
  CHECK(at.gateway.log[0].request_bytes >= 12);
  CHECK(at.gateway.log[0].response_bytes >= 15);
  CHECK(at.gateway.pool().idle_count() == 0);
}

TEST_CASE("tunnel: bytes that come early are not lost", "[engine][tunnel]") {
  Switched at;
  at.client->peer.send(kAsk + "\r\nearly");
  at.gateway.loop.run();
  // Long enough for the gateway to look whether the client is still there.
  at.gateway.loop.advance(milliseconds(200));
  at.client->peer.send(" bird");
  at.gateway.loop.run();
  CHECK(holds(at.origin().take(), "\r\n\r\n"));
  at.origin().send(kSwitch + "with the head");
  at.gateway.loop.run();
  CHECK(at.client->peer.take().ends_with("\r\n\r\nwith the head"));
  CHECK(at.origin().take() == "early bird");
}

TEST_CASE("tunnel: requests that are no handshake", "[engine][tunnel]") {
  struct Case {
    const char* name;
    std::string request;
    int status;  // 0: it is forwarded, without Upgrade
  };
  const std::string key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
  const std::string begin = "GET /a HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\n";
  const std::string ask = begin + "Upgrade: websocket\r\n";
  const std::string version = "Sec-WebSocket-Version: 13\r\n";
  const Case cases[] = {
      {"no key", ask + version, 400},
      {"short key", ask + version + "Sec-WebSocket-Key: dGhl\r\n", 400},
      {"key of other bytes", ask + version + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZ*==\r\n",
       400},
      {"two keys", ask + version + key + key, 400},
      {"no version", ask + key, 400},
      {"old version", ask + key + "Sec-WebSocket-Version: 8\r\n", 426},
      {"two versions", ask + key + version + version, 400},
      {"a body", ask + key + version + "Content-Length: 1\r\n", 400},
      {"a chunked body", ask + key + version + "Transfer-Encoding: chunked\r\n", 400},
      {"POST", "POST" + (ask + key + version).substr(3), 400},
      {"HTTP/1.0",
       "GET /a HTTP/1.0\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n" + key +
           version,
       400},
      {"Connection takes the key away",
       "GET /a HTTP/1.1\r\nHost: a\r\nConnection: upgrade, sec-websocket-key\r\nUpgrade: "
       "websocket\r\n" +
           key + version,
       400},
      {"another protocol", begin + "Upgrade: h2c\r\n" + key + version, 0},
      {"Upgrade that Connection does not name",
       "GET /a HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n" + key + version, 0},
      {"an ordinary request", "GET /a HTTP/1.1\r\nHost: a\r\n", 0},
  };
  for (const Case& request : cases) {
    DYNAMIC_SECTION(request.name) {
      Switched at;
      at.open(request.request + "\r\n", "HTTP/1.1 204 No Content\r\n\r\n");
      if (request.status == 0) {
        CHECK(at.head.starts_with("HTTP/1.1 204"));
        CHECK_FALSE(holds(at.asked, "Upgrade"));
        CHECK_FALSE(holds(at.asked, "upgrade"));
        continue;
      }
      CHECK(at.gateway.origin.empty());
      const std::string answer = at.client->peer.take();
      CHECK(answer.starts_with("HTTP/1.1 " + std::to_string(request.status)));
      const bool named = holds(answer, "\r\nUpgrade: websocket\r\n") &&
                         holds(answer, "sec-websocket-version: 13\r\n");
      CHECK(named == (request.status == 426));
    }
  }
}

TEST_CASE("tunnel: without the field nothing is switched", "[engine][tunnel]") {
  Switched at("");
  at.open();
  CHECK_FALSE(holds(at.asked, "pgrade"));
  CHECK(at.head.starts_with("HTTP/1.1 502 "));
  CHECK(at.origin().closed());
}

TEST_CASE("tunnel: answers that do not switch", "[engine][tunnel]") {
  Switched at;
  SECTION("an ordinary answer is passed on") {
    at.open(kAsk + "\r\n", "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
    CHECK(at.head.starts_with("HTTP/1.1 403 Forbidden\r\n"));
    CHECK(at.head.ends_with("\r\n\r\nno"));
    CHECK(at.gateway.pool().idle_count() == 1);
    CHECK_FALSE(at.client->peer.closed());
    return;
  }
  std::string answer = kSwitch;
  SECTION("another accept") { answer.replace(answer.find("s3pP"), 4, "s3pp"); }
  SECTION("no accept") { answer.erase(answer.find("Sec-WebSocket-Accept"), 52); }
  SECTION("another protocol") { answer.replace(answer.find("websocket"), 9, "websockeT2"); }
  SECTION("no Connection") { answer.erase(answer.find("Connection"), 21); }
  at.open(kAsk + "\r\n", answer);
  CHECK(at.head.starts_with("HTTP/1.1 502 "));
  CHECK_FALSE(holds(at.head, "pgrade"));
  CHECK(at.origin().closed());
  CHECK(at.gateway.log.at(0).error.code == Errc::UpstreamInvalid);
}

TEST_CASE("tunnel: who does not read stops the other side", "[engine][tunnel]") {
  Switched at;
  at.open();
  const bool up = GENERATE(false, true);
  CAPTURE(up);
  net::MemoryPeer& from = up ? at.client->peer : at.origin();
  net::MemoryPeer& to = up ? at.origin() : at.client->peer;
  to.set_window(10'000);
  const std::string all(1'000'000, 'x');
  const u64 before = from.total_read();
  from.send_pieces(all, 16'384);
  at.gateway.loop.run();
  // What the reader's side holds, and at most one buffer of each kind within the gateway.
  CHECK(from.total_read() - before <= 10'000 + 2 * 16'384 + 65'536);
  size_t got = 0;
  for (int i = 0; i < 1000 && got < all.size(); ++i) {
    got += to.take().size();
    at.gateway.loop.run();
  }
  CHECK(got == all.size());
}

TEST_CASE("tunnel: a side that breaks off takes the other with it", "[engine][tunnel]") {
  Switched at;
  at.open();
  const bool client = GENERATE(true, false);
  (client ? at.client->peer : at.origin()).reset();
  at.gateway.loop.run();
  CHECK(at.client->peer.closed());
  CHECK(at.origin().closed());
  REQUIRE(at.gateway.log.size() == 1);
  CHECK(at.gateway.log[0].error.code == Errc::PeerClosed);
  CHECK(at.gateway.log[0].error.origin == (client ? Origin::Downstream : Origin::Upstream));
}

TEST_CASE("tunnel: idle time and life", "[engine][tunnel]") {
  Switched at(
      ", upgrade: websocket, timeout: {connect: 100ms, try: 200ms, total: 300ms, idle: 1s, stream: "
      "5s}");
  at.open();
  REQUIRE(at.head.starts_with("HTTP/1.1 101"));
  // Past `total`, and kept by bytes of either side.
  for (int i = 0; i < 5; ++i) {
    at.gateway.loop.advance(milliseconds(900));
    net::MemoryPeer& from = i % 2 == 0 ? at.origin() : at.client->peer;
    from.send("x");
    at.gateway.loop.run();
    REQUIRE_FALSE(at.client->peer.closed());
  }
  SECTION("its life ends, whatever moves") {
    at.gateway.loop.advance(milliseconds(550));
    CHECK(at.client->peer.closed());
  }
  SECTION("the client has left without a word") {
    at.client->peer.close();
    at.gateway.loop.run();
    CHECK(at.origin().got_end());
    at.gateway.loop.advance(seconds(1));
  }
  at.gateway.loop.advance(milliseconds(50));
  CHECK(at.origin().closed());
  CHECK(at.gateway.log.at(0).error.code == Errc::RequestTimeout);
  CHECK(at.gateway.log[0].request_bytes == 2);
  CHECK(at.gateway.log[0].response_bytes == 3);
}

TEST_CASE("tunnel: silence ends it", "[engine][tunnel]") {
  Switched at(", upgrade: websocket, timeout: {idle: 1s}");
  at.open();
  at.gateway.loop.advance(milliseconds(980));
  CHECK_FALSE(at.client->peer.closed());
  at.gateway.loop.advance(milliseconds(60));
  CHECK(at.client->peer.closed());
  CHECK_FALSE(at.client->peer.got_reset());
  CHECK(at.origin().closed());
}

TEST_CASE("tunnel: it holds no table, and lives on while draining", "[engine][tunnel]") {
  Switched at;
  at.open();
  const server::Generation& generation = *at.gateway.host().current;
  CHECK(generation.pins == 0);
  CHECK(generation.loose == 1);
  at.gateway.host().drain();
  at.client->peer.send("still");
  at.gateway.loop.run();
  CHECK(at.origin().take() == "still");
  at.gateway.host().abort();
  at.gateway.loop.run();
  CHECK(at.client->peer.closed());
  CHECK(at.origin().closed());
  CHECK(generation.loose == 0);
  CHECK(at.gateway.host().open_sessions() == 0);
}

TEST_CASE("tunnel: any read or write may fail", "[engine][tunnel]") {
  for (u64 nth = 1; nth < 60; ++nth) {
    CAPTURE(nth);
    Switched at;
    at.gateway.faults.error = 104;
    at.gateway.faults.countdown = nth;
    at.client->peer.send(kAsk + "\r\nfirst");
    at.gateway.loop.run();
    if (!at.gateway.origin.empty()) {
      at.origin().send(kSwitch + "second");
      at.gateway.loop.run();
      at.client->peer.send("third");
      at.gateway.loop.run();
      at.origin().send_and_close("fourth");
      at.gateway.loop.run();
    }
    at.client->peer.close();
    at.gateway.loop.run();
    CHECK(at.gateway.comes_to_rest());
    if (!at.gateway.faults.hit) return;
  }
  FAIL("more operations than a tunnel has");
}

TEST_CASE("streams: every event arrives before the next is written", "[engine][tunnel]") {
  Switched at(", timeout: {connect: 100ms, try: 200ms, total: 300ms, idle: 1s, stream: 4s}");
  at.open("GET /events HTTP/1.1\r\nHost: a\r\n\r\n",
          "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: "
          "chunked\r\n\r\n");
  CHECK(at.head.ends_with("\r\n\r\n"));
  CHECK(at.gateway.host().current->loose == 1);
  for (int i = 0; i < 4; ++i) {
    at.gateway.loop.advance(milliseconds(900));
    at.origin().send("9\r\ndata: " + std::to_string(i) + "\n\n\r\n");
    at.gateway.loop.run();
    REQUIRE(at.client->peer.take() == "9\r\ndata: " + std::to_string(i) + "\n\n\r\n");
  }
  SECTION("its end") {
    at.origin().send("0\r\n\r\n");
    at.gateway.loop.run();
    CHECK(at.client->peer.take() == "0\r\n\r\n");
    CHECK_FALSE(at.client->peer.closed());
    CHECK(at.gateway.pool().idle_count() == 1);
    CHECK(at.gateway.host().current->loose == 0);
  }
  SECTION("the end of its life") {
    at.gateway.loop.advance(milliseconds(450));
    CHECK(at.client->peer.closed());
    CHECK(at.origin().closed());
  }
}

TEST_CASE("streams: an operation that declares none keeps its deadline", "[engine][tunnel]") {
  Switched at(", timeout: {connect: 100ms, try: 200ms, total: 300ms, idle: 1s, stream: 4s}");
  at.open("GET /other HTTP/1.1\r\nHost: a\r\n\r\n",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  at.gateway.loop.advance(milliseconds(350));
  CHECK(at.client->peer.closed());
}

TEST_CASE("streams: a gRPC client's deadline, in its own words", "[engine][tunnel]") {
  Switched at;
  const std::string ask =
      "POST /a HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc\r\n"
      "Content-Length: 0\r\n";
  SECTION("it has passed") {
    at.client->peer.send(ask + "grpc-timeout: 100m\r\n\r\n");
    at.gateway.loop.advance(milliseconds(90));
    CHECK(at.client->peer.received().empty());
    at.gateway.loop.advance(milliseconds(40));
    const std::string answer = at.client->peer.take();
    CHECK(answer.starts_with("HTTP/1.1 200 "));
    CHECK(holds(answer, "\r\ngrpc-status: 4\r\n"));
    CHECK(answer.ends_with("\r\n\r\n"));
    CHECK(at.origin().closed());
  }
  SECTION("it makes no sense") {
    at.client->peer.send(ask + "grpc-timeout: soon\r\n\r\n");
    at.gateway.loop.run();
    CHECK(holds(at.client->peer.take(), "\r\ngrpc-status: 13\r\n"));
    CHECK(at.gateway.origin.empty());
  }
}

TEST_CASE("streams: a gRPC answer that breaks off ends with a status", "[engine][tunnel]") {
  Switched at(", timeout: {connect: 100ms, try: 200ms, total: 300ms, idle: 1s}");
  const std::string type = GENERATE("application/grpc", "application/json");
  at.open("POST /a HTTP/1.1\r\nHost: a\r\nContent-Type: " + type + "\r\nContent-Length: 0\r\n\r\n",
          "HTTP/1.1 200 OK\r\nContent-Type: " + type +
              "\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n");
  SECTION("the time is over") {
    at.gateway.loop.advance(milliseconds(350));
    const std::string rest = at.client->peer.take();
    CHECK(holds(rest, "\r\ngrpc-status: 4\r\n") == (type == "application/grpc"));
    CHECK(rest.starts_with("0\r\n") == (type == "application/grpc"));
  }
  SECTION("the target breaks off") {
    at.origin().close();
    at.gateway.loop.run();
    const std::string rest = at.client->peer.take();
    CHECK(holds(rest, "\r\ngrpc-status: 14\r\n") == (type == "application/grpc"));
  }
  if (type == "application/json") CHECK(at.client->peer.closed());
  CHECK(at.origin().closed());
}

TEST_CASE("tunnel: counts among those at a time until it ends", "[engine][tunnel][limits]") {
  Switched at(", upgrade: websocket, concurrency: {sockets: {limit: 1}}");
  at.open();
  REQUIRE(at.head.starts_with("HTTP/1.1 101 "));
  const auto another = [&] {
    const auto client = at.gateway.connect();
    client->stop_reading();
    client->peer.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    at.gateway.loop.run();
    return client->peer.take();
  };
  CHECK(another().starts_with("HTTP/1.1 429 "));
  at.gateway.loop.advance(seconds(3));
  CHECK(another().starts_with("HTTP/1.1 429 "));
  SECTION("both ends finish") {
    at.client->peer.finish();
    at.gateway.loop.run();
    at.origin().finish();
    at.gateway.loop.run();
  }
  SECTION("the client breaks off") {
    at.client->peer.reset();
    at.gateway.loop.run();
  }
  CHECK_FALSE(another().starts_with("HTTP/1.1 429 "));
}

}  // namespace gw
