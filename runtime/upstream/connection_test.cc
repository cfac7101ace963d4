// One exchange with a target: how requests are framed, what answers are taken, where both meet.
#include "runtime/upstream/connection.h"

#include <catch2/catch.hpp>

#include "runtime/upstream/testing/fetch_bench.h"

using namespace gw;
using namespace gw::upstream;
using namespace gw::upstream::testing;
using std::chrono::milliseconds;

namespace {

struct Answer {
  const char* name;
  std::string text;
  u32 status;  // 0: refused
  const char* body;
  bool kept;
};

// The connection is closed behind it.
Errc answer_and_close(const std::string& text, size_t piece, std::string& body, u32& status) {
  FetchBench bench(config_of(1));
  bench.on_request = [&](net::MemoryPeer& peer, size_t) {
    peer.take();
    peer.send_pieces(text, piece);
    peer.close();
  };
  auto get = bench.get();
  REQUIRE(get->done());
  body = get->body;
  status = get->status;
  CHECK((get->error.code == Errc::None) == get->complete);
  return get->error.code;
}

}  // namespace

TEST_CASE("connection: answers in every framing, in pieces of any size", "[upstream]") {
  const Answer answers[] = {
      {"length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", true},
      {"empty", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, "", true},
      {"204", "HTTP/1.1 204 No Content\r\n\r\n", 204, "", true},
      {"304 with a length", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", 304, "",
       true},
      {"chunked",
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\nA: "
       "b\r\n\r\n",
       200, "hello", true},
      {"close", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok", 200, "ok",
       false},
      {"HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, "ok", false},
      {"interim",
       "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 "
       "OK\r\nContent-Length: 2\r\n\r\nok",
       200, "ok", true},
  };
  for (const Answer& at : answers) {
    for (size_t piece = 1; piece <= at.text.size(); piece = piece * 2 + 1) {
      DYNAMIC_SECTION(at.name << " by " << piece) {
        FetchBench bench(config_of(1));
        bench.on_request = [&](net::MemoryPeer& peer, size_t) {
          peer.take();
          peer.send_pieces(at.text, piece);
        };
        auto get = bench.get();
        REQUIRE(get->done());
        CHECK(get->status == at.status);
        CHECK(get->body == at.body);
        CHECK(get->complete);
        CHECK(bench.pool->idle_count() == (at.kept ? 1 : 0));
      }
    }
  }
}

TEST_CASE("connection: an answer until the end of the stream", "[upstream]") {
  std::string body;
  u32 status = 0;
  CHECK(answer_and_close("HTTP/1.1 200 OK\r\n\r\nhello", 3, body, status) == Errc::None);
  CHECK(body == "hello");
}

TEST_CASE("connection: what is cut short is no answer", "[upstream]") {
  const std::string whole[] = {
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
  };
  for (const std::string& text : whole) {
    for (size_t bytes = 0; bytes < text.size(); ++bytes) {
      CAPTURE(text.substr(0, bytes));
      std::string body;
      u32 status = 0;
      const Errc error = answer_and_close(text.substr(0, bytes), 1 + bytes % 9, body, status);
      const size_t head = text.find("\r\n\r\n") + 4;
      CHECK(error == (bytes < head ? Errc::UpstreamClosed : Errc::PeerClosed));
      CHECK(std::string("hello").starts_with(body));
    }
  }
}

TEST_CASE("connection: answers that break the protocol", "[upstream]") {
  const std::string bad[] = {
      "nonsense\r\n\r\n",
      "HTTP/2 200 OK\r\n\r\n",
      "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
      "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nxx",
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
      "HTTP/1.1 200 OK\r\nX: " + std::string(70'000, 'x') + "\r\n\r\n",
  };
  for (const std::string& text : bad) {
    CAPTURE(text.substr(0, 70));
    std::string body;
    u32 status = 0;
    CHECK(answer_and_close(text, 5000, body, status) == Errc::UpstreamInvalid);
  }
  std::string interim;
  for (int i = 0; i < 17; ++i) interim += "HTTP/1.1 102 Processing\r\n\r\n";
  std::string body;
  u32 status = 0;
  CHECK(answer_and_close(interim, 4096, body, status) == Errc::UpstreamInvalid);
}

TEST_CASE("connection: request bodies as they are sent", "[upstream]") {
  FetchBench bench(config_of(1));
  std::string seen;
  bench.on_request = [&](net::MemoryPeer& peer, size_t) { seen += peer.take(); };
  PushedBody body;
  Fetching post(bench, "POST");
  SECTION("chunked") {
    post.start(&body);
    CHECK(seen.find("Transfer-Encoding: chunked\r\n") != std::string::npos);
    seen.clear();
    body.push("hello", false);
    bench.loop.run();
    CHECK(seen == "5\r\nhello\r\n");
    seen.clear();
    body.push("", false);
    bench.loop.run();
    CHECK(seen.empty());  // an empty piece would end the body
    body.push("world", true);
    bench.loop.run();
    CHECK(seen == "5\r\nworld\r\n0\r\n\r\n");
  }
  SECTION("chunked, the end by itself") {
    post.start(&body);
    seen.clear();
    body.push("", true);
    bench.loop.run();
    CHECK(seen == "0\r\n\r\n");
  }
  SECTION("by length") {
    body.announced = 10;
    post.start(&body);
    CHECK(seen.find("Content-Length: 10\r\n") != std::string::npos);
    seen.clear();
    body.push("hello", false);
    bench.loop.run();
    body.push("world", true);
    bench.loop.run();
    CHECK(seen == "helloworld");
  }
  bench.origin.at(0)->send(bench.answer);
  bench.loop.run();
  CHECK(post.status == 200);
  CHECK(bench.pool->idle_count() == 1);
}

TEST_CASE("connection: a request body that breaks off ends the request", "[upstream]") {
  FetchBench bench(config_of(1));
  bench.on_request = nullptr;
  PushedBody body;
  Fetching post(bench, "POST");
  const bool at_once = GENERATE(false, true);
  CAPTURE(at_once);
  if (at_once) body.break_off(Errc::BodyTooLarge);
  post.start(&body);
  if (!at_once) {
    body.push("hello", false);
    bench.loop.run();
    body.break_off(Errc::BodyTooLarge);
    bench.loop.run();
  }
  REQUIRE(post.done());
  CHECK(post.error.code == Errc::BodyTooLarge);
  CHECK(bench.origin.at(0)->closed());
  // Not even by chance may what was sent pass for a whole body.
  CHECK(bench.origin[0]->received().find("0\r\n\r\n") == std::string::npos);
}

TEST_CASE("connection: a target may answer and stop reading", "[upstream]") {
  FetchBench bench(config_of(1));
  bench.on_request = nullptr;
  PushedBody body;
  Fetching post(bench, "POST");
  post.start(&body);
  bench.origin.at(0)->send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno");
  bench.origin[0]->close();
  body.push("more", false);
  bench.loop.run();
  REQUIRE(post.done());
  CHECK(post.status == 413);
  CHECK(post.body == "no");
  CHECK(bench.pool->idle_count() == 0);
}

TEST_CASE("connection: a client that goes cancels what waits", "[upstream]") {
  FetchBench bench(config_of(1));
  bench.on_request = nullptr;
  Fetching get(bench, "GET");
  get.start(nullptr);
  SECTION("for the head") {}
  SECTION("for the body") {
    bench.origin.at(0)->send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe");
    bench.loop.run();
    CHECK(get.body == "he");
  }
  REQUIRE_FALSE(get.done());
  get.exchange.client_gone = true;
  get.exchange.cancel_all();
  bench.loop.run();
  REQUIRE(get.done());
  CHECK(get.error.code == Errc::Cancelled);
  CHECK(get.error.origin == Origin::Downstream);
  CHECK(bench.origin.at(0)->closed());
}

TEST_CASE("connection: an answer that nobody reads to the end is not kept", "[upstream]") {
  FetchBench bench(config_of(1));
  Fetching get(bench, "GET");
  get.start(nullptr, false);
  CHECK(get.status == 200);
  CHECK(bench.pool->idle_count() == 0);
  CHECK(bench.origin.at(0)->closed());
}

TEST_CASE("connection: a target that is slow to take the body has the time of a try for each piece",
          "[upstream]") {
  FetchBench bench(config_of(1));
  const auto accept = bench.connector.on_accept;
  bench.connector.on_accept = [&](net::MemoryPeer peer) {
    peer.set_window(1000);
    accept(std::move(peer));
  };
  bench.on_request = nullptr;
  PushedBody body;
  Fetching post(bench, "POST");
  post.start(&body);
  for (int i = 0; i < 3; ++i) {
    body.push(std::string(5000, 'x'), false);
    bench.loop.advance(milliseconds(1500));
    REQUIRE_FALSE(post.done());
    while (!bench.origin.at(0)->received().empty()) {
      bench.origin[0]->take();
      bench.loop.run();
    }
  }
  body.push(std::string(5000, 'x'), false);
  bench.loop.advance(milliseconds(1999));
  CHECK_FALSE(post.done());
  bench.loop.advance(milliseconds(33));
  REQUIRE(post.done());
  CHECK(post.error.code == Errc::UpstreamTimeout);
}

TEST_CASE("connection: an answer is not idle while the request moves", "[upstream]") {
  FetchBench bench(config_of(1));
  bench.on_request = [](net::MemoryPeer& peer, size_t) {
    const std::string head = peer.take();
    if (head.starts_with("POST")) peer.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n");
  };
  PushedBody body;
  Fetching post(bench, "POST");
  post.start(&body);
  for (int i = 0; i < 4; ++i) {
    body.push("x", false);
    bench.loop.advance(milliseconds(2900));
    REQUIRE_FALSE(post.done());
  }
  bench.loop.advance(milliseconds(200));
  CHECK(post.error.code == Errc::UpstreamTimeout);
}
