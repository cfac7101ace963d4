// Requests over HTTP/2 to a target that is scripted frame by frame. Names in brackets are sections
// of RFC 9113.
#include <catch2/catch.hpp>

#include "runtime/upstream/testing/http2_bench.h"

using namespace gw;
using namespace gw::upstream;
using namespace gw::upstream::testing;
using std::chrono::milliseconds;

namespace {

// Up to the head; the body is left alone.
Task<void> fetch_head(FetchBench& bench, Fetching& fetching, Fetched& out) {
  const auto outcome = co_await bench.fetcher->fetch(fetching.exchange, fetching.exchange.request,
                                                     nullptr, fetching.options, nullptr, out);
  if (!outcome) fetching.error = outcome.error();
}

constexpr u16 kInitialWindow = 4;

}  // namespace

TEST_CASE("http2: a request and its answer [8.1]", "[upstream][http2]") {
  Http2Bench at;
  auto get = at.begin();
  REQUIRE(at.origins.size() == 1);
  Http2Origin& origin = at.origin();
  CHECK(origin.got_preface());
  REQUIRE(origin.frames.size() >= 2);
  CHECK(origin.frames[0].is(FrameType::Settings));
  const auto heads = origin.of(FrameType::Headers);
  REQUIRE(heads.size() == 1);
  CHECK(heads[0].stream == 1);
  CHECK(heads[0].ends());
  CHECK(heads[0].field(":method") == "GET");
  CHECK(heads[0].field(":scheme") == "http");
  CHECK(heads[0].field(":authority") == "origin.test");
  CHECK(heads[0].field(":path") == "/");
  CHECK_FALSE(get->done());
  origin.answer(1, "hello");
  at.run();
  CHECK(get->done());
  CHECK(get->status == 200);
  CHECK(get->body == "hello");
  CHECK(get->complete);
  // Our SETTINGS were answered, theirs are acknowledged.
  const auto settings = origin.of(FrameType::Settings);
  REQUIRE(settings.size() == 2);
  CHECK(settings[1].flags == kAck);
}

TEST_CASE("http2: fields of a request [8.2.2, 8.3.1]", "[upstream][http2]") {
  Http2Bench at;
  Fetching get(at.bench, "GET");
  auto& fields = get.exchange.request.fields;
  fields.add("X-Mixed-Case", "Kept As It Is");
  fields.add("Connection", "keep-alive");
  fields.add("Upgrade", "h2c");
  fields.add("TE", "gzip");
  fields.add("Host", "other.test");
  fields.add("X-Broken", "a\r\nb");
  fields.add("bad name", "x");
  get.exchange.request.accepts_trailers = true;
  get.exchange.request.has_query = true;
  get.exchange.request.query = "a=b";
  get.start(nullptr);
  const Frame head = at.origin().of(FrameType::Headers).at(0);
  CHECK(head.field(":path") == "/?a=b");
  CHECK(head.field("x-mixed-case") == "Kept As It Is");
  CHECK(head.field("te") == "trailers");
  CHECK(head.fields.size() == 6);
  at.origin().answer(1, "");
  at.run();
  CHECK(get.status == 200);
  CHECK(get.complete);
}

TEST_CASE("http2: many requests on one connection [5.1.2]", "[upstream][http2]") {
  Http2Bench at;
  std::vector<std::unique_ptr<Fetching>> all;
  for (int i = 0; i < 20; ++i) all.push_back(at.begin());
  CHECK(at.bench.connector.attempts == 1);
  // In another order than they were asked.
  for (u32 i = 20; i-- > 0;) at.origin().answer(2 * i + 1, "n" + std::to_string(i));
  at.run();
  for (u32 i = 0; i < 20; ++i) {
    REQUIRE(all[i]->done());
    CHECK(all[i]->body == "n" + std::to_string(i));
  }
}

TEST_CASE("http2: those that come while it connects share the connection", "[upstream][http2]") {
  Http2Bench at;
  at.bench.connector.later = milliseconds(300);
  at.bench.connector.script.assign(3, MemoryConnector::Outcome::AcceptLater);
  at.on_frames = [](Http2Origin& origin) {
    for (const Frame& head : origin.of(FrameType::Headers)) origin.answer(head.stream, "x");
    origin.frames.clear();
  };
  auto first = at.begin();
  auto second = at.begin();
  Fetching impatient(at.bench, "GET");
  impatient.options.connect_timeout_ms = 100;
  impatient.start(nullptr);
  at.bench.loop.advance(milliseconds(150));
  CHECK(impatient.done());
  CHECK(impatient.error.code == Errc::UpstreamTimeout);
  CHECK_FALSE(first->done());
  at.bench.loop.advance(milliseconds(400));
  CHECK(first->body == "x");
  CHECK(second->body == "x");
  CHECK(at.bench.connector.attempts == 1);
}

TEST_CASE("http2: who waited for a connection that failed makes another", "[upstream][http2]") {
  Http2Bench at;
  at.bench.connector.later = milliseconds(300);
  at.bench.connector.script = {MemoryConnector::Outcome::Hang, MemoryConnector::Outcome::Accept};
  at.on_frames = [](Http2Origin& origin) {
    for (const Frame& head : origin.of(FrameType::Headers)) origin.answer(head.stream, "x");
    origin.frames.clear();
  };
  Fetching first(at.bench, "GET");
  first.options.connect_timeout_ms = 200;
  first.start(nullptr);
  auto second = at.begin();
  auto third = at.begin();
  at.bench.loop.advance(milliseconds(250));
  CHECK(first.error.code == Errc::UpstreamTimeout);
  CHECK(second->body == "x");
  CHECK(third->body == "x");
  CHECK(at.bench.connector.attempts == 2);
}

TEST_CASE("http2: the target's limit of streams [5.1.2]", "[upstream][http2]") {
  Http2Bench at;
  at.settings = {{kMaxConcurrentStreams, 2}};
  auto a = at.begin();
  auto b = at.begin();
  CHECK(at.bench.connector.attempts == 1);
  auto c = at.begin();
  CHECK(at.bench.connector.attempts == 2);
  at.origin(0).answer(1, "a");
  at.origin(0).answer(3, "b");
  at.origin(1).answer(1, "c");
  at.run();
  CHECK(a->body == "a");
  CHECK(b->body == "b");
  CHECK(c->body == "c");
  auto d = at.begin();
  CHECK(at.bench.connector.attempts == 2);
  at.origin(0).answer(5, "d");
  at.run();
  CHECK(d->body == "d");
}

TEST_CASE("http2: request bodies, flow control and trailers [6.9, 8.1]", "[upstream][http2]") {
  Http2Bench at;
  at.settings = {{kInitialWindow, 10}};
  PushedBody body;
  auto post = at.begin("POST", &body);
  body.push("hello", false);
  at.run();
  CHECK(at.origin().body(1) == "hello");
  body.push("wonderful", false);
  at.run();
  CHECK(at.origin().body(1) == "hellowonde");  // the window of the stream
  at.origin().window(1, 100);
  at.run();
  CHECK(at.origin().body(1) == "hellowonderful");
  CHECK_FALSE(at.origin().of(FrameType::Data, 1).back().ends());
  body.push("", false);  // must not become an empty frame
  at.run();
  const size_t frames = at.origin().of(FrameType::Data, 1).size();
  body.push("!", true);
  at.run();
  CHECK(at.origin().of(FrameType::Data, 1).size() == frames + 1);
  CHECK(at.origin().of(FrameType::Data, 1).back().ends());
  at.origin().answer(1, "done");
  at.run();
  CHECK(post->body == "done");
}

TEST_CASE("http2: bodies of known length are announced", "[upstream][http2]") {
  Http2Bench at;
  http::MemoryBody body(as_bytes("12345"));
  auto post = at.begin("POST", &body);
  CHECK(at.origin().of(FrameType::Headers).at(0).field("content-length") == "5");
  CHECK(at.origin().body(1) == "12345");
  CHECK(at.origin().of(FrameType::Data, 1).back().ends());
  at.origin().answer(1, "");
  at.run();
  CHECK(post->status == 200);
  Fetching empty(at.bench, "POST");
  empty.exchange.request.framing = http::Framing::Length;
  empty.start(nullptr);
  const Frame head = at.origin().of(FrameType::Headers).at(1);
  CHECK(head.field("content-length") == "0");
  CHECK(head.ends());
  at.origin().answer(3, "");
  at.run();
  CHECK(empty.complete);
}

TEST_CASE("http2: an answer that nobody reads holds its window only [5.2]", "[upstream][http2]") {
  Http2Bench at;
  Fetching slow(at.bench, "GET");
  slow.options.idle_timeout_ms = 0;
  Fetched fetched(slow.exchange.arena);
  Task<void> fetching = fetch_head(at.bench, slow, fetched);
  fetching.start();
  at.run();
  at.origin().send_head(1, {{":status", "200"}});
  for (int i = 0; i < 3; ++i) at.origin().send(FrameType::Data, 0, 1, std::string(16'384, 'x'));
  at.origin().send(FrameType::Data, 0, 1, std::string(16'383, 'x'));  // 65,535 in all
  at.run();
  REQUIRE(fetching.done());
  CHECK(at.origin().of(FrameType::WindowUpdate, 1).empty());
  // The connection goes on for others.
  auto other = at.begin();
  at.origin().send_head(3, {{":status", "200"}});
  for (int i = 0; i < 100; ++i) {
    at.origin().send(FrameType::Data, 0, 3, std::string(16'000, 'y'));
    at.run();
  }
  at.origin().send(FrameType::Data, kEndStream, 3);
  at.run();
  CHECK(other->body.size() == 1'600'000);
  u32 opened = 0;
  for (const Frame& frame : at.origin().of(FrameType::WindowUpdate, 3)) opened += frame.number();
  CHECK(opened >= 1'600'000 - 65'535);
  SECTION("it opens as it is read") {
    size_t read = 0;
    while (read < 65'535) {
      auto next = fetched.body->next(16'384);
      next.start();
      REQUIRE(next.done());
      const auto piece = next.result();
      REQUIRE(piece.has_value());
      read += piece->bytes.size();
    }
    at.run();
    CHECK_FALSE(at.origin().of(FrameType::WindowUpdate, 1).empty());
  }
  SECTION("more than that breaks the rules") {
    at.origin().send(FrameType::Data, 0, 1, "x");
    at.run();
    CHECK((!at.origin().of(FrameType::RstStream, 1).empty() || at.bench.origin[0]->closed()));
  }
  at.bench.fetcher->release(fetched);
  at.run();
}

TEST_CASE("http2: trailers and 1xx of an answer [8.1]", "[upstream][http2]") {
  Http2Bench at;
  auto get = at.begin();
  at.origin().send_head(1, {{":status", "103"}, {"link", "</a>"}});
  at.origin().send_head(1, {{":status", "200"}});
  at.origin().send(FrameType::Data, 0, 1, "x");
  at.run();
  CHECK(get->body == "x");
  CHECK_FALSE(get->done());
  at.origin().send_head(1, {{"grpc-status", "0"}, {"authorization", "no"}},
                        kEndHeaders | kEndStream);
  at.run();
  CHECK(get->done());
  CHECK(get->complete);
  CHECK(get->trailers == "grpc-status: 0\n");
}

TEST_CASE("http2: good-bye [6.8]", "[upstream][http2]") {
  Http2Bench at;
  auto first = at.begin();
  auto second = at.begin("POST");
  SECTION("what it did not look at is sent again, whatever the method") {
    at.origin().go_away(1);
    at.run();
    REQUIRE(at.origins.size() == 2);
    CHECK(at.origin(1).of(FrameType::Headers).at(0).field(":method") == "POST");
    at.origin(0).answer(1, "first");
    at.origin(1).answer(1, "second");
    at.run();
    CHECK(first->body == "first");
    CHECK(second->body == "second");
    CHECK(at.bench.origin[0]->closed());
    CHECK_FALSE(at.bench.origin[1]->closed());
  }
  SECTION("and again where the next connection ends as well, three times") {
    for (size_t i = 0; i < 3; ++i) {
      at.origin(i).go_away(0);
      at.run();
      REQUIRE(at.origins.size() == i + 2);
    }
    CHECK_FALSE(first->done());
    at.origin(3).go_away(0);
    at.run();
    CHECK(first->error.code == Errc::UpstreamClosed);
    CHECK(first->error.retry == Retry::Unseen);
    CHECK(second->error.retry == Retry::Unseen);
    CHECK(at.origins.size() == 4);
  }
  SECTION("what it did look at goes on, new requests take another connection") {
    at.origin().go_away(3);
    at.run();
    auto third = at.begin();
    CHECK(at.bench.connector.attempts == 2);
    at.origin(1).answer(1, "third");
    at.origin(0).answer(3, "second");
    at.origin(0).answer(1, "first");
    at.run();
    CHECK(first->body == "first");
    CHECK(second->body == "second");
    CHECK(third->body == "third");
  }
}

TEST_CASE("http2: good-bye counts against who ends what has carried no answer [6.8]",
          "[upstream][http2]") {
  UpstreamConfig config = http2_config();
  config.outlier.consecutive = 100;
  Http2Bench at(config);
  const auto failures = [&] {
    return at.bench.pool->config().targets[0].state->failures.load(std::memory_order_relaxed);
  };
  auto first = at.begin();
  SECTION("at once") {
    at.origin().go_away(0);
    at.run();
    CHECK(failures() == 1);
    at.origin(1).answer(1, "first");
    at.run();
    CHECK(first->body == "first");
    CHECK(failures() == 0);
  }
  SECTION("not a kept one") {
    at.origin().answer(1, "first");
    at.run();
    auto second = at.begin("POST");
    REQUIRE(at.origins.size() == 1);
    at.origin().go_away(1);
    at.run();
    REQUIRE(at.origins.size() == 2);
    CHECK(failures() == 0);
    at.origin(1).go_away(0);
    at.run();
    CHECK(failures() == 1);
    at.origin(2).answer(1, "second");
    at.run();
    CHECK(second->body == "second");
  }
}

TEST_CASE("http2: streams that the target resets [6.4, 8.7]", "[upstream][http2]") {
  Http2Bench at;
  auto get = at.begin("POST");
  SECTION("refused: sent again, once") {
    at.origin().reset(1, 7);
    at.run();
    CHECK_FALSE(get->done());
    at.origin().reset(3, 7);
    at.run();
    CHECK(get->done());
    CHECK(get->error.code == Errc::UpstreamClosed);
    CHECK(get->error.retry == Retry::Safe);
    CHECK(at.origin().of(FrameType::Headers).size() == 2);
  }
  SECTION("before an answer") {
    at.origin().reset(1, 2);
    at.run();
    CHECK(get->error.code == Errc::UpstreamClosed);
    CHECK(get->error.retry == Retry::Never);
    CHECK(get->status == 0);
  }
  SECTION("within an answer") {
    at.origin().send_head(1, {{":status", "200"}});
    at.origin().send(FrameType::Data, 0, 1, "half");
    at.origin().reset(1, 2);
    at.run();
    CHECK(get->error.code == Errc::PeerClosed);
    CHECK(get->body == "half");
    CHECK_FALSE(get->complete);
  }
  // The connection lives on.
  auto next = at.begin();
  CHECK(at.bench.connector.attempts == 1);
  at.origin().answer(at.origin().of(FrameType::Headers).back().stream, "next");
  at.run();
  CHECK(next->body == "next");
}

TEST_CASE("http2: an answer that comes before the request has ended", "[upstream][http2]") {
  Http2Bench at;
  PushedBody body;
  auto post = at.begin("POST", &body);
  body.push("some", false);
  at.run();
  at.origin().answer(1, "enough", "413");
  at.run();
  CHECK(post->done());
  CHECK(post->status == 413);
  CHECK(post->body == "enough");
  REQUIRE(at.origin().of(FrameType::RstStream, 1).size() == 1);
}

TEST_CASE("http2: a window that does not come back", "[upstream][http2]") {
  UpstreamConfig config = http2_config();
  config.limits.idle_timeout_ms = 5'000;
  Http2Bench at(config);
  PushedBody body;
  auto post = at.begin("POST", &body);
  for (int i = 0; i < 10; ++i) {
    body.push(std::string(10'000, 'x'), false);
    at.run();
  }
  CHECK(at.origin().body(1).size() == 65'535);
  auto beside = at.begin();  // while somebody sends, all is as it should be
  CHECK(at.bench.connector.attempts == 1);
  at.origin().answer(1, "enough", "413");
  at.run();
  CHECK(post->status == 413);
  SECTION("another connection is made") {
    auto next = at.begin();
    CHECK(at.bench.connector.attempts == 2);
    at.origin(1).answer(1, "x");
    at.origin().answer(3, "y");
    at.run();
    CHECK(next->body == "x");
    CHECK(beside->body == "y");
    at.bench.loop.advance(milliseconds(1'100));
    CHECK(at.bench.origin[0]->closed());
    CHECK_FALSE(at.bench.origin[1]->closed());
  }
  SECTION("it comes") {
    at.origin().answer(3, "y");
    at.run();
    at.origin().window(0, 65'535);
    at.run();
    at.bench.loop.advance(milliseconds(1'100));
    auto next = at.begin();
    CHECK(at.bench.connector.attempts == 1);
    at.origin().answer(5, "x");
    at.run();
    CHECK(next->body == "x");
    CHECK_FALSE(at.bench.origin[0]->closed());
    at.bench.loop.advance(milliseconds(5'100));
    CHECK(at.bench.origin[0]->closed());
  }
}

TEST_CASE("http2: deadlines and cancellation reset the stream alone", "[upstream][http2]") {
  Http2Bench at;
  auto other = at.begin();
  auto get = at.begin();
  SECTION("no head in time") {
    at.bench.loop.advance(milliseconds(1900));
    CHECK_FALSE(get->done());
    at.origin().answer(1, "other");
    at.bench.loop.advance(milliseconds(200));
    CHECK(get->error.code == Errc::UpstreamTimeout);
  }
  SECTION("a body that stalls") {
    at.origin().send_head(3, {{":status", "200"}});
    at.origin().send(FrameType::Data, 0, 3, "x");
    at.origin().answer(1, "other");
    at.run();
    at.bench.loop.advance(milliseconds(2900));
    CHECK_FALSE(get->done());
    at.bench.loop.advance(milliseconds(200));
    CHECK(get->error.code == Errc::UpstreamTimeout);
    CHECK(get->body == "x");
  }
  SECTION("the client leaves") {
    get->exchange.client_gone = true;
    get->exchange.cancel_all();
    CHECK(get->error.code == Errc::Cancelled);
    at.origin().answer(1, "other");
  }
  at.run();
  const auto resets = at.origin().of(FrameType::RstStream, 3);
  REQUIRE(resets.size() == 1);
  CHECK(resets[0].number() == 8);
  CHECK(other->body == "other");
  CHECK_FALSE(at.bench.origin[0]->closed());
}

TEST_CASE("http2: an answer is not idle while the request moves", "[upstream][http2]") {
  Http2Bench at;
  PushedBody body;
  auto post = at.begin("POST", &body);
  at.origin().send_head(1, {{":status", "200"}});
  at.run();
  for (int i = 0; i < 4; ++i) {
    body.push("x", false);
    at.bench.loop.advance(milliseconds(2900));
    REQUIRE_FALSE(post->done());
  }
  at.bench.loop.advance(milliseconds(200));
  CHECK(post->error.code == Errc::UpstreamTimeout);
}

TEST_CASE("http2: the death of the connection fails its streams", "[upstream][http2]") {
  Http2Bench at;
  auto first = at.begin();
  at.origin().answer(1, "ok");
  at.run();
  auto waiting = at.begin("POST");
  auto reading = at.begin();
  at.origin().send_head(5, {{":status", "200"}});
  at.origin().send(FrameType::Data, 0, 5, "half");
  at.run();
  const bool by_reset = GENERATE(false, true);
  if (by_reset) {
    at.bench.origin[0]->reset();
  } else {
    at.bench.origin[0]->close();
  }
  at.run();
  CHECK(waiting->error.code == Errc::UpstreamClosed);
  CHECK(waiting->error.retry == Retry::Reused);
  CHECK(reading->error.code == Errc::PeerClosed);
  CHECK(at.bench.connector.attempts == 1);
  auto next = at.begin();
  CHECK(at.bench.connector.attempts == 2);
  at.origin(1).answer(1, "next");
  at.run();
  CHECK(next->body == "next");
}

TEST_CASE("http2: an idempotent request survives a connection that dies", "[upstream][http2]") {
  Http2Bench at;
  auto first = at.begin();
  at.origin().answer(1, "ok");
  at.run();
  auto second = at.begin();
  at.bench.origin[0]->close();
  at.run();
  REQUIRE(at.origins.size() == 2);
  at.origin(1).answer(1, "again");
  at.run();
  CHECK(second->body == "again");
}

TEST_CASE("http2: an idle connection says good-bye", "[upstream][http2]") {
  UpstreamConfig config = http2_config();
  config.limits.idle_timeout_ms = 5'000;
  Http2Bench at(config);
  auto get = at.begin();
  at.origin().answer(1, "ok");
  at.run();
  at.bench.loop.advance(milliseconds(4'900));
  CHECK_FALSE(at.bench.origin[0]->closed());
  at.bench.loop.advance(milliseconds(200));
  CHECK(at.origin().of(FrameType::GoAway).size() == 1);
  CHECK(at.bench.origin[0]->closed());
  CHECK(at.bench.pool->config().state->connections.taken() == 0);
}

TEST_CASE("http2: answers that break the rules", "[upstream][http2]") {
  Http2Bench at;
  auto get = at.begin();
  Http2Origin& origin = at.origin();
  bool connection_lives = true;
  SECTION("HTTP/1 in place of HTTP/2 [3.4]") {
    at.bench.origin[0]->send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    connection_lives = false;
  }
  SECTION("a field of the hop [8.2.2]") {
    origin.send_head(1, {{":status", "200"}, {"connection", "close"}}, kEndHeaders | kEndStream);
  }
  SECTION("names in upper case [8.2.1]") {
    origin.send_head(1, {{":status", "200"}, {"X-Upper", "1"}}, kEndHeaders | kEndStream);
  }
  SECTION("no status [8.3.2]") { origin.send_head(1, {{"a", "b"}}, kEndHeaders | kEndStream); }
  SECTION("more than its length says [8.1.1]") {
    origin.send_head(1, {{":status", "200"}, {"content-length", "3"}});
    origin.send(FrameType::Data, kEndStream, 1, "four");
  }
  SECTION("less than its length says [8.1.1]") {
    origin.send_head(1, {{":status", "200"}, {"content-length", "5"}});
    origin.send(FrameType::Data, kEndStream, 1, "four");
  }
  SECTION("DATA before HEADERS [8.1]") {
    origin.send(FrameType::Data, 0, 1, "x");
    connection_lives = false;
  }
  SECTION("a push [8.4]") {
    origin.send(FrameType::PushPromise, kEndHeaders, 1, std::string("\0\0\0\2\x88", 5));
    connection_lives = false;
  }
  SECTION("a frame that is too large [4.2]") {
    origin.send(FrameType::Data, 0, 1, std::string(16'385, 'x'));
    connection_lives = false;
  }
  SECTION("a stream that was never opened [5.1.1]") {
    origin.send_head(9, {{":status", "200"}}, kEndHeaders | kEndStream);
    connection_lives = false;
  }
  SECTION("HPACK that cannot be read [4.3]") {
    origin.send(FrameType::Headers, kEndHeaders, 1, "\xff\xff\xff\xff\xff\xff\xff\xff\xff");
    connection_lives = false;
  }
  SECTION("too many fields") {
    Fields fields = {{":status", "200"}};
    for (int i = 0; i < 120; ++i) fields.emplace_back("x", std::to_string(i));
    origin.send_head(1, fields, kEndHeaders | kEndStream);
  }
  SECTION("a head too large") {
    Fields fields = {{":status", "200"}};
    for (int i = 0; i < 9; ++i) fields.emplace_back("x", std::string(8'000, 'a'));
    origin.send_head(1, fields, kEndHeaders | kEndStream);
  }
  SECTION("1xx without end") {
    for (int i = 0; i < 17; ++i) origin.send_head(1, {{":status", "102"}});
  }
  SECTION("window beyond its end [6.9.1]") { origin.window(1, 0x7fffffff); }
  at.run();
  CHECK(get->done());
  // Which of them is a matter of who noticed; none is an answer.
  CHECK((get->error.code == Errc::UpstreamInvalid || get->error.code == Errc::UpstreamClosed ||
         get->error.code == Errc::PeerClosed));
  CHECK_FALSE(get->complete);
  CHECK(at.bench.origin[0]->closed() != connection_lives);
}

TEST_CASE("http2: floods of frames cost the target its connection", "[upstream][http2]") {
  Http2Bench at;
  auto get = at.begin();
  Http2Origin& origin = at.origin();
  at.on_frames = [](Http2Origin& self) { self.frames.clear(); };
  origin.send_head(1, {{":status", "200"}});
  const int kind = GENERATE(0, 1, 2, 3, 4);
  CAPTURE(kind);
  for (int i = 0; i < 30'000 && !at.bench.origin[0]->closed(); ++i) {
    if (kind == 0) origin.send(FrameType::Ping, 0, 0, "12345678");
    if (kind == 1) origin.send_settings();
    if (kind == 2) origin.send(FrameType::Data, 0, 1);
    if (kind == 3) origin.send(static_cast<FrameType>(0x55), 0, 0, std::string(64, 'x'));
    if (kind == 4) origin.window(0, 1);
    if (i % 50 == 0) at.run();
  }
  at.run();
  CHECK(at.bench.origin[0]->closed());
  CHECK(get->done());
  CHECK_FALSE(get->complete);
}

TEST_CASE("http2: any read or write may fail", "[upstream][http2]") {
  for (u64 nth = 1; nth < 80; ++nth) {
    CAPTURE(nth);
    net::FaultPlan faults;  // outlives the last write of the bench
    Http2Bench at;
    faults.countdown = nth;
    faults.error = 104;
    at.bench.connector.faults = &faults;
    at.on_frames = [](Http2Origin& origin) {
      for (const Frame& head : origin.of(FrameType::Headers)) origin.answer(head.stream, "x");
      origin.frames.clear();
    };
    http::MemoryBody body(as_bytes("12345"));
    auto get = at.begin();
    auto post = at.begin("POST", &body);
    at.bench.loop.advance(milliseconds(5'000));
    CHECK(get->done());
    CHECK(post->done());
    CHECK((get->complete || get->error.code != Errc::None));
    CHECK((post->complete || post->error.code != Errc::None));
    if (!faults.hit) return;
  }
  FAIL("more operations than two requests have");
}
