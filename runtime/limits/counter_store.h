// Counters of limits: how often a key may, how much it has used, how many it holds.
//
// Whoever decides about a request asks here; where the numbers lie is hidden, so that a store
// that several instances share can take the place of the one in this process.
#pragma once
#include <string_view>

#include "runtime/base/types.h"

namespace gw::limits {

/// What a key does whose counter finds no room.
enum class Overflow : u8 {
  Shared,  // all such keys of a limit count together
  Reject,  // it is refused
};

/// Which limit: a digest of its place, its name, and of what gives its counters their meaning.
struct LimitId {
  u64 low = 0;
  u64 high = 0;
};

/// A key of a limit, hashed with secrets of the store: 128 bits that nobody outside can aim at.
/// Keys that meet share a counter, which is too strict and never too lax.
struct CounterKey {
  u64 low = 0;
  u64 high = 0;
  u64 limit_low = 0;  // of the limit without a key
  u64 limit_high = 0;
  Overflow overflow = Overflow::Shared;
};

/// A rate as GCRA wants it (ITU-T I.371, "virtual scheduling"). Over any span W of the clock no
/// more than (burst_ns + W) / interval_ns units are admitted.
struct RateParameters {
  u64 interval_ns = 1;  // between two units at the even rate; rounded up
  u64 burst_ns = 1;     // interval_ns times the units that may come at once
  u64 cost = 1;         // units of this request
};

enum class Verdict : u8 {
  Admitted,
  Refused,
  NoRoom,  // refused for want of room: Overflow::Reject, or nothing left to share
};

struct RateDecision {
  Verdict verdict = Verdict::Refused;
  bool overflowed = false;  // counted together with others
  u64 remaining = 0;        // units that could come now
  u64 retry_after_ns = 0;   // of a refusal: when this cost would be admitted
  u64 reset_ns = 0;         // until all of the burst is there again
  // For give_back().
  u64 before = 0;
  u64 after = 0;
};

/// End of a calendar period, in whole hours since 1970, UTC; the hour, week (from Monday) or
/// month that `unix_ms` lies in.
enum class Period : u8 { Hour, Day, Week, Month };
u64 period_end_hours(i64 unix_ms, Period period);

struct QuotaParameters {
  u64 limit = 0;  // units per period
  u64 cost = 1;
  u64 end_hours = 0;  // of the current period; part of the key, too: a new period counts afresh
};
struct QuotaDecision {
  Verdict verdict = Verdict::Refused;
  bool overflowed = false;
  u64 remaining = 0;
  u64 before = 0;
  u64 after = 0;
};

/// A place among those that are taken at a time. Given back exactly once.
struct Permit {
  void* slot = nullptr;
  u64 owner = 0;
};
struct PermitDecision {
  Verdict verdict = Verdict::Refused;
  bool overflowed = false;
  u64 remaining = 0;
  Permit permit = {};
};

/// Any thread. No call waits for I/O or allocates.
///
/// Times are those that the callers bring; they may differ between threads, and a decision holds
/// for the time that it was asked with.
class CounterStore {
 public:
  virtual ~CounterStore() = default;

  /// `parameters` tells apart counters of one limit that count by different measures (a rate must
  /// always come with the same for a key); `present` is
  /// false for a key that is absent at run time: all of these share one counter.
  virtual CounterKey key_of(const LimitId& limit, u64 parameters, std::string_view key,
                            bool present) const = 0;

  /// Admits and charges, or refuses and charges nothing.
  virtual RateDecision take(const CounterKey& key, const RateParameters& rate, u64 now_ns) = 0;
  /// What take() would say.
  virtual RateDecision peek(const CounterKey& key, const RateParameters& rate,
                            u64 now_ns) const = 0;
  /// Undoes a charge, unless the counter has moved on since: then it stays charged, since taking
  /// it off could admit more than the limit.
  virtual void give_back(const CounterKey& key, const RateParameters& rate,
                         const RateDecision& decision) = 0;

  virtual QuotaDecision use(const CounterKey& key, const QuotaParameters& quota, i64 unix_ms) = 0;
  virtual QuotaDecision peek_quota(const CounterKey& key, const QuotaParameters& quota,
                                   i64 unix_ms) const = 0;
  virtual void give_back(const CounterKey& key, const QuotaDecision& decision) = 0;

  virtual PermitDecision acquire(const CounterKey& key, u64 limit) = 0;
  virtual void release(const Permit& permit) = 0;

  /// Since the start of the process.
  struct Counts {
    u64 refused = 0;
    u64 overflowed = 0;  // counted together for want of room
    u64 no_room = 0;     // refused for want of room
    u64 shadowed = 0;    // would have been refused
  };
  virtual Counts counts() const = 0;
  virtual void count_shadowed() = 0;
};

}  // namespace gw::limits
