#include "runtime/admin/history.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <memory>
#include <numeric>

using namespace gw;
using namespace gw::admin;

namespace {

// Two workers and a clock that is moved by hand.
struct Counted {
  std::array<std::unique_ptr<observe::WorkerCounters>, 2> workers{
      std::make_unique<observe::WorkerCounters>(), std::make_unique<observe::WorkerCounters>()};
  History history;
  i64 now_ms = 1'700'000'000'000;

  observe::OperationCounters& at(size_t worker, std::string_view name) {
    return workers[worker]->operations.take(name, 1'000'000).counts;
  }
  void serve(std::string_view name, u64 count, u64 microseconds = 1'000, u16 status = 200,
             size_t worker = 0) {
    auto& counts = at(worker, name);
    for (u64 i = 0; i < count; ++i) {
      counts.requests[static_cast<size_t>(observe::status_class_of(status))].add(1);
      counts.duration.add(microseconds);
    }
  }
  void sample() {
    now_ms += kSampleIntervalMs;
    const observe::WorkerCounters* all[] = {workers[0].get(), workers[1].get()};
    history.sample(now_ms, all);
  }
  const OperationHistory* find(std::string_view name) const {
    for (const OperationHistory* operation : history.operations()) {
      if (operation->name == name) return operation;
    }
    return nullptr;
  }
};

u64 total(const Sample& sample) {
  return std::accumulate(sample.requests.begin(), sample.requests.end(), u64{0});
}

constexpr auto kSuccess = static_cast<size_t>(observe::StatusClass::Success);
constexpr auto kServerError = static_cast<size_t>(observe::StatusClass::ServerError);

}  // namespace

TEST_CASE("history: a sample holds what has come since the one before", "[history]") {
  Counted counted;
  counted.serve("getUser", 10, 2'000);
  counted.serve("getUser", 4, 40'000, 503, 1);
  counted.at(1, "getUser").in_flight.add(3);
  counted.sample();
  counted.serve("getUser", 5);
  counted.sample();
  counted.sample();

  const SampleRing& whole = counted.history.whole();
  REQUIRE(whole.size() == 3);
  CHECK(whole[0].requests[kSuccess] == 10);
  CHECK(whole[0].requests[kServerError] == 4);
  CHECK(whole[0].in_flight == 3);
  CHECK(whole[0].p50_us <= 2'500);
  CHECK(whole[0].p99_us > 25'000);
  CHECK(total(whole[1]) == 5);
  CHECK(whole[1].p99_us <= 1'000);
  CHECK(total(whole[2]) == 0);
  CHECK(whole[2].p50_us == 0);
  CHECK(whole[2].in_flight == 3);
  CHECK(whole[1].unix_ms - whole[0].unix_ms == kSampleIntervalMs);
  // The operation has the same, and leaves nothing.
  REQUIRE(counted.find("getUser") != nullptr);
  CHECK(total(counted.find("getUser")->samples[0]) == 14);
  CHECK(counted.history.rest()[0].is_empty());
  CHECK(counted.history.rest()[2].is_empty());
}

TEST_CASE("history: upstreams, limits and the cache are of the whole", "[history]") {
  Counted counted;
  auto& upstream = counted.workers[0]->upstreams.take("users", 1).counts;
  upstream.tries[static_cast<size_t>(observe::TryOutcome::Answered)].add(7);
  upstream.answers[kServerError].add(2);
  upstream.tries[static_cast<size_t>(observe::TryOutcome::ConnectFailed)].add(3);
  upstream.tries[static_cast<size_t>(observe::TryOutcome::Cancelled)].add(1);
  counted.workers[1]->limits.take("scarce", 1).counts.refused.add(6);
  auto& cache = counted.at(0, "getUser").cache;
  cache[static_cast<size_t>(cache::Outcome::Hit)].add(4);
  cache[static_cast<size_t>(cache::Outcome::Stale)].add(1);
  cache[static_cast<size_t>(cache::Outcome::Miss)].add(2);
  cache[static_cast<size_t>(cache::Outcome::Bypass)].add(9);
  counted.sample();
  const Sample& sample = counted.history.whole().back();
  CHECK(sample.tries == 11);
  CHECK(sample.failed_tries == 5);
  CHECK(sample.refused == 6);
  CHECK(sample.cache_hits == 5);
  CHECK(sample.cache_misses == 2);
}

TEST_CASE("history: ten minutes are kept, the oldest first", "[history]") {
  Counted counted;
  for (u64 i = 0; i < kSamplesKept + 30; ++i) {
    counted.serve("one", i + 1);
    counted.sample();
  }
  const SampleRing& whole = counted.history.whole();
  REQUIRE(whole.size() == kSamplesKept);
  CHECK(total(whole[0]) == 31);
  CHECK(total(whole.back()) == kSamplesKept + 30);
  CHECK(whole.back().unix_ms - whole[0].unix_ms == i64{kSampleIntervalMs} * (kSamplesKept - 1));
}

TEST_CASE("history: the busiest operations have their own, the rest one together", "[history]") {
  Counted counted;
  for (u64 i = 0; i < 80; ++i) counted.serve("op" + std::to_string(i), 10 + i);
  counted.sample();
  CHECK(counted.history.operations().size() == kOperationsSampled);
  CHECK(counted.find("op79") != nullptr);
  CHECK(counted.find("op29") == nullptr);
  u64 rest = 0;
  for (u64 i = 0; i < 30; ++i) rest += 10 + i;
  CHECK(total(counted.history.rest().back()) == rest);

  SECTION("who becomes busy takes the place of the idlest") {
    counted.serve("op0", 1'000);
    counted.sample();
    REQUIRE(counted.find("op0") != nullptr);
    CHECK(counted.find("op30") == nullptr);
    CHECK(counted.history.operations().size() == kOperationsSampled);
    // What it had served before is not known, so that this sample is the rest's.
    CHECK(total(counted.history.rest().back()) == 1'000);
    counted.serve("op0", 7);
    counted.sample();
    CHECK(total(counted.find("op0")->samples.back()) == 7);
    CHECK(total(counted.history.rest().back()) == 0);
  }
  SECTION("who is about as busy does not") {
    for (int i = 0; i < 5; ++i) {
      for (u64 op = 0; op < 80; ++op) counted.serve("op" + std::to_string(op), 10 + op);
      counted.sample();
    }
    CHECK(counted.find("op30") != nullptr);
    CHECK(counted.find("op29") == nullptr);
  }
}

TEST_CASE("history: counters that were forgotten begin anew", "[history]") {
  Counted counted;
  counted.serve("gone", 100);
  counted.sample();
  counted.workers[0] = std::make_unique<observe::WorkerCounters>();
  counted.serve("gone", 3);
  counted.sample();
  CHECK(total(counted.history.whole().back()) == 0);
  counted.serve("gone", 2);
  counted.sample();
  CHECK(total(counted.history.whole().back()) == 2);
}

TEST_CASE("history: ten thousand operations are sampled quickly", "[history]") {
  Counted counted;
  for (size_t worker = 0; worker < 2; ++worker) {
    for (u64 i = 0; i < 10'000; ++i) {
      counted.serve("service.operation" + std::to_string(i), 1 + i % 7, 900, 200, worker);
    }
  }
  auto best = std::chrono::nanoseconds::max();
  for (int round = 0; round < 20; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    counted.sample();
    const std::chrono::nanoseconds took = std::chrono::steady_clock::now() - begin;
    if (round > 0) best = std::min(best, took);
  }
  CHECK(counted.history.operations().size() == kOperationsSampled);
  WARN("one sample of 10,000 operations on 2 workers: "
       << std::chrono::duration_cast<std::chrono::microseconds>(best).count() << " us");
  // Sanitizers and a busy machine take a multiple of the 5 ms that it may take in a release.
  CHECK(best < std::chrono::milliseconds(100));
}
