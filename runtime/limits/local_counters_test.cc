#include "runtime/limits/local_counters.h"

#include <catch2/catch.hpp>
#include <cstdio>
#include <string>
#include <vector>

namespace gw::limits {
namespace {

constexpr u64 kSecond = 1'000'000'000;
constexpr u64 kNow = 3'600 * kSecond;
constexpr RateParameters kTenPerSecond{.interval_ns = kSecond / 10, .burst_ns = kSecond / 2};

LocalCountersOptions one_bucket() {
  return {.rate_bytes = 128, .quota_bytes = 128, .permit_bytes = 128, .shared_bytes = 1024};
}

CounterKey key_of(const CounterStore& store, std::string_view text,
                  Overflow overflow = Overflow::Shared) {
  CounterKey key = store.key_of({1, 2}, 0, text, true);
  key.overflow = overflow;
  return key;
}

Verdict take(CounterStore& store, std::string_view text, u64 now) {
  return store.take(key_of(store, text), kTenPerSecond, now).verdict;
}

TEST_CASE("rate: a burst at once, then the even rate", "[limits]") {
  LocalCounters store;
  for (u32 i = 0; i < 5; ++i) {
    const RateDecision decision = store.take(key_of(store, "a"), kTenPerSecond, kNow);
    CHECK(decision.verdict == Verdict::Admitted);
    CHECK(decision.remaining == 4 - i);
  }
  const RateDecision refused = store.take(key_of(store, "a"), kTenPerSecond, kNow);
  CHECK(refused.verdict == Verdict::Refused);
  CHECK(refused.remaining == 0);
  CHECK(refused.retry_after_ns == kSecond / 10);
  CHECK(refused.reset_ns == kSecond / 2);
  CHECK(take(store, "b", kNow) == Verdict::Admitted);
  CHECK(take(store, "a", kNow + kSecond / 10 - 1) == Verdict::Refused);
  CHECK(take(store, "a", kNow + kSecond / 10) == Verdict::Admitted);
  CHECK(take(store, "a", kNow + kSecond / 10) == Verdict::Refused);
  CHECK(store.counts().refused == 3);
}

TEST_CASE("rate: a refusal costs nothing, and a cost beyond the burst is never met", "[limits]") {
  LocalCounters store;
  RateParameters dear = kTenPerSecond;
  dear.cost = 3;
  CHECK(store.take(key_of(store, "a"), dear, kNow).verdict == Verdict::Admitted);
  CHECK(store.take(key_of(store, "a"), dear, kNow).verdict == Verdict::Refused);
  CHECK(take(store, "a", kNow) == Verdict::Admitted);
  CHECK(take(store, "a", kNow) == Verdict::Admitted);
  dear.cost = 6;
  CHECK(store.take(key_of(store, "c"), dear, kNow).verdict == Verdict::Refused);
  dear.cost = ~u64{0};
  CHECK(store.take(key_of(store, "c"), dear, kNow).verdict == Verdict::Refused);
}

TEST_CASE("rate: peek says what take would, and charges nothing", "[limits]") {
  LocalCounters store;
  const CounterKey key = key_of(store, "a");
  for (u32 i = 0; i < 7; ++i) {
    const RateDecision seen = store.peek(key, kTenPerSecond, kNow);
    const RateDecision taken = store.take(key, kTenPerSecond, kNow);
    CHECK(seen.verdict == taken.verdict);
    CHECK(seen.remaining == taken.remaining);
  }
}

TEST_CASE("rate: what is given back can be had again, unless others came between", "[limits]") {
  LocalCounters store;
  const CounterKey key = key_of(store, "a");
  for (u32 i = 0; i < 20; ++i) {
    const RateDecision taken = store.take(key, kTenPerSecond, kNow);
    CHECK(taken.verdict == Verdict::Admitted);
    store.give_back(key, kTenPerSecond, taken);
  }
  const RateDecision first = store.take(key, kTenPerSecond, kNow);
  CHECK(take(store, "a", kNow) == Verdict::Admitted);
  store.give_back(key, kTenPerSecond, first);
  CHECK(store.take(key, kTenPerSecond, kNow).remaining == 2);
}

TEST_CASE("rate: limits, measures and absent keys count apart", "[limits]") {
  const LocalCounters store;
  const auto same = [](const CounterKey& a, const CounterKey& b) {
    return a.low == b.low && a.high == b.high;
  };
  const CounterKey key = store.key_of({1, 2}, 0, "a", true);
  CHECK(same(key, store.key_of({1, 2}, 0, "a", true)));
  CHECK_FALSE(same(key, store.key_of({1, 3}, 0, "a", true)));
  CHECK_FALSE(same(key, store.key_of({1, 2}, 1, "a", true)));
  CHECK_FALSE(same(key, store.key_of({1, 2}, 0, "", true)));
  CHECK_FALSE(same(store.key_of({1, 2}, 0, "", true), store.key_of({1, 2}, 0, "", false)));
  CHECK(same(store.key_of({1, 2}, 0, "x", false), store.key_of({1, 2}, 0, "y", false)));
  // Secrets differ from process to process, here from store to store.
  CHECK_FALSE(same(key, LocalCounters().key_of({1, 2}, 0, "a", true)));
}

TEST_CASE("rate: an entry in the past is free for another key", "[limits]") {
  LocalCounters store(one_bucket());
  u64 now = kNow;
  for (u32 i = 0; i < 1000; ++i) {
    CHECK(take(store, std::to_string(i), now) == Verdict::Admitted);
    now += kSecond / 60;  // six of the seven entries at a time
  }
  CHECK(store.counts().overflowed == 0);
}

TEST_CASE("rate: keys for which there is no room count together", "[limits]") {
  LocalCounters store(one_bucket());
  for (u32 i = 0; i < 7; ++i) CHECK(take(store, std::to_string(i), kNow) == Verdict::Admitted);
  for (u32 i = 0; i < 5; ++i) {
    CHECK(take(store, "more" + std::to_string(i), kNow) == Verdict::Admitted);
  }
  CHECK(take(store, "another", kNow) == Verdict::Refused);
  CHECK(take(store, "0", kNow) == Verdict::Admitted);
  CHECK(store.counts().overflowed == 6);
  // Room again: no clean slate for who has shared before.
  const u64 later = kNow + kSecond / 5;
  CHECK(take(store, "more0", later) == Verdict::Admitted);
  CHECK(take(store, "more0", later) == Verdict::Admitted);
  CHECK(take(store, "more0", later) == Verdict::Refused);
}

TEST_CASE("rate: or are refused, where the limit says so", "[limits]") {
  LocalCounters store(one_bucket());
  for (u32 i = 0; i < 7; ++i) CHECK(take(store, std::to_string(i), kNow) == Verdict::Admitted);
  const CounterKey key = key_of(store, "more", Overflow::Reject);
  CHECK(store.take(key, kTenPerSecond, kNow).verdict == Verdict::NoRoom);
  CHECK(store.counts().no_room == 1);
}

TEST_CASE("rate: keys of a day leave room for those of a second", "[limits]") {
  LocalCounters store(one_bucket());
  const u64 per_day = 86'400 * kSecond;
  const RateParameters daily{.interval_ns = per_day, .burst_ns = per_day};
  for (u32 i = 0; i < 100; ++i) store.take(key_of(store, std::to_string(i)), daily, kNow);
  CHECK(store.counts().overflowed > 0);
  const u64 before = store.counts().overflowed;
  CHECK(take(store, "a", kNow) == Verdict::Admitted);
  CHECK(store.counts().overflowed == before);
}

TEST_CASE("rate: a thread whose clock is behind finds no forgotten debt", "[limits]") {
  LocalCounters store(one_bucket());
  const RateParameters one{.interval_ns = kSecond, .burst_ns = kSecond};
  CHECK(store.take(key_of(store, "a"), one, kNow).verdict == Verdict::Admitted);
  // The whole bucket changes hands a second later...
  for (u32 i = 0; i < 7; ++i) take(store, std::to_string(i), kNow + kSecond);
  // ...and somebody comes late: his second is not over by his own clock.
  const u64 late = kNow + 2 * kSecond - 1;
  CHECK(store.take(key_of(store, "0"), one, kNow + kSecond - 1).verdict != Verdict::Admitted);
  for (u32 i = 0; i < 7; ++i) take(store, "b" + std::to_string(i), kNow + 3 * kSecond);
  CHECK(store.take(key_of(store, "a"), one, kNow + 1).verdict != Verdict::Admitted);
  CHECK(late > kNow);
}

TEST_CASE("quota: counts exactly, until its period ends", "[limits]") {
  LocalCounters store;
  QuotaParameters quota{.limit = 3, .cost = 1, .end_hours = 1};
  const auto use = [&](i64 unix_ms) {
    quota.end_hours = period_end_hours(unix_ms, Period::Hour);
    const CounterKey key = store.key_of({1, 2}, quota.end_hours, "a", true);
    return store.use(key, quota, unix_ms);
  };
  CHECK(use(0).remaining == 2);
  CHECK(use(1).remaining == 1);
  CHECK(use(3'599'999).remaining == 0);
  CHECK(use(3'599'999).verdict == Verdict::Refused);
  CHECK(use(3'600'000).verdict == Verdict::Admitted);
  quota.cost = 3;
  CHECK(use(3'600'000).verdict == Verdict::Refused);
}

TEST_CASE("quota: is given back, and a raised limit keeps what is used", "[limits]") {
  LocalCounters store;
  QuotaParameters quota{.limit = 2, .cost = 2, .end_hours = 24};
  const CounterKey key = store.key_of({1, 2}, 24, "a", true);
  const QuotaDecision taken = store.use(key, quota, 0);
  CHECK(store.peek_quota(key, quota, 0).verdict == Verdict::Refused);
  store.give_back(key, taken);
  CHECK(store.use(key, quota, 0).verdict == Verdict::Admitted);
  quota.limit = 5;
  CHECK(store.use(key, quota, 0).remaining == 1);
  quota.limit = 1;
  CHECK(store.use(key, quota, 0).verdict == Verdict::Refused);
}

TEST_CASE("quota: who shares for want of room begins with what all have used", "[limits]") {
  LocalCounters store(one_bucket());
  const auto use = [&](std::string_view name, u64 end_hours, i64 unix_ms) {
    const QuotaParameters quota{.limit = 3, .cost = 1, .end_hours = end_hours};
    return store.use(store.key_of({1, 2}, end_hours, name, true), quota, unix_ms);
  };
  for (u32 i = 0; i < 7; ++i) use(std::to_string(i), 24, 0);
  for (u32 i = 0; i < 3; ++i) CHECK(use("more", 24, 0).verdict == Verdict::Admitted);
  CHECK(use("other", 24, 0).verdict == Verdict::Refused);
  // The next day all entries are free, and everything begins anew.
  const i64 tomorrow = i64{24} * 3'600'000;
  for (u32 i = 0; i < 7; ++i) {
    CHECK(use("more" + std::to_string(i), 48, tomorrow).verdict == Verdict::Admitted);
  }
  // A thread that believes in yesterday does not find its counters, and is not let through.
  CHECK(use("0", 24, tomorrow - 1).verdict != Verdict::Admitted);
}

TEST_CASE("permits: as many at a time as the limit says", "[limits]") {
  LocalCounters store;
  const CounterKey key = key_of(store, "a");
  const PermitDecision first = store.acquire(key, 2);
  const PermitDecision second = store.acquire(key, 2);
  CHECK(first.remaining == 1);
  CHECK(second.remaining == 0);
  CHECK(store.acquire(key, 2).verdict == Verdict::Refused);
  store.release(first.permit);
  CHECK(store.acquire(key, 2).verdict == Verdict::Admitted);
}

TEST_CASE("permits: of keys without room are shared until the last is given back", "[limits]") {
  LocalCounters store(one_bucket());
  std::vector<Permit> held;
  for (u32 i = 0; i < 7; ++i) {
    held.push_back(store.acquire(key_of(store, std::to_string(i)), 2).permit);
  }
  const PermitDecision shared = store.acquire(key_of(store, "more"), 2);
  CHECK(shared.overflowed);
  for (const Permit& permit : held) store.release(permit);
  // There is room now, and "more" holds one already: it must not have two of its own besides.
  const PermitDecision again = store.acquire(key_of(store, "more"), 2);
  CHECK(again.overflowed);
  CHECK(store.acquire(key_of(store, "more"), 2).verdict == Verdict::Refused);
  store.release(shared.permit);
  store.release(again.permit);
  CHECK_FALSE(store.acquire(key_of(store, "more"), 2).overflowed);
}

// Resident pages of this process, in bytes.
size_t resident_bytes() {
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  REQUIRE(file != nullptr);
  unsigned long total = 0;
  unsigned long resident = 0;
  const int fields = std::fscanf(file, "%lu %lu", &total, &resident);
  std::fclose(file);
  REQUIRE(fields == 2);
  return resident * 4096;
}

TEST_CASE("rate: ten million hostile keys take no more than the table", "[limits][memory]") {
#ifdef GW_SANITIZED
  constexpr u32 kKeys = 500'000;
#else
  constexpr u32 kKeys = 10'000'000;
#endif
  LocalCounters store({.rate_bytes = size_t{8} << 20});
  const size_t before = resident_bytes();
  const CounterKey victim = key_of(store, "victim");
  const u64 per_day = 86'400 * kSecond;
  const RateParameters daily{.interval_ns = per_day, .burst_ns = per_day};
  CHECK(store.take(victim, daily, kNow).verdict == Verdict::Admitted);
  char name[16];
  u32 victims_share = 0;
  for (u32 i = 0; i < kKeys; ++i) {
    const int bytes = std::snprintf(name, sizeof name, "k%u", i);
    store.take(key_of(store, {name, static_cast<size_t>(bytes)}), daily, kNow + i);
    if (i % 100'000 == 0 && store.take(victim, daily, kNow + i).verdict == Verdict::Admitted) {
      ++victims_share;
    }
  }
  CHECK(victims_share == 0);
  const size_t grown = resident_bytes() - before;
  CAPTURE(grown);
#ifndef GW_SANITIZED
  CHECK(grown < (size_t{10} << 20));
#endif
  CHECK(store.counts().overflowed > 0);
}

}  // namespace
}  // namespace gw::limits
