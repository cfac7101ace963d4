// Sending once more: when it is safe, how often, after what pause, within what budget.
#include "runtime/upstream/retry.h"

#include <catch2/catch.hpp>

#include "runtime/policies/settings/record.h"
#include "runtime/upstream/testing/fetch_bench.h"

using namespace gw;
using namespace gw::upstream;
using namespace gw::upstream::testing;
using policies::RetryCauseRecord;
using policies::RetryWord;
using std::chrono::milliseconds;
using Outcome = MemoryConnector::Outcome;

namespace {

constexpr RetryCauseRecord word(RetryWord cause) {
  return {
      .kind = policies::kRetryOnWord, .status = 0, .word = static_cast<u32>(cause), .reserved = 0};
}
constexpr RetryCauseRecord status(u32 code) {
  return {.kind = policies::kRetryOnStatus, .status = code, .word = 0, .reserved = 0};
}

const std::vector<RetryCauseRecord> kAll = {word(RetryWord::Connect), word(RetryWord::Reset),
                                            word(RetryWord::Refused), word(RetryWord::Timeout),
                                            status(503)};

// A fetch with retries, started; the time stands still.
std::unique_ptr<Fetching> fetch(FetchBench& bench, u32 times, const char* method = "GET",
                                http::BodySource* body = nullptr,
                                const std::vector<RetryCauseRecord>& causes = kAll) {
  auto fetching = std::make_unique<Fetching>(bench, method);
  fetching->options.retry_times = times;
  fetching->options.retry_causes = causes.data();
  fetching->options.retry_cause_count = static_cast<u32>(causes.size());
  fetching->options.deadline = bench.loop.now() + std::chrono::seconds(10);
  fetching->start(body);
  return fetching;
}

// Lets pauses pass until the fetch has ended.
void finish(FetchBench& bench, Fetching& fetching) {
  for (int i = 0; i < 1000 && !fetching.done(); ++i) bench.loop.advance(milliseconds(16));
  REQUIRE(fetching.done());
}

UpstreamConfig without_idle(size_t targets) {
  UpstreamConfig config = config_of(targets);
  config.limits.idle_connections = 0;
  return config;
}

// A body that comes in pieces: it cannot be sent again, nor has it come with the head.
struct StreamedBody final : http::BodySource {
  explicit StreamedBody(std::string body_text) : text(std::move(body_text)) {}
  Task<Result<http::BodyChunk>> next(size_t) override {
    ++reads;
    http::BodyChunk chunk;
    chunk.bytes = as_bytes(text);
    chunk.end = true;
    co_return chunk;
  }
  u64 remaining_bytes() const override { return text.size(); }
  std::string text;
  int reads = 0;
};

}  // namespace

TEST_CASE("retry: no connection is tried again at another target, whatever the method",
          "[upstream][retry]") {
  const char* method = GENERATE("GET", "POST");
  FetchBench bench(without_idle(2));
  bench.connector.script = {Outcome::Refuse};
  auto fetching = fetch(bench, 1, method);
  finish(bench, *fetching);
  CHECK(fetching->status == 200);
  CHECK(bench.connector.targets == std::vector<std::string>{"t0:80", "t1:80"});
  REQUIRE(fetching->exchange.try_count == 2);
  CHECK(fetching->exchange.tries[0].error == Errc::ConnectFailed);
  CHECK(fetching->exchange.tries[1].status == 200);
  CHECK(bench.pool->config().state->requests.taken() == 0);
}

TEST_CASE("retry: without a connection a streamed body is still whole", "[upstream][retry]") {
  FetchBench bench(without_idle(2));
  StreamedBody body("abc");
  bench.connector.script = {Outcome::Refuse};
  auto fetching = std::make_unique<Fetching>(bench, "POST");
  fetching->exchange.request.framing = http::Framing::Length;
  fetching->exchange.request.content_length = 3;
  fetching->options.retry_times = 1;
  fetching->start(&body);
  finish(bench, *fetching);
  CHECK(fetching->status == 200);
  CHECK(body.reads == 1);
}

TEST_CASE("retry: a connection that is reset before an answer", "[upstream][retry]") {
  struct Case {
    const char* method;
    bool replay_safe;
    bool answer_begun;
    u32 attempts;
  };
  const Case given = GENERATE(Case{"GET", true, false, 2}, Case{"POST", false, false, 1},
                              Case{"POST", true, false, 2}, Case{"GET", true, true, 1});
  CAPTURE(given.method, given.replay_safe, given.answer_begun);
  FetchBench bench(without_idle(2));
  bench.on_request = [&](net::MemoryPeer& peer, size_t connection) {
    peer.take();
    if (connection > 0) {
      peer.send(bench.answer);
    } else if (given.answer_begun) {
      peer.send_and_close("HTTP/1.1 2");
    } else {
      peer.reset();
    }
  };
  auto fetching = std::make_unique<Fetching>(bench, given.method);
  fetching->options.retry_times = 1;
  fetching->options.replay_safe = given.replay_safe;
  fetching->start(nullptr);
  finish(bench, *fetching);
  CHECK(bench.connector.attempts == given.attempts);
  CHECK(fetching->status == (given.attempts == 2 ? 200 : 0));
}

TEST_CASE("retry: a body that has been streamed is not sent twice; one that was kept is",
          "[upstream][retry]") {
  struct Case {
    u64 buffer;
    u64 announced;
    bool again;
  };
  const Case given = GENERATE(Case{0, 3, false}, Case{2, 3, false}, Case{3, 3, true});
  CAPTURE(given.buffer);
  FetchBench bench(without_idle(2));
  std::vector<std::string> seen;
  bench.on_request = [&](net::MemoryPeer& peer, size_t connection) {
    if (!peer.received().ends_with("abc")) return;
    seen.push_back(peer.take());
    if (connection == 0) {
      peer.reset();
    } else {
      peer.send(bench.answer);
    }
  };
  StreamedBody body("abc");
  auto fetching = std::make_unique<Fetching>(bench, "PUT");
  fetching->exchange.request.framing = http::Framing::Length;
  fetching->exchange.request.content_length = given.announced;
  fetching->options.retry_times = 1;
  fetching->options.retry_buffer_bytes = given.buffer;
  fetching->start(&body);
  finish(bench, *fetching);
  CHECK(fetching->status == (given.again ? 200 : 0));
  CHECK(seen.size() == (given.again ? 2 : 1));
  CHECK(body.reads == 1);
}

TEST_CASE("retry: a chosen status, with the answer thrown away", "[upstream][retry]") {
  FetchBench bench(config_of(1));
  int requests = 0;
  bench.on_request = [&](net::MemoryPeer& peer, size_t) {
    peer.take();
    peer.send(++requests < 3 ? "HTTP/1.1 503 No\r\nx-try: bad\r\nContent-Length: 4\r\n\r\nbusy"
                             : bench.answer);
  };
  auto fetching = fetch(bench, 2);
  finish(bench, *fetching);
  CHECK(fetching->status == 200);
  CHECK(fetching->body == "ok");
  CHECK(requests == 3);
  CHECK(bench.connector.attempts == 1);  // short answers leave the connection usable
  // The last answer stands when there are no tries left.
  requests = 0;
  auto given_up = fetch(bench, 1);
  finish(bench, *given_up);
  CHECK(given_up->status == 503);
  CHECK(given_up->body == "busy");
  // Not for methods that must not be repeated, nor for other statuses.
  requests = 0;
  CHECK(fetch(bench, 2, "POST")->status == 503);
  CHECK(requests == 1);
  requests = 0;
  const std::vector<RetryCauseRecord> other = {status(502)};
  CHECK(fetch(bench, 2, "GET", nullptr, other)->status == 503);
  CHECK(requests == 1);
}

namespace {

// When each request came, in ms from the first; the first `refusals` are answered 503, `asked`
// being the value of their Retry-After.
struct Refusals {
  Refusals(size_t targets, int refusals, std::string asked, u32 backoff_ms, u32 times = 1)
      : bench(config_of(targets)) {
    bench.loop.set_unix_ms(784'111'777'000);  // Sun, 06 Nov 1994 08:49:37 GMT
    bench.on_request = [this, refusals, asked](net::MemoryPeer& peer, size_t) {
      peer.take();
      came.push_back(bench.loop.now());
      const bool refused = came.size() <= static_cast<size_t>(refusals);
      peer.send(refused ? "HTTP/1.1 503 No\r\nRetry-After: " + asked +
                              "\r\nContent-Length: 4\r\n\r\nbusy"
                        : bench.answer);
    };
    fetching = std::make_unique<Fetching>(bench, "GET");
    fetching->options.retry_times = times;
    fetching->options.retry_causes = kAll.data();
    fetching->options.retry_cause_count = static_cast<u32>(kAll.size());
    fetching->options.retry_backoff_ms = backoff_ms;
    fetching->options.deadline = bench.loop.now() + std::chrono::seconds(10);
  }
  i64 after_ms(size_t request) const {
    return std::chrono::duration_cast<milliseconds>(came.at(request) - came.at(0)).count();
  }
  FetchBench bench;
  std::vector<net::TimePoint> came;
  std::unique_ptr<Fetching> fetching;
};

}  // namespace

TEST_CASE("retry: the same target is not asked before the time that it has named",
          "[upstream][retry]") {
  struct Case {
    const char* asked;
    i64 least_ms;
  };
  const Case given = GENERATE(Case{"3", 3'000}, Case{"Sun, 06 Nov 1994 08:49:41 GMT", 4'000});
  CAPTURE(given.asked);
  Refusals test(1, 1, given.asked, 500);
  test.fetching->start(nullptr);
  test.bench.loop.advance(milliseconds(given.least_ms - 32));
  CHECK(test.came.size() == 1);
  finish(test.bench, *test.fetching);
  CHECK(test.fetching->status == 200);
  REQUIRE(test.came.size() == 2);
  CHECK(test.after_ms(1) >= given.least_ms);
  CHECK(test.after_ms(1) <= given.least_ms + 48);
}

TEST_CASE("retry: what has passed or cannot be read asks for no wait", "[upstream][retry]") {
  const char* asked = GENERATE("0", "Sun, 06 Nov 1994 08:49:30 GMT", "soon", "-1", "");
  CAPTURE(asked);
  Refusals test(1, 1, asked, 25);
  test.fetching->start(nullptr);
  test.bench.loop.advance(milliseconds(64));
  CHECK(test.fetching->status == 200);
  CHECK(test.came.size() == 2);
}

TEST_CASE("retry: who would have to wait too long passes the answer on", "[upstream][retry]") {
  SECTION("longer than any pause") {
    // The last of them is further than a TimePoint can tell.
    Refusals test(1, 1, GENERATE("3", "3000000000", "Fri, 31 Dec 9999 23:59:59 GMT"), 299);
    test.fetching->start(nullptr);
    CHECK(test.fetching->done());  // at once
    CHECK(test.fetching->status == 503);
    CHECK(test.fetching->body == "busy");
    CHECK(test.came.size() == 1);
  }
  SECTION("past the end of the request") {
    Refusals test(1, 1, "3", 1'000);
    test.fetching->options.deadline = test.bench.loop.now() + milliseconds(2'900);
    test.fetching->start(nullptr);
    CHECK(test.fetching->done());
    CHECK(test.fetching->status == 503);
    CHECK(test.fetching->body == "busy");
  }
  SECTION("without a permit being spent") {
    Refusals test(1, 1, "3", 25);
    for (u32 i = 1; i < RetryBudget::kAlwaysAllowed; ++i) REQUIRE(test.bench.pool->may_retry(0));
    test.fetching->start(nullptr);
    CHECK(test.fetching->status == 503);
    CHECK(test.bench.pool->may_retry(0));
  }
}

TEST_CASE("retry: another target is asked at once, whatever the first has named",
          "[upstream][retry]") {
  Refusals test(2, 1, "3600", 25);
  test.fetching->start(nullptr);
  test.bench.loop.advance(milliseconds(64));
  CHECK(test.fetching->status == 200);
  CHECK(test.bench.connector.targets == std::vector<std::string>{"t0:80", "t1:80"});
}

TEST_CASE("retry: when all have refused, the time that any has named holds", "[upstream][retry]") {
  SECTION("within the pauses") {
    Refusals test(2, 2, "2", 300, 3);
    test.fetching->start(nullptr);
    finish(test.bench, *test.fetching);
    CHECK(test.fetching->status == 200);
    REQUIRE(test.came.size() == 3);
    CHECK(test.after_ms(1) <= 300 + 32);
    CHECK(test.after_ms(2) >= 2'000);
  }
  SECTION("beyond them") {
    Refusals test(2, 2, "60", 25, 3);
    test.fetching->start(nullptr);
    finish(test.bench, *test.fetching);
    CHECK(test.fetching->status == 503);
    CHECK(test.came.size() == 2);
  }
}

TEST_CASE("retry: no answer in time, when that is a cause", "[upstream][retry]") {
  const bool is_cause = GENERATE(false, true);
  FetchBench bench(without_idle(2));
  bench.on_request = [&](net::MemoryPeer& peer, size_t connection) {
    peer.take();
    if (connection > 0) peer.send(bench.answer);
  };
  const std::vector<RetryCauseRecord> none;
  auto fetching = fetch(bench, 1, "GET", nullptr, is_cause ? kAll : none);
  finish(bench, *fetching);
  CHECK(fetching->status == (is_cause ? 200 : 0));
  CHECK(bench.connector.attempts == (is_cause ? 2 : 1));
  if (!is_cause) CHECK(fetching->error.code == Errc::UpstreamTimeout);
}

TEST_CASE("retry: the deadline of the whole ends it", "[upstream][retry]") {
  FetchBench bench(without_idle(1));
  bench.connector.script.assign(100, Outcome::Refuse);
  auto fetching = std::make_unique<Fetching>(bench, "GET");
  fetching->options.retry_times = 7;
  fetching->options.retry_backoff_ms = 60'000;
  fetching->options.deadline = bench.loop.now() + milliseconds(500);
  fetching->start(nullptr);
  bench.loop.advance(milliseconds(520));
  CHECK(fetching->done());
  CHECK(fetching->error.code == Errc::ConnectFailed);
}

TEST_CASE("retry: a client that leaves during the pause is not waited for", "[upstream][retry]") {
  FetchBench bench(without_idle(1));
  bench.connector.script.assign(100, Outcome::Refuse);
  auto fetching = std::make_unique<Fetching>(bench, "GET");
  fetching->options.retry_times = 7;
  fetching->options.retry_backoff_ms = 2'000;
  fetching->start(nullptr);
  REQUIRE_FALSE(fetching->done());
  const u32 attempts = bench.connector.attempts;
  fetching->exchange.client_gone = true;
  finish(bench, *fetching);
  CHECK(fetching->error.code == Errc::Cancelled);
  CHECK(bench.connector.attempts == attempts);
}

TEST_CASE("retry: the pause doubles up to ten times the first, with full jitter",
          "[upstream][retry]") {
  struct SeededRandom final : Random {
    u64 next() override { return source.next(); }
    Xoshiro source{3};
  } random;
  FetchOptions options;
  const i64 most[] = {25, 50, 100, 200, 250, 250};
  for (u32 number = 0; number < 6; ++number) {
    i64 least_seen = 1000;
    i64 most_seen = 0;
    for (int i = 0; i < 5000; ++i) {
      const i64 pause = pause_before(options, number, random).count();
      least_seen = std::min(least_seen, pause);
      most_seen = std::max(most_seen, pause);
    }
    CHECK(least_seen == 0);
    CHECK(most_seen == most[number]);
  }
  options.retry_backoff_ms = 0;
  CHECK(pause_before(options, 40, random).count() == 0);
}

TEST_CASE("retry: the budget is a share of the requests of ten seconds, and a hundred at least",
          "[upstream][retry]") {
  i64 now_ms = 1'000'000;
  RetryBudget budget;
  const auto taken = [&](u32 budget_bp) {
    u32 count = 0;
    while (count < 5'000 && budget.take(budget_bp, now_ms)) ++count;
    return count;
  };
  CHECK(taken(2'000) == 100);
  budget.add_requests(2'000, now_ms);
  CHECK(taken(2'000) == 300);  // 400 of 2,000
  CHECK(taken(0) == 0);
  now_ms += 9'000;
  CHECK(taken(2'000) == 0);
  budget.add_requests(1'000, now_ms);
  CHECK(taken(2'000) == 200);
  // What is older has left the window, requests and repetitions alike.
  now_ms += 1'000;
  CHECK(taken(2'000) == 0);
  now_ms += 9'000;
  CHECK(taken(2'000) == 100);
}

TEST_CASE("retry: a failing upstream is not buried in repetitions", "[upstream][retry]") {
  UpstreamConfig config = without_idle(1);
  config.limits.requests = 0;
  FetchBench bench(config);
  bench.connector.script.assign(10'000, Outcome::Refuse);
  std::vector<std::unique_ptr<Fetching>> all;
  for (int i = 0; i < 1'000; ++i) {
    auto fetching = std::make_unique<Fetching>(bench, "GET");
    fetching->options.retry_times = 3;
    fetching->start(nullptr);
    all.push_back(std::move(fetching));
  }
  for (int i = 0; i < 200; ++i) bench.loop.advance(milliseconds(16));
  for (auto& fetching : all) CHECK(fetching->error.code == Errc::ConnectFailed);
  CHECK(bench.connector.attempts == 1'200);
}

TEST_CASE("retry: a connection that had grown stale costs no permit and no try",
          "[upstream][retry]") {
  FetchBench bench(config_of(1));
  CHECK(fetch(bench, 0)->status == 200);
  while (bench.pool->may_retry(2'000)) {
  }  // the budget is spent
  size_t requests = 0;
  bench.on_request = [&](net::MemoryPeer& peer, size_t connection) {
    peer.take();
    ++requests;
    if (connection == 0) {
      peer.reset();
    } else {
      peer.send(bench.answer);
    }
  };
  CHECK(fetch(bench, 1)->status == 200);
  CHECK(requests == 2);
}
