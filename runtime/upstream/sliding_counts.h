// Two counts of what happened lately, without a lock.
#pragma once
#include <array>
#include <atomic>

#include "runtime/base/types.h"

namespace gw::upstream {

/// Counts over a window that slides in ten steps. Any thread; adding is one compare-and-swap. Times
/// are steady milliseconds; callers may differ by less than a window.
class SlidingCounts {
 public:
  struct Sums {
    u64 first = 0;
    u64 second = 0;
  };

  SlidingCounts() = default;
  SlidingCounts(const SlidingCounts&) = delete;
  SlidingCounts& operator=(const SlidingCounts&) = delete;

  /// Beyond 16 million in a tenth both are halved, so that their ratio stays.
  void add(u32 window_ms, i64 now_ms, u32 first, u32 second);
  /// Of the nine tenths that are over and the one that runs.
  Sums sums(u32 window_ms, i64 now_ms) const;
  void clear();

 private:
  static constexpr u32 kTenths = 10;

  std::array<std::atomic<u64>, kTenths> tenths_{};
};

}  // namespace gw::upstream
