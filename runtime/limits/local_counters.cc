// What the values in the tables mean, and what is done for want of room.
//
//   rates     the theoretical arrival time of GCRA in nanoseconds; expired when it is past
//   quotas    hour in which the period ends, and what is used; expired when the period is over
//   permits   how many are held; expired when none is
//
// For want of room keys of one limit count under one shared counter. Such a key may get an entry
// of its own later, and must not find a clean slate there: it begins with what the shared counter
// says, which is at least what it has used itself. A permit must be given back where it was taken;
// so keys without an entry go on to share until nobody holds a shared permit.
#include "runtime/limits/local_counters.h"

#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <limits>

namespace gw::limits {
namespace {

constexpr u64 kUsedBits = 40;
constexpr u64 kMaxUsed = (u64{1} << kUsedBits) - 1;
constexpr i64 kHourMs = 3'600'000;
constexpr u64 kSlowBurstNs = u64{600} * 1'000'000'000;

// In one call: std::random_device asks the processor for each word, which takes milliseconds where
// many ask, and tests make these by the thousand.
void fill(u8 (&secret)[192]) { GW_CHECK(::getentropy(secret, sizeof secret) == 0); }

u64 add_capped(u64 a, u64 b) {
  u64 sum = 0;
  return __builtin_add_overflow(a, b, &sum) ? std::numeric_limits<u64>::max() : sum;
}
u64 multiply_capped(u64 a, u64 b) {
  u64 product = 0;
  return __builtin_mul_overflow(a, b, &product) ? std::numeric_limits<u64>::max() : product;
}

// Days since 1970 of the first of a month (after H. Hinnant, "chrono-compatible low-level date
// algorithms").
i64 days_from_civil(i64 year, i64 month) {
  year -= month <= 2 ? 1 : 0;
  const i64 era = (year >= 0 ? year : year - 399) / 400;
  const i64 of_era = year - era * 400;
  const i64 of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5;
  return era * 146'097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719'468;
}

// First day of the month after the one that `days` lies in.
i64 next_month(i64 days) {
  i64 year = 1970 + days / 366;
  while (days_from_civil(year + 1, 1) <= days) ++year;
  i64 month = 1;
  while (month < 12 && days_from_civil(year, month + 1) <= days) ++month;
  return month == 12 ? days_from_civil(year + 1, 1) : days_from_civil(year, month + 1);
}

}  // namespace

u64 period_end_hours(i64 unix_ms, Period period) {
  const i64 hours = std::max<i64>(unix_ms, 0) / kHourMs;
  const i64 days = hours / 24;
  switch (period) {
    case Period::Hour:
      return static_cast<u64>(hours + 1);
    case Period::Day:
      return static_cast<u64>((days + 1) * 24);
    case Period::Week:  // 1970-01-01 was a Thursday
      return static_cast<u64>(((days + 3) / 7 * 7 + 4) * 24);
    case Period::Month:
      return static_cast<u64>(next_month(days) * 24);
  }
  return 0;
}

LocalCounters::LocalCounters(const LocalCountersOptions& options)
    : rates_(options.rate_bytes, options.shared_bytes),
      slow_rates_(options.rate_bytes, options.shared_bytes),
      quotas_(options.quota_bytes, options.shared_bytes),
      permits_(options.permit_bytes, options.shared_bytes) {
  fill(key_secret_);
  fill(limit_secret_);
}

CounterKey LocalCounters::key_of(const LimitId& limit, u64 parameters, std::string_view key,
                                 bool present) const {
  const u64 words[3] = {limit.low, limit.high, parameters};
  const XXH128_hash_t of_limit =
      XXH3_128bits_withSecret(words, sizeof words, limit_secret_, sizeof limit_secret_);
  CounterKey out;
  out.low = out.limit_low = of_limit.low64;
  out.high = out.limit_high = of_limit.high64;
  if (!present) return out;
  const XXH128_hash_t of_key =
      XXH3_128bits_withSecret(key.data(), key.size(), key_secret_, sizeof key_secret_);
  out.low ^= of_key.low64;
  out.high ^= of_key.high64;
  return out;
}

void LocalCounters::count(Verdict verdict, bool overflowed) {
  if (overflowed) overflowed_.fetch_add(1, std::memory_order_relaxed);
  if (verdict == Verdict::Refused) refused_.fetch_add(1, std::memory_order_relaxed);
  if (verdict == Verdict::NoRoom) no_room_.fetch_add(1, std::memory_order_relaxed);
}

LocalCounters::Counts LocalCounters::counts() const {
  return {.refused = refused_.load(std::memory_order_relaxed),
          .overflowed = overflowed_.load(std::memory_order_relaxed),
          .no_room = no_room_.load(std::memory_order_relaxed),
          .shadowed = shadowed_.load(std::memory_order_relaxed)};
}

// Rates ---------------------------------------------------------------------------------------

struct LocalCounters::RateRules {
  Tables* tables;
  const CounterKey& key;
  const RateParameters& rate;
  u64 now;
  bool is_shared = false;  // these are of the shared counter itself
  u64 at_least = 0;        // of it: what its key has used under its own name
  RateDecision decision = {};
  mutable bool is_fresh = false;

  bool expired(u64 arrival) const { return arrival <= now; }
  u64 floor_of(u64 arrival) const { return arrival; }
  bool wants_entry() const { return true; }
  u64 fresh(u64 floor) const {
    is_fresh = true;
    if (is_shared || !tables->overflowed.load(std::memory_order_relaxed)) return floor;
    RateRules shared{.tables = tables, .key = key, .rate = rate, .now = now, .is_shared = true};
    return std::max(floor, tables->shared.read(key.limit_low, key.limit_high, shared));
  }
  bool decide(u64 arrival, u64& next) {
    const u64 from = std::max({arrival, now, at_least});
    const u64 to = add_capped(from, multiply_capped(rate.cost, rate.interval_ns));
    decision.before = arrival;
    const bool admitted = to - now <= rate.burst_ns;
    const u64 ahead = (admitted ? to : from) - now;
    decision.remaining = ahead >= rate.burst_ns ? 0 : (rate.burst_ns - ahead) / rate.interval_ns;
    decision.reset_ns = ahead;
    decision.retry_after_ns = admitted ? 0 : to - now - rate.burst_ns;
    decision.verdict = admitted ? Verdict::Admitted : Verdict::Refused;
    decision.after = admitted ? to : arrival;
    if (admitted) {
      next = to;
      return true;
    }
    // One that begins behind others has an entry of its own from now on, and need not wait
    // for as long as they go on.
    const bool begins = is_fresh && !is_shared && arrival > now;
    is_fresh = false;
    next = arrival;
    return begins;
  }
  void stored(CounterEntry&) {}
  void no_room(u64 floor) {
    decision = {.verdict = Verdict::NoRoom};
    if (is_shared || key.overflow == Overflow::Reject) return;
    tables->overflowed.store(true, std::memory_order_relaxed);
    RateRules shared{.tables = tables,
                     .key = key,
                     .rate = rate,
                     .now = now,
                     .is_shared = true,
                     .at_least = floor};
    tables->shared.update(key.limit_low, key.limit_high, shared);
    decision = shared.decision;
    decision.overflowed = true;
  }
  void busy() { decision = {.verdict = Verdict::NoRoom}; }
};

// By what is part of the key as well: a key is never in both.
LocalCounters::Tables& LocalCounters::rates_of(const RateParameters& rate) const {
  return rate.burst_ns > kSlowBurstNs ? slow_rates_ : rates_;
}

RateDecision LocalCounters::take(const CounterKey& key, const RateParameters& rate, u64 now_ns) {
  Tables& tables = rates_of(rate);
  RateRules rules{.tables = &tables, .key = key, .rate = rate, .now = now_ns};
  tables.own.update(key.low, key.high, rules);
  if (rules.decision.verdict != Verdict::Admitted || rules.decision.overflowed) {
    count(rules.decision.verdict, rules.decision.overflowed);
  }
  return rules.decision;
}

RateDecision LocalCounters::peek(const CounterKey& key, const RateParameters& rate,
                                 u64 now_ns) const {
  Tables& tables = rates_of(rate);
  RateRules rules{.tables = &tables, .key = key, .rate = rate, .now = now_ns};
  u64 next = 0;
  rules.decide(tables.own.read(key.low, key.high, rules), next);
  return rules.decision;
}

void LocalCounters::give_back(const CounterKey& key, const RateParameters& rate,
                              const RateDecision& decision) {
  if (decision.verdict != Verdict::Admitted || decision.overflowed) return;
  rates_of(rate).own.replace(key.low, key.high, decision.after, decision.before);
}

// Quotas --------------------------------------------------------------------------------------

struct LocalCounters::QuotaRules {
  Tables* tables;
  const CounterKey& key;
  const QuotaParameters& quota;
  i64 unix_ms;
  bool is_shared = false;
  QuotaDecision decision = {};
  mutable bool is_over = false;  // the period has ended, as another thread knows

  static u64 value_of(u64 end_hours, u64 used) { return (end_hours << kUsedBits) | used; }
  static u64 used_in(u64 value) { return value & kMaxUsed; }
  bool expired(u64 value) const {
    return static_cast<i64>(value >> kUsedBits) * kHourMs <= unix_ms;
  }
  u64 floor_of(u64 value) const { return value >> kUsedBits; }
  bool wants_entry() const { return true; }
  u64 fresh(u64 floor) const {
    is_over = floor >= quota.end_hours;
    u64 used = 0;
    if (!is_shared && tables->overflowed.load(std::memory_order_relaxed)) {
      QuotaRules shared{
          .tables = tables, .key = key, .quota = quota, .unix_ms = unix_ms, .is_shared = true};
      used = used_in(tables->shared.read(key.limit_low, key.limit_high, shared));
      is_over = is_over || shared.is_over;
    }
    return value_of(quota.end_hours, used);
  }
  bool decide(u64 value, u64& next) {
    const u64 used = used_in(value);
    const u64 limit = std::min(quota.limit, kMaxUsed);
    const bool admitted = !is_over && used <= limit && quota.cost <= limit - used;
    decision.verdict = admitted ? Verdict::Admitted : Verdict::Refused;
    decision.before = value;
    decision.after = admitted ? value + quota.cost : value;
    decision.remaining = limit > used_in(decision.after) ? limit - used_in(decision.after) : 0;
    next = decision.after;
    return admitted;
  }
  void stored(CounterEntry&) {}
  void no_room(u64) {
    decision = {.verdict = Verdict::NoRoom};
    if (is_shared || is_over || key.overflow == Overflow::Reject) return;
    tables->overflowed.store(true, std::memory_order_relaxed);
    QuotaRules shared{
        .tables = tables, .key = key, .quota = quota, .unix_ms = unix_ms, .is_shared = true};
    tables->shared.update(key.limit_low, key.limit_high, shared);
    decision = shared.decision;
    decision.overflowed = true;
  }
  void busy() { decision = {.verdict = Verdict::NoRoom}; }
};

QuotaDecision LocalCounters::use(const CounterKey& key, const QuotaParameters& quota, i64 unix_ms) {
  QuotaRules rules{.tables = &quotas_, .key = key, .quota = quota, .unix_ms = unix_ms};
  quotas_.own.update(key.low, key.high, rules);
  if (rules.decision.verdict != Verdict::Admitted || rules.decision.overflowed) {
    count(rules.decision.verdict, rules.decision.overflowed);
  }
  return rules.decision;
}

QuotaDecision LocalCounters::peek_quota(const CounterKey& key, const QuotaParameters& quota,
                                        i64 unix_ms) const {
  QuotaRules rules{.tables = &quotas_, .key = key, .quota = quota, .unix_ms = unix_ms};
  u64 next = 0;
  rules.decide(quotas_.own.read(key.low, key.high, rules), next);
  return rules.decision;
}

void LocalCounters::give_back(const CounterKey& key, const QuotaDecision& decision) {
  if (decision.verdict != Verdict::Admitted || decision.overflowed) return;
  quotas_.own.replace(key.low, key.high, decision.after, decision.before);
}

// Permits -------------------------------------------------------------------------------------

struct LocalCounters::PermitRules {
  Tables* tables;
  const CounterKey& key;
  u64 limit;
  bool is_shared = false;
  PermitDecision decision = {};
  mutable bool shares = false;  // somebody holds a shared permit, perhaps for this key

  bool expired(u64 held) const { return held == 0; }
  u64 floor_of(u64) const { return 0; }
  bool wants_entry() const { return !shares; }
  u64 fresh(u64) const {
    if (is_shared || !tables->overflowed.load(std::memory_order_relaxed)) return 0;
    PermitRules shared{.tables = tables, .key = key, .limit = limit, .is_shared = true};
    shares = tables->shared.read(key.limit_low, key.limit_high, shared) != 0;
    return 0;
  }
  bool decide(u64 held, u64& next) {
    const bool admitted = held < limit;
    decision.verdict = admitted ? Verdict::Admitted : Verdict::Refused;
    next = admitted ? held + 1 : held;
    decision.remaining = limit > next ? limit - next : 0;
    return admitted;
  }
  void stored(CounterEntry& entry) {
    const u64 high = is_shared ? key.limit_high : key.high;
    decision.permit = {.slot = &entry, .owner = CounterTable::fingerprint_of(high)};
  }
  void no_room(u64) {
    decision = {.verdict = Verdict::NoRoom};
    if (is_shared || (key.overflow == Overflow::Reject && !shares)) return;
    tables->overflowed.store(true, std::memory_order_relaxed);
    PermitRules shared{.tables = tables, .key = key, .limit = limit, .is_shared = true};
    tables->shared.update(key.limit_low, key.limit_high, shared);
    decision = shared.decision;
    decision.overflowed = true;
  }
  void busy() { decision = {.verdict = Verdict::NoRoom}; }
};

PermitDecision LocalCounters::acquire(const CounterKey& key, u64 limit) {
  PermitRules rules{.tables = &permits_, .key = key, .limit = limit};
  permits_.own.update(key.low, key.high, rules);
  if (rules.decision.verdict != Verdict::Admitted || rules.decision.overflowed) {
    count(rules.decision.verdict, rules.decision.overflowed);
  }
  return rules.decision;
}

void LocalCounters::release(const Permit& permit) {
  // An entry with a permit is nobody else's: only its value changes.
  CounterEntry& entry = *static_cast<CounterEntry*>(permit.slot);
  for (;;) {
    const u64 held = __atomic_load_n(&entry.value, __ATOMIC_ACQUIRE);
    GW_CHECK(held != 0);
    if (CounterTable::swap(entry, {permit.owner, held}, {permit.owner, held - 1})) return;
  }
}

}  // namespace gw::limits
