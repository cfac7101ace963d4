// On many threads, with clocks that differ and with room for a few keys only: no key is admitted
// more than its limit allows, in any span of time. Compared with nothing but the list of times at
// which it was admitted.
#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "runtime/base/random.h"
#include "runtime/limits/local_counters.h"

namespace gw::limits {
namespace {

constexpr u32 kThreads = 4;
#ifdef GW_SANITIZED
constexpr u32 kCalls = 20'000;
#else
constexpr u32 kCalls = 200'000;
#endif

// Units admitted in any span [t(i), t(j)] times the interval: at most the burst and the span.
// Written as sums up to j less those up to i, so that all pairs take one pass.
bool is_within(std::vector<u64> times, const RateParameters& rate) {
  std::ranges::sort(times);
  const i64 unit = static_cast<i64>(rate.interval_ns * rate.cost);
  i64 least = 0;
  for (size_t i = 0; i < times.size(); ++i) {
    const i64 before = static_cast<i64>(i) * unit - static_cast<i64>(times[i]);
    least = i == 0 ? before : std::min(least, before);
    if (before + unit - least > static_cast<i64>(rate.burst_ns)) return false;
  }
  return true;
}

// Whether one more at `now` would still be within: the limiter in its most naive form.
bool oracle_admits(const std::vector<u64>& times, const RateParameters& rate, u64 now) {
  std::vector<u64> with = times;
  with.push_back(now);
  return is_within(with, rate);
}

TEST_CASE("rate: the checker itself sees one too many", "[limits][property]") {
  const RateParameters rate{.interval_ns = 10, .burst_ns = 20};
  CHECK(is_within({100, 100, 110}, rate));
  CHECK_FALSE(is_within({100, 100, 109}, rate));
  CHECK_FALSE(is_within({100, 100, 100}, rate));
}

TEST_CASE("rate: says what a list of admitted times says", "[limits][property]") {
  Xoshiro random(7);
  for (u32 round = 0; round < 200; ++round) {
    LocalCounters store({.rate_bytes = 4096});
    const u64 interval = 1 + random.next() % 50;
    const RateParameters rate{.interval_ns = interval,
                              .burst_ns = interval * (1 + random.next() % 6)};
    std::vector<u64> admitted;
    u64 now = 1'000;
    for (u32 i = 0; i < 200; ++i) {
      now += random.next() % (2 * interval);
      const bool expected = oracle_admits(admitted, rate, now);
      const CounterKey key = store.key_of({1, 1}, 0, "k", true);
      const bool got = store.take(key, rate, now).verdict == Verdict::Admitted;
      if (expected != got) {
        CAPTURE(round, i, interval, rate.burst_ns, now);
        FAIL("differs from the oracle");
      }
      if (got) admitted.push_back(now);
    }
  }
}

struct Admissions {
  std::vector<std::vector<u64>> of_key;
};

// `now(thread)` gives the time of each call.
template <class Now>
Admissions hammer(LocalCounters& store, const RateParameters& rate, u32 keys, Overflow overflow,
                  bool gives_back, Now now) {
  std::vector<Admissions> of_thread(kThreads);
  std::vector<std::thread> threads;
  std::atomic<u32> ready{0};
  for (u32 id = 0; id < kThreads; ++id) {
    of_thread[id].of_key.resize(keys);
    threads.emplace_back([&, id] {
      Xoshiro random(id + 1);
      ready.fetch_add(1);
      while (ready.load() < kThreads) std::this_thread::yield();
      for (u32 i = 0; i < kCalls; ++i) {
        const u32 which = static_cast<u32>(random.next() % keys);
        CounterKey key = store.key_of({1, 1}, 0, std::to_string(which), true);
        key.overflow = overflow;
        const u64 at = now(random, i);
        const RateDecision decision = store.take(key, rate, at);
        if (decision.verdict != Verdict::Admitted) continue;
        const bool undo = gives_back && random.next() % 4 == 0;
        if (undo) {
          store.give_back(key, rate, decision);
        } else {
          of_thread[id].of_key[which].push_back(at);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  Admissions all;
  all.of_key.resize(keys);
  for (const Admissions& one : of_thread) {
    for (u32 key = 0; key < keys; ++key) {
      auto& to = all.of_key[key];
      to.insert(to.end(), one.of_key[key].begin(), one.of_key[key].end());
    }
  }
  return all;
}

void check_all(const Admissions& admissions, const RateParameters& rate) {
  size_t admitted = 0;
  for (const std::vector<u64>& times : admissions.of_key) {
    admitted += times.size();
    CHECK(is_within(times, rate));
  }
  CHECK(admitted > 0);
}

struct Shape {
  const char* name;
  size_t table_bytes;
  u32 keys;
  Overflow overflow;
  bool gives_back;
};
constexpr Shape kShapes[] = {
    {"one key", 4096, 1, Overflow::Shared, false},
    {"room for all", 1 << 20, 50, Overflow::Shared, false},
    {"room for all, some given back", 1 << 20, 50, Overflow::Shared, true},
    {"one bucket, twice as many keys", 128, 14, Overflow::Shared, false},
    {"one bucket, given back", 128, 14, Overflow::Shared, true},
    {"one bucket, rejecting", 128, 14, Overflow::Reject, false},
    {"a few buckets, many keys", 1024, 500, Overflow::Shared, true},
};

TEST_CASE("rate: never too much in any window, fake clocks that differ", "[limits][property]") {
  for (const Shape& shape : kShapes) {
    DYNAMIC_SECTION(shape.name) {
      LocalCounters store({.rate_bytes = shape.table_bytes, .shared_bytes = 1024});
      const RateParameters rate{.interval_ns = 1'000, .burst_ns = 5'000};
      // Time passes by calls, and each call may be as much as three intervals behind.
      std::atomic<u64> clock{1'000'000};
      const auto now = [&clock](Xoshiro& random, u32) {
        return clock.fetch_add(random.next() % 100) - random.next() % 3'000;
      };
      check_all(hammer(store, rate, shape.keys, shape.overflow, shape.gives_back, now), rate);
    }
  }
}

TEST_CASE("rate: never too much in any window, the real clock", "[limits][property]") {
  for (const Shape& shape : kShapes) {
    DYNAMIC_SECTION(shape.name) {
      LocalCounters store({.rate_bytes = shape.table_bytes, .shared_bytes = 1024});
      const RateParameters rate{.interval_ns = 20'000, .burst_ns = 100'000};
      const auto now = [](Xoshiro&, u32) {
        return static_cast<u64>(
            std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count());
      };
      check_all(hammer(store, rate, shape.keys, shape.overflow, shape.gives_back, now), rate);
    }
  }
}

TEST_CASE("rate: threads on one key admit all that the limit allows", "[limits][property]") {
  LocalCounters store;
  const RateParameters rate{.interval_ns = 1, .burst_ns = 1'000};
  const auto standing = [](Xoshiro&, u32) { return u64{1'000'000}; };
  const Admissions all = hammer(store, rate, 1, Overflow::Shared, false, standing);
  CHECK(all.of_key[0].size() == 1'000);
}

TEST_CASE("quota: exact on many threads", "[limits][property]") {
  LocalCounters store({.quota_bytes = 1024, .shared_bytes = 1024});
  constexpr u32 kKeys = 30;
  constexpr u64 kLimit = 500;
  std::vector<std::atomic<u64>> used(kKeys);
  std::vector<std::thread> threads;
  for (u32 id = 0; id < kThreads; ++id) {
    threads.emplace_back([&, id] {
      Xoshiro random(id + 1);
      for (u32 i = 0; i < kCalls / 4; ++i) {
        const u32 which = static_cast<u32>(random.next() % kKeys);
        const QuotaParameters quota{.limit = kLimit, .cost = 1 + which % 3, .end_hours = 24};
        const CounterKey key = store.key_of({1, 1}, 24, std::to_string(which), true);
        if (store.use(key, quota, 0).verdict == Verdict::Admitted) used[which] += quota.cost;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  u64 most = 0;
  for (u32 key = 0; key < kKeys; ++key) {
    CHECK(used[key] <= kLimit);
    most = std::max(most, used[key].load());
  }
  CHECK(most + 3 > kLimit);
}

TEST_CASE("permits: never more at a time, and none is lost", "[limits][property]") {
  for (const size_t bytes : {size_t{128}, size_t{1} << 20}) {
    LocalCounters store({.permit_bytes = bytes, .shared_bytes = 1024});
    constexpr u32 kKeys = 12;
    constexpr u64 kLimit = 3;
    std::vector<std::atomic<i64>> held(kKeys);
    std::atomic<bool> exceeded{false};
    const auto key_of = [&](u32 which) {
      return store.key_of({1, 1}, 0, std::to_string(which), true);
    };
    std::vector<std::thread> threads;
    for (u32 id = 0; id < kThreads; ++id) {
      threads.emplace_back([&, id] {
        Xoshiro random(id + 1);
        std::vector<std::pair<u32, Permit>> mine;
        for (u32 i = 0; i < kCalls / 4; ++i) {
          const u32 which = static_cast<u32>(random.next() % kKeys);
          const PermitDecision decision = store.acquire(key_of(which), kLimit);
          if (decision.verdict == Verdict::Admitted) {
            if (held[which].fetch_add(1) >= static_cast<i64>(kLimit)) exceeded = true;
            mine.push_back({which, decision.permit});
          }
          if (mine.empty() || (mine.size() < 4 && random.next() % 2 == 0)) continue;
          held[mine.back().first].fetch_sub(1);
          store.release(mine.back().second);
          mine.pop_back();
        }
        for (const auto& [which, permit] : mine) {
          held[which].fetch_sub(1);
          store.release(permit);
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK_FALSE(exceeded.load());
    for (u32 i = 0; i < kLimit; ++i) {
      CHECK(store.acquire(key_of(0), kLimit).verdict == Verdict::Admitted);
    }
    CHECK(store.acquire(key_of(0), kLimit).verdict == Verdict::Refused);
  }
}

}  // namespace
}  // namespace gw::limits
