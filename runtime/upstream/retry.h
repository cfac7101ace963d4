// Whether, when and how often a request is sent once more.
#pragma once
#include <chrono>

#include "runtime/http/env.h"
#include "runtime/upstream/sliding_counts.h"

namespace gw::upstream {

/// How a try has ended without an answer.
struct FailedTry {
  Error error;
  bool answer_begun = false;  // bytes of an answer have come
  bool body_kept = true;      // all of the request's body is still at hand, or it has none
};

/// Whether what has happened is one of the causes, and a repetition is safe: nothing was sent, or
/// the request may be repeated and no byte of an answer has come.
bool may_retry(const FetchOptions& options, const FailedTry& failed);
/// The same for an answer with `status`, whose body is thrown away then.
bool may_retry(const FetchOptions& options, u16 status, bool body_kept);

/// The pause before repetition `number` (0: the first): drawn from 0 up to a bound that doubles.
std::chrono::milliseconds pause_before(const FetchOptions& options, u32 number, Random& random);

/// How long one waits for a target that says when it will do to ask it again: as long as the
/// longest pause there may be.
std::chrono::milliseconds longest_wait(const FetchOptions& options);

/// At most a share of the upstream's requests of the last ten seconds is sent once more, so that
/// repetitions do not bury one that is overloaded; a burst of failures, as when a target dies, is
/// within it. A hundred may always be. Shared by all workers; any thread.
class RetryBudget {
 public:
  static constexpr u32 kWindowMs = 10'000;
  static constexpr u64 kAlwaysAllowed = 100;

  void add_requests(u32 count, i64 now_ms) { counts_.add(kWindowMs, now_ms, count, 0); }
  /// True: there may be one more, and it is counted.
  bool take(u32 budget_bp, i64 now_ms);

 private:
  SlidingCounts counts_;  // of requests, of repetitions
};

}  // namespace gw::upstream
