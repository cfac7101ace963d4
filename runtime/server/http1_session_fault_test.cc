// The Nth operation fails: for every N until the scenario gets through, and for reads, writes and
// connects alike, nothing crashes, leaks or is stuck, and no part of a body passes for a whole.
#include <catch2/catch.hpp>
#include <cerrno>

#include "runtime/server/testing/memory_gateway.h"
#include "runtime/server/testing/stub_run.h"

using namespace gw;
using namespace gw::server;
using namespace gw::server::testing;

namespace {

struct Scenario {
  const char* name;
  std::string requests;
  std::vector<std::string> bodies;  // of the requests, as the origin must see them
  std::string answer;
  std::string answer_body;
  size_t piece = 4096;
};

std::string pattern(size_t bytes) {
  std::string text(bytes, ' ');
  for (size_t i = 0; i < bytes; ++i) text[i] = static_cast<char>('a' + (i * 7 + i / 26) % 26);
  return text;
}

std::string chunked(const std::string& body, size_t piece, const std::string& trailers) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (size_t at = 0; at < body.size(); at += piece) {
    const std::string part = body.substr(at, piece);
    std::string size;
    for (size_t left = part.size(); left > 0; left /= 16) size.insert(0, 1, kDigits[left % 16]);
    text += size + "\r\n" + part + "\r\n";
  }
  return text + "0\r\n" + trailers + "\r\n";
}

std::vector<Scenario> scenarios() {
  const std::string get = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";
  const std::string head = "HTTP/1.1 200 OK\r\n";
  const std::string small = head + "Content-Length: 5\r\n\r\nhello";
  const std::string large = pattern(70'000);
  const std::string coded = "Transfer-Encoding: chunked\r\n\r\n";
  return {
      {"GET", get, {""}, small, "hello"},
      {"POST with a length",
       "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 70000\r\n\r\n" + large,
       {large},
       small,
       "hello",
       20'000},
      {"chunked POST with trailers",
       "POST / HTTP/1.1\r\nHost: a\r\n" + coded + chunked(large, 3000, "X-Sum: 1\r\n"),
       {large},
       small,
       "hello",
       9000},
      {"pipelined",
       get + "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" + get,
       {"", "abc", ""},
       small,
       "hello",
       40},
      {"chunked answer", get, {""}, head + coded + chunked(large, 5000, "X-Sum: 1\r\n"), large},
      {"both chunked, small pieces",
       "POST / HTTP/1.1\r\nHost: a\r\n" + coded + chunked(pattern(300), 60, ""),
       {pattern(300)},
       head + coded + chunked(pattern(200), 30, ""),
       pattern(200),
       50},
      {"Expect",
       "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello",
       {"hello"},
       small,
       "hello",
       80},
  };
}

// Runs it once. True: no fault was met any more, and all was well.
bool run_once(const Scenario& at, u64 nth, int error, bool half_done, size_t window) {
  MemoryGateway gateway(&stub_run);
  gateway.answer = [&](OriginConnection& connection, const WireMessage& request) {
    CHECK(std::find(at.bodies.begin(), at.bodies.end(), request.body) != at.bodies.end());
    connection.peer.send_pieces(at.answer, at.piece);
  };
  const auto accept = gateway.connector.on_accept;
  gateway.connector.on_accept = [&](net::MemoryPeer peer) {
    peer.set_window(window);
    accept(std::move(peer));
  };
  auto client = gateway.connect();
  client->peer.set_window(window);
  gateway.faults.countdown = nth;
  gateway.faults.error = error;
  gateway.faults.half_done = half_done;
  client->peer.send_pieces(at.requests, at.piece);
  gateway.loop.advance(std::chrono::seconds(1));
  client->peer.finish();
  const bool rests = gateway.comes_to_rest();
  REQUIRE(rests);
  CHECK(client->reader.problem.empty());
  size_t good = 0;
  for (const WireMessage& answer : client->reader.messages) {
    if (!answer.complete || answer.status() != 200) continue;
    CHECK(answer.body == at.answer_body);
    ++good;
  }
  for (const auto& connection : gateway.origin) CHECK(connection->reader.problem.empty());
  CHECK(gateway.host().open_sessions() == 0);
  const bool hit = gateway.faults.hit;
  if (!hit) {
    CHECK(good == at.bodies.size());
    CHECK(gateway.requests() == at.bodies.size());
  }
  return !hit;
}

}  // namespace

TEST_CASE("fault: the Nth operation fails", "[session][fault]") {
  for (const Scenario& at : scenarios()) {
    DYNAMIC_SECTION(at.name) {
      for (const int error : {ECONNRESET, ETIMEDOUT}) {
        for (const size_t window : {size_t{1} << 20, size_t{1000}}) {
          u64 nth = 1;
          bool through = false;
          while (!through && nth < 5000) {
            CAPTURE(nth, error, window);
            through = run_once(at, nth, error, nth % 2 == 0, window);
            ++nth;
          }
          CHECK(through);
          CHECK(nth > 4);
        }
      }
    }
  }
}
