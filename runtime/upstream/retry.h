// Whether, when and how often a request is sent once more.
#pragma once
#include <chrono>

#include "runtime/http/env.h"
#include "runtime/upstream/state.h"

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

/// A share of what an upstream has in flight may be repetitions, so that they do not bury one that
/// is overloaded. Exact over all workers. Three at a time may always be.
class RetryPermit {
 public:
  explicit RetryPermit(UpstreamState& state) : state_(state) {}
  RetryPermit(const RetryPermit&) = delete;
  RetryPermit& operator=(const RetryPermit&) = delete;
  ~RetryPermit();
  /// True also when it has been taken before.
  bool take(u32 budget_bp);

 private:
  UpstreamState& state_;
  bool taken_ = false;
};

}  // namespace gw::upstream
