// The counters of this process, exact over all of its threads.
#pragma once
#include <atomic>

#include "runtime/limits/counter_store.h"
#include "runtime/limits/counter_table.h"

namespace gw::limits {

/// Bytes of the tables. Pages become resident as keys come; nothing grows beyond these.
struct LocalCountersOptions {
  size_t rate_bytes = size_t{32} << 20;   // 1.8 million keys at a time, twice: see LocalCounters
  size_t quota_bytes = size_t{64} << 20;  // remembered for up to a month
  size_t permit_bytes = size_t{8} << 20;
  size_t shared_bytes = size_t{1} << 20;  // for each kind: one entry per limit that overflows
};

/// Rates, quotas and permits lie in tables of their own, and so do rates whose burst takes long to
/// come back: keys that are remembered for a day or a month leave room for those of a second.
class LocalCounters final : public CounterStore {
 public:
  explicit LocalCounters(const LocalCountersOptions& options = {});

  CounterKey key_of(const LimitId& limit, u64 parameters, std::string_view key,
                    bool present) const override;
  RateDecision take(const CounterKey& key, const RateParameters& rate, u64 now_ns) override;
  RateDecision peek(const CounterKey& key, const RateParameters& rate, u64 now_ns) const override;
  void give_back(const CounterKey& key, const RateParameters& rate,
                 const RateDecision& decision) override;
  QuotaDecision use(const CounterKey& key, const QuotaParameters& quota, i64 unix_ms) override;
  QuotaDecision peek_quota(const CounterKey& key, const QuotaParameters& quota,
                           i64 unix_ms) const override;
  void give_back(const CounterKey& key, const QuotaDecision& decision) override;
  PermitDecision acquire(const CounterKey& key, u64 limit) override;
  void release(const Permit& permit) override;
  Counts counts() const override;
  void count_shadowed() override { shadowed_.fetch_add(1, std::memory_order_relaxed); }

 private:
  void count(Verdict verdict, bool overflowed);

  // A table and the counters of those that found no room in it.
  struct Tables {
    Tables(size_t bytes, size_t shared_bytes) : own(bytes), shared(shared_bytes) {}
    CounterTable own;
    CounterTable shared;
    std::atomic<bool> overflowed{false};  // ever: until then nobody looks into `shared`
  };
  struct RateRules;
  struct QuotaRules;
  struct PermitRules;

  alignas(64) u8 key_secret_[192];
  u8 limit_secret_[192];
  // Changed through peek() as well, which only reads: tables are memory that all share.
  Tables& rates_of(const RateParameters& rate) const;
  mutable Tables rates_;
  mutable Tables slow_rates_;
  mutable Tables quotas_;
  Tables permits_;
  // Apart from what every decision reads.
  alignas(64) std::atomic<u64> refused_{0};
  std::atomic<u64> overflowed_{0};
  std::atomic<u64> no_room_{0};
  std::atomic<u64> shadowed_{0};
};

}  // namespace gw::limits
