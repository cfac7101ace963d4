// Whether a silent target is still there: PING on connections with streams [RFC 9113, 6.7].
#include <catch2/catch.hpp>

#include "runtime/upstream/testing/http2_bench.h"

using namespace gw;
using namespace gw::upstream;
using namespace gw::upstream::testing;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

// A fetch that has all the time in the world, or `limit`.
std::unique_ptr<Fetching> begin(Http2Bench& at, milliseconds limit = minutes(60)) {
  auto fetching = std::make_unique<Fetching>(at.bench, "GET");
  fetching->options.deadline = at.bench.loop.now() + limit;
  fetching->options.try_timeout_ms = 0;
  fetching->options.idle_timeout_ms = 0;
  fetching->start(nullptr);
  return fetching;
}

size_t pings(const Http2Origin& origin) {
  size_t count = 0;
  for (const Frame& frame : origin.of(FrameType::Ping)) count += frame.flags != kAck ? 1U : 0U;
  return count;
}

// Answers each PING, as a target does that is there.
void answer_pings(Http2Bench& at) {
  at.on_frames = [answered = size_t{0}](Http2Origin& origin) mutable {
    const auto all = origin.of(FrameType::Ping);
    for (; answered < all.size(); ++answered) {
      origin.send(FrameType::Ping, kAck, 0, all[answered].payload);
    }
  };
}

// A tick of the timer wheel may pass before a deadline is noticed.
constexpr milliseconds kTick{20};

}  // namespace

TEST_CASE("ping: a target that has vanished fails its streams", "[upstream][http2][ping]") {
  Http2Bench at;
  auto one = begin(at);
  auto two = begin(at);
  at.bench.loop.advance(milliseconds(9'900));
  CHECK(pings(at.origin()) == 0);
  at.bench.loop.advance(milliseconds(100) + kTick);
  CHECK(pings(at.origin()) == 1);
  at.bench.loop.advance(milliseconds(4'900));
  CHECK_FALSE(one->done());
  at.bench.loop.advance(milliseconds(100) + kTick);
  CHECK(one->error.code == Errc::UpstreamClosed);
  CHECK(two->error.code == Errc::UpstreamClosed);
  CHECK(at.bench.origin[0]->closed());
  CHECK(at.bench.pool->config().state->connections.taken() == 0);
  // The next request connects anew.
  auto three = begin(at);
  REQUIRE(at.origins.size() == 2);
  at.origin(1).answer(1, "ok");
  at.run();
  CHECK(three->body == "ok");
}

TEST_CASE("ping: an idempotent request goes to another target", "[upstream][http2][ping]") {
  UpstreamConfig config = config_of(2);
  config.protocol = Protocol::Http2;
  Http2Bench at(config);
  auto fetching = std::make_unique<Fetching>(at.bench, "GET");
  fetching->options.deadline = at.bench.loop.now() + minutes(1);
  fetching->options.try_timeout_ms = 0;
  fetching->options.retry_times = 1;
  fetching->options.replay_safe = true;
  fetching->start(nullptr);
  REQUIRE(at.origins.size() == 1);
  at.bench.loop.advance(seconds(16));
  REQUIRE(at.origins.size() == 2);
  at.origin(1).answer(1, "from the other");
  at.run();
  CHECK(fetching->body == "from the other");
}

TEST_CASE("ping: an answered one is not repeated for five minutes", "[upstream][http2][ping]") {
  Http2Bench at;
  answer_pings(at);
  auto get = begin(at);
  at.bench.loop.advance(seconds(11));
  CHECK(pings(at.origin()) == 1);
  // gRPC servers leave at the third that comes sooner.
  at.bench.loop.advance(minutes(5) - seconds(2));
  CHECK(pings(at.origin()) == 1);
  at.bench.loop.advance(seconds(3));
  CHECK(pings(at.origin()) == 2);
  at.bench.loop.advance(minutes(20));
  CHECK(pings(at.origin()) == 6);
  CHECK_FALSE(get->done());
  at.origin().answer(1, "late");
  at.run();
  CHECK(get->body == "late");
}

TEST_CASE("ping: what comes of an answer permits the next one", "[upstream][http2][ping]") {
  Http2Bench at;
  answer_pings(at);
  auto get = begin(at);
  at.bench.loop.advance(seconds(11));
  REQUIRE(pings(at.origin()) == 1);
  at.origin().send_head(1, {{":status", "200"}});
  at.run();
  at.bench.loop.advance(milliseconds(9'900));
  CHECK(pings(at.origin()) == 1);
  at.bench.loop.advance(milliseconds(200));
  CHECK(pings(at.origin()) == 2);
  at.origin().send(FrameType::Data, kEndStream, 1, "x");
  at.run();
  CHECK(get->body == "x");
}

TEST_CASE("ping: any byte is a sign of life", "[upstream][http2][ping]") {
  Http2Bench at;
  auto get = begin(at);
  for (int i = 0; i < 20; ++i) {
    at.bench.loop.advance(seconds(9));
    at.origin().window(0, 1);
    at.run();
  }
  CHECK(pings(at.origin()) == 0);
  // Also in place of the answer to a PING.
  at.bench.loop.advance(seconds(11));
  REQUIRE(pings(at.origin()) == 1);
  at.origin().window(0, 1);
  at.bench.loop.advance(seconds(20));
  CHECK_FALSE(get->done());
  at.origin().answer(1, "late");
  at.run();
  CHECK(get->body == "late");
}

TEST_CASE("ping: nobody asks on a connection without streams", "[upstream][http2][ping]") {
  UpstreamConfig config = http2_config();
  config.limits.idle_timeout_ms = 3'600'000;
  Http2Bench at(config);
  auto get = begin(at);
  at.origin().answer(1, "ok");
  at.run();
  REQUIRE(get->body == "ok");
  at.bench.loop.advance(minutes(50));
  CHECK(pings(at.origin()) == 0);
  // Its silence before a request does not count.
  auto next = begin(at);
  REQUIRE(at.origins.size() == 1);
  at.bench.loop.advance(milliseconds(9'900));
  CHECK(pings(at.origin()) == 0);
  at.bench.loop.advance(milliseconds(200));
  CHECK(pings(at.origin()) == 1);
  at.origin().answer(3, "again");
  at.run();
  CHECK(next->body == "again");
}

TEST_CASE("ping: short deadlines add up to one silence", "[upstream][http2][ping]") {
  Http2Bench at;
  // Its SETTINGS have come after the first of them, so the silence begins with the second.
  for (int i = 0; i < 3; ++i) {
    auto get = begin(at, seconds(4));
    at.bench.loop.advance(milliseconds(4'500));
    CHECK(get->error.code == Errc::UpstreamTimeout);
  }
  CHECK(at.origins.size() == 1);
  auto last = begin(at, seconds(4));
  at.bench.loop.advance(seconds(2));
  CHECK(pings(at.origin()) == 1);
  // The answer is due whether a stream waits or not.
  at.bench.loop.advance(seconds(5));
  CHECK(last->done());
  CHECK(at.bench.origin[0]->closed());
}

TEST_CASE("ping: switched off", "[upstream][http2][ping]") {
  UpstreamConfig config = http2_config();
  config.limits.ping_ms = 0;
  Http2Bench at(config);
  auto get = begin(at);
  at.bench.loop.advance(minutes(30));
  CHECK(pings(at.origin()) == 0);
  CHECK_FALSE(get->done());
  at.origin().answer(1, "ok");
  at.run();
  CHECK(get->body == "ok");
}
