// The circuit breaker, on a clock that is a number.
#include "runtime/upstream/breaker.h"

#include <catch2/catch.hpp>
#include <thread>
#include <vector>

using namespace gw;
using namespace gw::upstream;
using Pass = Breaker::Pass;
using Result = Breaker::Result;
using Change = Breaker::Change;

namespace {

struct Bench {
  Breaker breaker;
  BreakerOptions options{
      .failures_bp = 5'000, .requests = 10, .window_ms = 10'000, .open_ms = 3'000, .probes = 2};
  i64 now = 1'000'000;

  Change pass_through(Result result) {
    const Breaker::Entry entry = breaker.enter(options, now);
    REQUIRE(entry.pass != Pass::Refused);
    return breaker.leave(options, entry.pass, result, now);
  }
  // The last change of `count` tries of one kind.
  Change repeat(u32 count, Result result) {
    Change last = Change::None;
    for (u32 i = 0; i < count; ++i) last = pass_through(result);
    return last;
  }
  void open_it() {
    repeat(9, Result::Failure);
    REQUIRE(pass_through(Result::Failure) == Change::Opened);
  }
};

}  // namespace

TEST_CASE("breaker: opens at its share of failures, not with fewer tries than enough",
          "[upstream][breaker]") {
  Bench bench;
  CHECK(bench.repeat(9, Result::Failure) == Change::None);
  CHECK(bench.pass_through(Result::Failure) == Change::Opened);
  CHECK(bench.breaker.is_open(bench.now));

  Bench mixed;
  mixed.repeat(10, Result::Success);
  CHECK(mixed.repeat(9, Result::Failure) == Change::None);
  CHECK(mixed.pass_through(Result::Failure) == Change::Opened);
}

TEST_CASE("breaker: what says nothing of the upstream does not count", "[upstream][breaker]") {
  Bench bench;
  bench.repeat(100, Result::Neither);
  CHECK(bench.repeat(9, Result::Failure) == Change::None);
  CHECK(bench.pass_through(Result::Failure) == Change::Opened);
}

TEST_CASE("breaker: only the window counts", "[upstream][breaker]") {
  Bench bench;
  bench.repeat(9, Result::Failure);
  bench.now += 11'000;
  CHECK(bench.repeat(9, Result::Failure) == Change::None);
  // Nine tenths later the nine still count, ten tenths later they do not.
  bench.now += 9'000;
  CHECK(bench.pass_through(Result::Failure) == Change::Opened);
}

TEST_CASE("breaker: refuses while open and says for how long", "[upstream][breaker]") {
  Bench bench;
  bench.open_it();
  bench.now += 1'000;
  const Breaker::Entry entry = bench.breaker.enter(bench.options, bench.now);
  CHECK(entry.pass == Pass::Refused);
  CHECK(entry.retry_after_ms == 2'000);
}

TEST_CASE("breaker: what was under way when it opened is no news", "[upstream][breaker]") {
  Bench bench;
  const auto early = bench.breaker.enter(bench.options, bench.now);
  bench.open_it();
  CHECK(bench.breaker.leave(bench.options, early.pass, Result::Failure, bench.now) == Change::None);
}

TEST_CASE("breaker: half-open lets probes through, and closes when enough have succeeded",
          "[upstream][breaker]") {
  Bench bench;
  bench.open_it();
  bench.now += 3'000;
  const auto first = bench.breaker.enter(bench.options, bench.now);
  const auto second = bench.breaker.enter(bench.options, bench.now);
  CHECK(first.pass == Pass::Probe);
  CHECK(second.pass == Pass::Probe);
  CHECK(bench.breaker.enter(bench.options, bench.now).pass == Pass::Refused);
  CHECK(bench.breaker.leave(bench.options, Pass::Probe, Result::Success, bench.now) ==
        Change::None);
  CHECK(bench.breaker.leave(bench.options, Pass::Probe, Result::Success, bench.now) ==
        Change::Closed);
  CHECK(bench.breaker.enter(bench.options, bench.now).pass == Pass::Counted);
  // What went before is forgotten.
  CHECK(bench.repeat(9, Result::Failure) == Change::None);
}

TEST_CASE("breaker: a probe that fails opens it anew", "[upstream][breaker]") {
  Bench bench;
  bench.open_it();
  bench.now += 3'000;
  CHECK(bench.pass_through(Result::Success) == Change::None);
  CHECK(bench.pass_through(Result::Failure) == Change::Opened);
  bench.now += 2'999;
  CHECK(bench.breaker.enter(bench.options, bench.now).pass == Pass::Refused);
  bench.now += 1;
  // The success from before counts no more.
  CHECK(bench.pass_through(Result::Success) == Change::None);
  CHECK(bench.pass_through(Result::Success) == Change::Closed);
}

TEST_CASE("breaker: a probe whose client has left makes room for another", "[upstream][breaker]") {
  Bench bench;
  bench.options.probes = 1;
  bench.open_it();
  bench.now += 3'000;
  CHECK(bench.pass_through(Result::Neither) == Change::None);
  CHECK(bench.pass_through(Result::Success) == Change::Closed);
}

TEST_CASE("breaker: more tries than a counter holds keep their share", "[upstream][breaker]") {
  Bench bench;
  bench.options.failures_bp = 4'000;
  for (int i = 0; i < 50'000; ++i) {
    bench.repeat(2, Result::Success);
    REQUIRE(bench.pass_through(Result::Failure) == Change::None);
  }
  CHECK(bench.breaker.enter(bench.options, bench.now).pass == Pass::Counted);
}

TEST_CASE("breaker: opens once, whatever the number of threads", "[upstream][breaker]") {
  Bench bench;
  std::atomic<u32> opened{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1'000; ++i) {
        const auto entry = bench.breaker.enter(bench.options, bench.now);
        if (entry.pass == Pass::Refused) continue;
        if (bench.breaker.leave(bench.options, entry.pass, Result::Failure, bench.now) ==
            Change::Opened) {
          ++opened;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(opened == 1);
}
