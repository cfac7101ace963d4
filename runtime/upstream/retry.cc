#include "runtime/upstream/retry.h"

#include <algorithm>
#include <span>

#include "runtime/policies/settings/record.h"

namespace gw::upstream {
namespace {

using policies::RetryCauseRecord;
using policies::RetryWord;

constexpr u64 kLongestPause = 10;  // times the first

std::span<const RetryCauseRecord> causes_of(const FetchOptions& options) {
  return {options.retry_causes, options.retry_cause_count};
}

bool has_cause(const FetchOptions& options, RetryWord word) {
  if (options.retry_cause_count == 0) return word != RetryWord::Timeout;
  return std::ranges::any_of(causes_of(options), [&](const RetryCauseRecord& cause) {
    return cause.kind == policies::kRetryOnWord && cause.word == static_cast<u32>(word);
  });
}

}  // namespace

bool may_retry(const FetchOptions& options, const FailedTry& failed) {
  const Error& error = failed.error;
  if (error.origin != Origin::Upstream || failed.answer_begun) return false;
  const bool nothing_sent = error.retry == Retry::Safe || error.retry == Retry::Unseen;
  const bool repeatable = failed.body_kept && (nothing_sent || options.replay_safe);
  switch (error.code) {
    // Without a connection nobody has looked at the body yet.
    case Errc::ConnectFailed:
    case Errc::TlsFailed:
      return nothing_sent && has_cause(options, RetryWord::Connect);
    case Errc::UpstreamTimeout:
      if (nothing_sent) return has_cause(options, RetryWord::Connect);
      return repeatable && has_cause(options, RetryWord::Timeout);
    case Errc::UpstreamClosed:
      return repeatable && has_cause(options, nothing_sent ? RetryWord::Refused : RetryWord::Reset);
    default:
      return false;
  }
}

bool may_retry(const FetchOptions& options, u16 status, bool body_kept) {
  if (!options.replay_safe || !body_kept) return false;
  return std::ranges::any_of(causes_of(options), [&](const RetryCauseRecord& cause) {
    return cause.kind == policies::kRetryOnStatus && cause.status == status;
  });
}

std::chrono::milliseconds pause_before(const FetchOptions& options, u32 number, Random& random) {
  const u64 first = options.retry_backoff_ms;
  const u64 most = std::min(first << std::min(number, 16U), first * kLongestPause);
  return std::chrono::milliseconds(random.next() % (most + 1));
}

std::chrono::milliseconds longest_wait(const FetchOptions& options) {
  return std::chrono::milliseconds(u64{options.retry_backoff_ms} * kLongestPause);
}

bool RetryBudget::take(u32 budget_bp, i64 now_ms) {
  const auto [requests, repetitions] = counts_.sums(kWindowMs, now_ms);
  const u64 allowed = std::max(requests * budget_bp / 10'000, kAlwaysAllowed);
  if (repetitions >= allowed) return false;
  counts_.add(kWindowMs, now_ms, 0, 1);
  return true;
}

}  // namespace gw::upstream
