// The circuit breaker of an upstream: while too many requests fail, none is sent.
#pragma once
#include <atomic>
#include <mutex>

#include "runtime/base/types.h"
#include "runtime/upstream/sliding_counts.h"

namespace gw::upstream {

struct BreakerOptions {
  u32 failures_bp = 0;     // opens at this share of failures, in hundredths of a percent; 0: never
  u32 requests = 20;       // but not with fewer tries in the window
  u32 window_ms = 10'000;  // what counts is not older
  u32 open_ms = 10'000;    // nothing is sent for so long
  u32 probes = 3;          // then so many at a time; closes when so many have succeeded
};

/// Closed: every try passes and counts. Open: none passes. Half-open: probes pass; one that fails
/// opens it anew. Shared by all workers; any thread. While closed entering is one load, and leaving
/// one compare-and-swap. The state outlives a change of tables, the options come with each call.
class Breaker {
 public:
  enum class Pass : u8 { Counted, Probe, Refused };
  struct Entry {
    Pass pass = Pass::Counted;
    u32 retry_after_ms = 0;  // of Refused: not before
  };
  enum class Result : u8 { Success, Failure, Neither };  // Neither: says nothing of the upstream
  enum class Change : u8 { None, Opened, Closed };

  Breaker() = default;
  Breaker(const Breaker&) = delete;
  Breaker& operator=(const Breaker&) = delete;

  /// `now_ms`: steady time. Each entry that is not refused is followed by one leave().
  Entry enter(const BreakerOptions& options, i64 now_ms);
  /// What has changed by it, for the log; told to one caller.
  Change leave(const BreakerOptions& options, Pass pass, Result result, i64 now_ms);

  bool is_open(i64 now_ms) const { return open_until_ms_.load(std::memory_order_relaxed) > now_ms; }
  i64 open_until_ms() const { return open_until_ms_.load(std::memory_order_relaxed); }

 private:
  bool fails_too_often(const BreakerOptions& options, i64 now_ms) const;
  Change leave_probe(const BreakerOptions& options, Result result, i64 now_ms);
  void open(const BreakerOptions& options, i64 now_ms);

  SlidingCounts tries_;                // that succeeded, that failed
  std::atomic<i64> open_until_ms_{0};  // 0: closed; in the past: half-open. Written with the mutex
  std::mutex mutex_;
  u32 probing_ = 0;  // probes under way
  u32 succeeded_ = 0;
};

}  // namespace gw::upstream
