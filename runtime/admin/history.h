// The last minutes of the gateway's counters, in steps of a few seconds: what plots show.
#pragma once
#include <array>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "runtime/observe/totals.h"

namespace gw::admin {

/// How far apart samples are taken.
inline constexpr u32 kSampleIntervalMs = 5'000;
/// How many are kept: 10 minutes.
inline constexpr size_t kSamplesKept = 120;
/// Operations with a history of their own; all others have one together.
inline constexpr size_t kOperationsSampled = 50;

/// What has come since the sample before, but for `in_flight`. Counts stop at their maximum.
struct Sample {
  i64 unix_ms = 0;  // its end
  std::array<u32, observe::kStatusClasses> requests{};
  u32 p50_us = 0;  // 0: no request has ended
  u32 p95_us = 0;
  u32 p99_us = 0;
  u32 in_flight = 0;  // at its end
  // Of the whole alone.
  u32 tries = 0;         // at targets
  u32 failed_tries = 0;  // without an answer, or with one of 5xx
  u32 cache_hits = 0;    // answered from the cache
  u32 cache_misses = 0;
  u32 refused = 0;  // by limits

  bool is_empty() const;
};

/// The last kSamplesKept samples.
class SampleRing {
 public:
  void add(const Sample& sample);
  size_t size() const { return size_; }
  /// 0 is the oldest.
  const Sample& operator[](size_t index) const;
  const Sample& back() const { return (*this)[size_ - 1]; }

 private:
  std::array<Sample, kSamplesKept> samples_{};
  size_t next_ = 0;
  size_t size_ = 0;
};

/// Of one operation. `samples` may be fewer than those of the whole: it has come later.
struct OperationHistory {
  explicit OperationHistory(std::string_view of) : name(of) {}
  const std::string name;
  SampleRing samples;
};

/// Memory: about 500 KB, however many operations there are, and while a sample is taken a few words
/// for each. One thread, the only one that samples these counters (Series::sampled).
class History {
 public:
  History();
  ~History();

  /// What `workers` have counted since the last time. 10,000 operations on two workers take about
  /// 3 ms. Counters that were forgotten since count as if they had stood still.
  void sample(i64 unix_ms, std::span<const observe::WorkerCounters* const> workers);

  const SampleRing& whole() const { return whole_; }
  /// What the operations below leave of the whole.
  const SampleRing& rest() const { return rest_; }
  /// Those with the most traffic lately, in no order.
  std::vector<const OperationHistory*> operations() const;

 private:
  struct Reading;
  struct Followed;
  struct Newcomer;
  struct AllSeries;

  Reading read_all(const AllSeries& all);
  void admit(const AllSeries& all);
  bool make_room(u64 requests);
  Sample step(Followed& followed, Reading& rest) const;

  std::unordered_map<std::string_view, std::unique_ptr<Followed>> followed_;  // by its own name
  std::unordered_map<std::string_view, u64> others_;  // requests of the rest, during a sample
  std::unique_ptr<Reading> before_;
  SampleRing whole_;
  SampleRing rest_;
  i64 now_ms_ = 0;
};

}  // namespace gw::admin
