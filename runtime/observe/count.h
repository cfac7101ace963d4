// Numbers that one thread changes while any may read them.
#pragma once
#include <array>
#include <atomic>

#include "runtime/base/types.h"

namespace gw::observe {

/// Changed by one thread only, so that no locked instruction is needed: a change is a load and a
/// store of a word. Others see it soon.
class Count {
 public:
  void add(u64 by) noexcept { store(value() + by); }
  void subtract(u64 by) noexcept { store(value() - by); }
  u64 value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  void store(u64 value) noexcept { value_.store(value, std::memory_order_relaxed); }
  std::atomic<u64> value_{0};
};

/// Upper bounds of the buckets of all histograms, in microseconds. The last bucket has none.
inline constexpr std::array<u32, 18> kLatencyBounds = {
    100,     250,     500,     1'000,   2'500,     5'000,     10'000,    25'000,     50'000,
    100'000, 250'000, 500'000, 750'000, 1'000'000, 2'500'000, 5'000'000, 10'000'000, 30'000'000};
inline constexpr size_t kLatencyBuckets = kLatencyBounds.size() + 1;

/// The first bucket whose bound is not below `microseconds`. No branch depends on the value.
constexpr size_t latency_bucket(u64 microseconds) {
  size_t bucket = 0;
  for (const u32 bound : kLatencyBounds) bucket += microseconds > bound ? 1 : 0;
  return bucket;
}

/// How often something took how long.
class LatencyCounts {
 public:
  void add(u64 microseconds) noexcept {
    buckets_[latency_bucket(microseconds)].add(1);
    sum_.add(microseconds);
  }
  u64 bucket(size_t index) const noexcept { return buckets_[index].value(); }
  u64 sum_us() const noexcept { return sum_.value(); }

 private:
  std::array<Count, kLatencyBuckets> buckets_;
  Count sum_;
};

}  // namespace gw::observe
