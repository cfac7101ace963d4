// One client connection in memory: what is asked, what is answered, and what is not passed on.
#include "runtime/server/http1_session.h"

#include <catch2/catch.hpp>
#include <chrono>
#include <utility>

#include "runtime/server/testing/memory_gateway.h"
#include "runtime/server/testing/stub_run.h"

using namespace gw;
using namespace gw::server;
using namespace gw::server::testing;
using std::chrono::milliseconds;

namespace {

const std::string kGet = "GET /users/7 HTTP/1.1\r\nHost: a.example\r\n\r\n";
const std::string kPost =
    "POST /users HTTP/1.1\r\nHost: a.example\r\nContent-Length: 11\r\n\r\nhello world";
const std::string kExpect =
    "POST /users HTTP/1.1\r\nHost: a.example\r\nContent-Length: 11\r\n"
    "Expect: 100-continue\r\n\r\n";

}  // namespace

TEST_CASE("session: keeps the connection for the next request", "[session]") {
  MemoryGateway gateway(&stub_run);
  auto client = gateway.connect();
  for (size_t i = 0; i < 5; ++i) {
    client->peer.send(kGet);
    gateway.loop.run();
    REQUIRE(client->answers() == i + 1);
    CHECK(client->answer(i).body == "hello");
    CHECK(client->answer(i).field("connection").empty());
  }
  CHECK(gateway.origin.size() == 1);
  CHECK_FALSE(client->peer.closed());
  CHECK(client->reader.problem.empty());
}

TEST_CASE("session: a request may come in pieces of any size", "[session]") {
  for (size_t piece = 1; piece <= kPost.size(); ++piece) {
    CAPTURE(piece);
    MemoryGateway gateway(&stub_run);
    auto client = gateway.connect();
    client->peer.send_pieces(kPost, piece);
    gateway.loop.run();
    REQUIRE(client->answers() == 1);
    CHECK(client->answer(0).status() == 200);
    REQUIRE(gateway.requests() == 1);
    CHECK(gateway.origin[0]->reader.messages[0].body == "hello world");
    CHECK(gateway.log.at(0).request_bytes == 11);
  }
}

TEST_CASE("session: an answer ahead of a body leaves the connection in order", "[session]") {
  bool first = true;  // only the head of the first request is answered at once
  MemoryGateway gateway(&stub_run);
  gateway.on_bytes = [&first](OriginConnection& connection) {
    if (!std::exchange(first, false)) return;
    connection.peer.send("HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 2\r\n\r\nno");
  };
  auto client = gateway.connect();
  const size_t head = kPost.find("hello");
  client->peer.send(kPost.substr(0, head));
  gateway.loop.run();
  REQUIRE(client->answers() == 1);
  CHECK(client->answer(0).status() == 405);
  CHECK(client->answer(0).field("connection").empty());
  client->peer.send(kPost.substr(head, 4));
  gateway.loop.run();
  client->peer.send(kPost.substr(head + 4) + kGet);
  gateway.loop.run();
  REQUIRE(client->answers() == 2);
  CHECK(client->answer(1).status() == 200);
  CHECK_FALSE(client->peer.closed());
}

TEST_CASE("session: an answer ahead of a large body says that the connection ends", "[session]") {
  MemoryGateway gateway(&stub_run);
  gateway.on_bytes = [](OriginConnection& connection) {
    connection.peer.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno");
  };
  auto client = gateway.connect();
  client->peer.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n");
  gateway.loop.run();
  REQUIRE(client->answers() == 1);
  CHECK(client->answer(0).status() == 413);
  CHECK(client->answer(0).field("connection") == "close");
}

TEST_CASE("session: pipelined requests are answered in order", "[session]") {
  MemoryGateway gateway(&stub_run);
  gateway.answer = [](OriginConnection& connection, const WireMessage& request) {
    const std::string path = request.start_line.substr(4, 2);
    connection.peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + path);
  };
  auto client = gateway.connect();
  std::string all;
  for (char c = 'a'; c <= 'j'; ++c)
    all += std::string("GET /") + c + " HTTP/1.1\r\nHost: a\r\n\r\n";
  const size_t piece = GENERATE(size_t{1}, size_t{7}, size_t{64}, size_t{4096});
  CAPTURE(piece);
  client->peer.send_pieces(all, piece);
  gateway.loop.run();
  REQUIRE(client->answers() == 10);
  for (size_t i = 0; i < 10; ++i) {
    CHECK(client->answer(i).body == std::string("/") + static_cast<char>('a' + i));
  }
  CHECK(gateway.origin.size() == 1);
}

TEST_CASE("session: bodies between pipelined requests stay apart", "[session]") {
  MemoryGateway gateway(&stub_run);
  auto client = gateway.connect();
  const std::string chunked =
      "POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
      "5\r\nGET /\r\n6\r\n HTTP/\r\n0\r\nX-Sum: 1\r\n\r\n";
  const size_t piece = GENERATE(size_t{1}, size_t{3}, size_t{50}, size_t{4096});
  CAPTURE(piece);
  client->peer.send_pieces(kPost + chunked + kGet, piece);
  gateway.loop.run();
  REQUIRE(client->answers() == 3);
  const auto& seen = gateway.origin.at(0)->reader;
  CHECK(seen.problem.empty());
  REQUIRE(seen.complete() == 3);
  CHECK(seen.messages[0].body == "hello world");
  CHECK(seen.messages[1].body == "GET / HTTP/");
  REQUIRE(seen.messages[1].trailers.size() == 1);
  CHECK(seen.messages[1].trailers[0].name == "X-Sum");
  CHECK(seen.messages[2].body.empty());
}

TEST_CASE("session: HTTP/1.0 ends with the answer unless it asks to go on", "[session]") {
  MemoryGateway gateway(&stub_run);
  auto client = gateway.connect();
  client->peer.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n");
  gateway.loop.run();
  REQUIRE(client->answers() == 1);
  CHECK(client->answer(0).field("connection") == "close");
  CHECK(client->peer.closed());

  auto kept = gateway.connect();
  kept->peer.send("GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
  gateway.loop.run();
  REQUIRE(kept->answers() == 1);
  CHECK(kept->answer(0).field("connection") == "keep-alive");
  CHECK_FALSE(kept->peer.closed());
}

TEST_CASE("session: HTTP/1.0 gets no chunks and no 1xx", "[session]") {
  MemoryGateway gateway(&stub_run);
  gateway.answer_text =
      "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";
  auto client = gateway.connect();
  client->peer.send("GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
  gateway.loop.run();
  gateway.origin.at(0)->peer.send("6\r\n world\r\n0\r\n\r\n");
  gateway.loop.run();
  REQUIRE(client->answers() == 1);
  CHECK(client->answer(0).until_close);
  CHECK(client->answer(0).body == "hello world");
  CHECK(client->peer.closed());
  CHECK_FALSE(client->peer.got_reset());
}

TEST_CASE("session: 1xx answers of the upstream are passed on, but 100 is the gateway's",
          "[session]") {
  MemoryGateway gateway(&stub_run);
  gateway.answer_text =
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
      "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  auto client = gateway.connect();
  client->peer.send(kGet);
  gateway.loop.run();
  REQUIRE(client->answers() == 2);
  CHECK(client->answer(0).status() == 103);
  CHECK(client->answer(0).field("link") == "</a>");
  CHECK(client->answer(1).status() == 200);
}

// Expect ----------------------------------------------------------------------------------------

TEST_CASE("session: Expect: 100-continue is answered when the body is wanted", "[session]") {
  MemoryGateway gateway(&stub_run);
  auto client = gateway.connect();
  client->peer.send(kExpect);
  gateway.loop.run();
  REQUIRE(client->answers() == 1);
  CHECK(client->answer(0).status() == 100);
  client->peer.send("hello world");
  gateway.loop.run();
  REQUIRE(client->answers() == 2);
  CHECK(client->answer(1).status() == 200);
  CHECK(gateway.origin.at(0)->reader.messages.at(0).field("expect").empty());
  CHECK(gateway.origin[0]->reader.messages[0].body == "hello world");
  CHECK_FALSE(client->peer.closed());
}

TEST_CASE("session: Expect is not answered when the body is there already", "[session]") {
  MemoryGateway gateway(&stub_run);
  auto client = gateway.connect();
  client->peer.send(kExpect + "hello world");
  gateway.loop.run();
  REQUIRE(client->answers() == 1);
  CHECK(client->answer(0).status() == 200);
  CHECK_FALSE(client->peer.closed());
}

TEST_CASE("session: a refused Expect closes without asking for the body", "[session]") {
  MemoryGateway gateway(&stub_run);
  gateway.connector.script.push_back(upstream::testing::MemoryConnector::Outcome::Refuse);
  auto client = gateway.connect();
  client->peer.send(kExpect);
  gateway.loop.run();
  REQUIRE(client->answers() == 1);
  CHECK(client->answer(0).status() == 502);
  CHECK(client->answer(0).field("connection") == "close");
  // The client may send its body all the same; it must not be taken for a request.
  client->peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  gateway.loop.advance(milliseconds(gateway.options.linger_ms + 20));
  CHECK(client->answers() == 1);
  CHECK(client->peer.closed());
  CHECK(gateway.log.size() == 1);
}

TEST_CASE("session: an unknown expectation is 417, Expect of HTTP/1.0 is ignored", "[session]") {
  MemoryGateway gateway(&stub_run);
  auto client = gateway.connect();
  client->peer.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: 99-wait\r\n\r\nx");
  gateway.loop.run();
  REQUIRE(client->answers() == 1);
  CHECK(client->answer(0).status() == 417);

  auto old = gateway.connect();
  old->peer.send("POST / HTTP/1.0\r\nHost: a\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n");
  gateway.loop.run();
  CHECK(old->answers() == 0);
  old->peer.send("x");
  gateway.loop.run();
  REQUIRE(old->answers() == 1);
  CHECK(old->answer(0).status() == 200);
}

// Guards against two writes at a time: the answer came while `100 Continue` had no room.
TEST_CASE("session: an answer waits for a 100 Continue that has no room yet", "[session]") {
  MemoryGateway gateway(&stub_run);
  const bool interim = GENERATE(false, true);
  CAPTURE(interim);
  auto client = gateway.connect();
  client->peer.send(kGet);
  gateway.loop.run();
  REQUIRE(client->answers() == 1);

  gateway.on_bytes = [&gateway, interim](OriginConnection& connection) {
    if (connection.reader.messages.size() != 2 || connection.served != 1) return;
    ++connection.served;
    if (interim) connection.peer.send("HTTP/1.1 103 Early Hints\r\n\r\n");
    connection.peer.send(gateway.answer_text);
  };
  client->stop_reading();
  client->peer.set_window(0);
  client->peer.send(kExpect);
  gateway.loop.run();
  CHECK(client->peer.received().empty());
  client->peer.set_window(1);
  gateway.loop.run();
  CHECK(client->peer.received() == "H");
  client->peer.set_window(4096);
  client->read_at_once();
  gateway.loop.run();
  CHECK(client->reader.problem.empty());
  REQUIRE(client->answers() == (interim ? 4 : 3));
  CHECK(client->answer(1).status() == 100);
  CHECK(client->reader.messages.back().status() == 200);
}

// Answers before the end of the request ----------------------------------------------------------

TEST_CASE("session: an answer may come before the request body has ended", "[session]") {
  MemoryGateway gateway(&stub_run);
  gateway.on_bytes = [](OriginConnection& connection) {
    if (connection.served > 0 || connection.reader.messages.empty()) return;
    ++connection.served;
    connection.peer.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno");
  };
  auto client = gateway.connect();
  client->peer.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nfirst");
  gateway.loop.run();
  REQUIRE(client->answers() == 1);
  CHECK(client->answer(0).status() == 413);
  CHECK(client->answer(0).body == "no");
  // The rest is read away for a moment, so that the answer is not lost by a reset.
  CHECK_FALSE(client->peer.closed());
  client->peer.send(std::string(1000, 'x'));
  gateway.loop.advance(milliseconds(gateway.options.linger_ms + 20));
  CHECK(client->peer.closed());
  CHECK_FALSE(client->peer.got_reset());
  CHECK(gateway.pool().idle_count() == 0);
}

TEST_CASE("session: nobody knows how much of a chunked body is left, so its end is told",
          "[session]") {
  MemoryGateway gateway(&stub_run);
  gateway.on_bytes = [](OriginConnection& connection) {
    if (connection.served > 0 || connection.reader.messages.empty()) return;
    ++connection.served;
    connection.peer.send("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 2\r\n\r\nno");
  };
  auto client = gateway.connect();
  client->peer.send(
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n");
  gateway.loop.run();
  REQUIRE(client->answers() == 1);
  CHECK(client->answer(0).field("connection") == "close");
  client->peer.send("0\r\n\r\n");
  gateway.loop.advance(milliseconds(gateway.options.linger_ms + 20));
  CHECK(client->peer.closed());
  CHECK_FALSE(client->peer.got_reset());
}

TEST_CASE("session: both bodies flow at the same time", "[session]") {
  MemoryGateway gateway(&stub_run);
  gateway.on_bytes = [](OriginConnection& connection) {
    if (connection.reader.messages.empty()) return;
    const std::string& body = connection.reader.messages[0].body;
    if (connection.served == 0) {
      connection.peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
      connection.served = 1;
    }
    if (!body.empty() && body.back() == '!') {
      connection.peer.send("1\r\n!\r\n0\r\n\r\n");
    } else if (!body.empty()) {
      connection.peer.send("1\r\n" + body.substr(body.size() - 1) + "\r\n");
    }
  };
  auto client = gateway.connect();
  client->peer.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
  gateway.loop.run();
  REQUIRE(client->reader.messages.size() == 1);
  for (const char c : std::string("echo!")) {
    client->peer.send(std::string("1\r\n") + c + "\r\n");
    gateway.loop.run();
    CHECK(client->reader.messages[0].body.back() == c);
  }
  client->peer.send("0\r\n\r\n");
  gateway.loop.run();
  CHECK(client->answers() == 1);
  CHECK(client->answer(0).body == "echo!");
}

// Breaks -----------------------------------------------------------------------------------------

TEST_CASE("session: an answer that breaks off ends visibly", "[session]") {
  MemoryGateway gateway(&stub_run);
  const bool chunked = GENERATE(true, false);
  const bool reset = GENERATE(true, false);
  CAPTURE(chunked, reset);
  gateway.answer_text = chunked
                            ? "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
                            : "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello";
  auto client = gateway.connect();
  client->peer.send(kGet + kGet);
  gateway.loop.run();
  REQUIRE(client->reader.messages.size() == 1);
  CHECK(client->reader.messages[0].body == "hello");
  if (reset) {
    gateway.origin.at(0)->peer.reset();
  } else {
    gateway.origin.at(0)->peer.close();
  }
  gateway.loop.run();
  CHECK(client->answers() == 0);
  CHECK(client->reader.messages[0].body == "hello");
  CHECK(client->peer.closed());
  CHECK(gateway.log.at(0).error.code == Errc::PeerClosed);
  CHECK(gateway.host().counters.broken == 1);
}

TEST_CASE("session: a broken answer to HTTP/1.0 is a reset", "[session]") {
  MemoryGateway gateway(&stub_run);
  gateway.answer_text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";
  auto client = gateway.connect();
  client->peer.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n");
  gateway.loop.run();
  gateway.origin.at(0)->peer.close();
  gateway.loop.run();
  CHECK(client->peer.closed());
  CHECK(client->peer.got_reset());
}

TEST_CASE("session: an answer that breaks before its first byte is 502", "[session]") {
  MemoryGateway gateway(&stub_run);
  gateway.answer_text = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n";
  auto client = gateway.connect();
  client->peer.send(kGet);
  gateway.loop.run();
  CHECK(client->reader.messages.empty());
  gateway.origin.at(0)->peer.close();
  gateway.loop.run();
  REQUIRE(client->answers() == 1);
  CHECK(client->answer(0).status() == 502);
  client->peer.send(kGet);
  gateway.answer_text = "HTTP/1.1 204 No Content\r\n\r\n";
  gateway.loop.run();
  REQUIRE(client->answers() == 2);
  CHECK(client->answer(1).status() == 204);
}

// Guards against a chunked answer whose trailers are malformed being passed as complete: it was
// when all of it lay in the buffer.
TEST_CASE("session: malformed trailers break an answer, wherever the pieces end", "[session]") {
  const std::string text =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nno colon\r\n\r\n";
  for (size_t piece = 1; piece <= text.size(); ++piece) {
    CAPTURE(piece);
    MemoryGateway gateway(&stub_run);
    gateway.answer = [&](OriginConnection& connection, const WireMessage&) {
      connection.peer.send_pieces(text, piece);
    };
    auto client = gateway.connect();
    client->peer.send(kGet);
    gateway.loop.run();
    const bool answered = client->answers() == 1;
    if (answered) {
      CHECK(client->answer(0).status() == 502);
    } else {
      CHECK(client->peer.closed());
    }
    CHECK(gateway.pool().idle_count() == 0);
  }
}

TEST_CASE("session: malformed trailers break a request, wherever the pieces end", "[session]") {
  const std::string text =
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
      "5\r\nhello\r\n0\r\nno colon\r\n\r\n";
  for (size_t piece = 1; piece <= text.size(); ++piece) {
    CAPTURE(piece);
    MemoryGateway gateway(&stub_run);
    auto client = gateway.connect();
    client->peer.send_pieces(text, piece);
    gateway.loop.run();
    CHECK(gateway.requests() == 0);
    REQUIRE(client->answers() == 1);
    CHECK(client->answer(0).status() == 400);
    gateway.loop.advance(milliseconds(gateway.options.linger_ms + 20));
    CHECK(client->peer.closed());
  }
}

// A client that goes away ------------------------------------------------------------------------

TEST_CASE("session: a client that goes away cancels the upstream request", "[session]") {
  MemoryGateway gateway(&stub_run);
  gateway.answer = nullptr;
  const int how = GENERATE(0, 1, 2);
  const bool with_body = GENERATE(false, true);
  CAPTURE(how, with_body);
  auto client = gateway.connect();
  client->peer.send(with_body ? kPost : kGet);
  gateway.loop.advance(milliseconds(200));
  REQUIRE(gateway.requests() == 1);
  REQUIRE_FALSE(gateway.origin[0]->peer.closed());
  if (how == 0) client->peer.close();
  if (how == 1) client->peer.reset();
  if (how == 2) client->peer.finish();
  gateway.loop.run();
  // A reset is clear; an end of stream leaves the answer some time.
  CHECK(gateway.origin[0]->peer.closed() == (how == 1));
  gateway.loop.advance(milliseconds(gateway.options.half_close_ms + 20));
  CHECK(gateway.origin[0]->peer.closed());
  CHECK(client->peer.closed());
  REQUIRE(gateway.log.size() == 1);
  CHECK(gateway.log[0].client_gone);
  CHECK(gateway.log[0].error.code == Errc::Cancelled);
}

TEST_CASE("session: a client that goes away while connecting is not forwarded", "[session]") {
  MemoryGateway gateway(&stub_run);
  gateway.connector.script.push_back(upstream::testing::MemoryConnector::Outcome::AcceptLater);
  auto client = gateway.connect();
  client->peer.send(kGet);
  gateway.loop.advance(milliseconds(100));
  client->peer.reset();
  gateway.loop.advance(milliseconds(1000));
  REQUIRE(gateway.origin.size() == 1);
  CHECK(gateway.origin[0]->reader.messages.empty());
  CHECK(gateway.origin[0]->peer.closed());
  CHECK(gateway.log.at(0).client_gone);
}

TEST_CASE("session: an end of stream with the request leaves a quick answer its time",
          "[session]") {
  MemoryGateway gateway(&stub_run);
  gateway.answer = nullptr;
  auto client = gateway.connect();
  client->peer.send_with_end(kGet);
  const bool noticed = GENERATE(false, true);
  CAPTURE(noticed);
  gateway.loop.advance(milliseconds(noticed ? gateway.options.half_close_ms - 1
                                            : gateway.options.watch_after_ms - 1));
  REQUIRE(gateway.origin.size() == 1);
  REQUIRE_FALSE(gateway.origin[0]->peer.closed());
  gateway.origin[0]->peer.send(gateway.answer_text);
  gateway.loop.run();
  REQUIRE(client->answers() == 1);
  CHECK(client->answer(0).body == "hello");
  // Nobody looks again after each answer; the next time is when an idle connection shrinks.
  CHECK(client->peer.closed() == noticed);
  gateway.loop.advance(milliseconds(gateway.options.shrink_after_ms + 20));
  CHECK(client->peer.closed());
  CHECK_FALSE(gateway.log.at(0).client_gone);
}

TEST_CASE("session: what is pipelined behind a slow request is kept by the watch", "[session]") {
  MemoryGateway gateway(&stub_run);
  gateway.answer = nullptr;
  auto client = gateway.connect();
  client->peer.send(kGet);
  gateway.loop.advance(milliseconds(300));
  client->peer.send_pieces(kPost, 9);
  gateway.loop.advance(milliseconds(300));
  REQUIRE(gateway.requests() == 1);
  gateway.origin[0]->peer.send(gateway.answer_text);
  gateway.loop.advance(milliseconds(300));
  REQUIRE(gateway.requests() == 2);
  gateway.origin[0]->peer.send(gateway.answer_text);
  gateway.loop.run();
  CHECK(client->answers() == 2);
  CHECK(gateway.origin[0]->reader.messages[1].body == "hello world");
}

// Drain and abort --------------------------------------------------------------------------------

namespace {

// Brings a session to a stage, in order of its life.
enum class Stage { Accepted, HeadBegun, AwaitsHead, InUpload, InDownload, Idle, Lingers };

void bring_to(MemoryGateway& gateway, MemoryClient& client, Stage stage) {
  const std::string upload = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc";
  switch (stage) {
    case Stage::Accepted:
      break;
    case Stage::HeadBegun:
      client.peer.send(kGet.substr(0, 20));
      break;
    case Stage::AwaitsHead:
      gateway.answer = nullptr;
      client.peer.send(kGet);
      break;
    case Stage::InUpload:
      client.peer.send(upload);
      break;
    case Stage::InDownload:
      gateway.answer_text = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc";
      client.peer.send(kGet);
      break;
    case Stage::Idle:
      client.peer.send(kGet);
      break;
    case Stage::Lingers:
      client.peer.send("GET / HTTP/9\r\n\r\n");
      break;
  }
  gateway.loop.run();
}

}  // namespace

TEST_CASE("session: drains at each stage after what is under way", "[session]") {
  const auto stage = static_cast<Stage>(GENERATE(0, 1, 2, 3, 4, 5, 6));
  CAPTURE(static_cast<int>(stage));
  MemoryGateway gateway(&stub_run);
  auto client = gateway.connect();
  bring_to(gateway, *client, stage);
  gateway.host().drain();
  gateway.loop.run();
  const bool at_rest = stage == Stage::Accepted || stage == Stage::Idle;
  CHECK_FALSE(client->peer.closed());
  const size_t before = client->answers();
  if (stage == Stage::HeadBegun) client->peer.send(kGet.substr(20));
  if (stage == Stage::AwaitsHead) gateway.origin.at(0)->peer.send(gateway.answer_text);
  if (stage == Stage::InUpload) client->peer.send("defghi");
  if (stage == Stage::InDownload) gateway.origin.at(0)->peer.send("defghi");
  gateway.loop.run();
  if (stage == Stage::Lingers) gateway.loop.advance(milliseconds(gateway.options.linger_ms + 20));
  // Who is silent for a while has nothing on the way.
  if (at_rest) gateway.loop.advance(milliseconds(gateway.options.drain_idle_ms + 20));
  CHECK(client->peer.closed());
  CHECK_FALSE(client->peer.got_reset());
  CHECK(client->answers() == before + (at_rest || stage == Stage::Lingers ? 0 : 1));
  if (stage == Stage::HeadBegun || stage == Stage::AwaitsHead || stage == Stage::InUpload) {
    CHECK(client->reader.messages.back().field("connection") == "close");
  }
  CHECK(gateway.host().open_sessions() == 0);
}

TEST_CASE("session: a request that was on its way when draining began is answered", "[session]") {
  const auto stage = GENERATE(Stage::Accepted, Stage::Idle);
  CAPTURE(static_cast<int>(stage));
  MemoryGateway gateway(&stub_run);
  auto client = gateway.connect();
  bring_to(gateway, *client, stage);
  gateway.host().drain();
  gateway.loop.run();
  const size_t before = client->answers();
  client->peer.send(kGet);
  gateway.loop.run();
  REQUIRE(client->answers() == before + 1);
  CHECK(client->reader.messages.back().field("connection") == "close");
  CHECK(client->peer.closed());
  CHECK_FALSE(client->peer.got_reset());
  CHECK(gateway.host().open_sessions() == 0);
}

TEST_CASE("session: aborts at each stage at once", "[session]") {
  const auto stage = static_cast<Stage>(GENERATE(0, 1, 2, 3, 4, 5, 6));
  CAPTURE(static_cast<int>(stage));
  MemoryGateway gateway(&stub_run);
  auto client = gateway.connect();
  bring_to(gateway, *client, stage);
  gateway.host().abort();
  gateway.loop.run();
  CHECK(client->peer.closed());
  CHECK(client->peer.got_reset());
  CHECK(gateway.host().open_sessions() == 0);
  const bool served =
      stage == Stage::AwaitsHead || stage == Stage::InUpload || stage == Stage::InDownload;
  if (served) CHECK(gateway.origin.at(0)->peer.closed());
}
