#include "runtime/observe/counters.h"

#include "runtime/base/check.h"

namespace gw::observe {

std::string_view status_class_name(StatusClass status_class) {
  static constexpr std::string_view kNames[kStatusClasses] = {"1xx", "2xx", "3xx",
                                                              "4xx", "5xx", "other"};
  return kNames[static_cast<size_t>(status_class)];
}

TryOutcome try_outcome_of(u16 status, Errc error) {
  if (status != 0) return TryOutcome::Answered;
  switch (error) {
    case Errc::ConnectFailed:
    case Errc::TlsFailed:
      return TryOutcome::ConnectFailed;
    case Errc::UpstreamClosed:
    case Errc::PeerClosed:
      return TryOutcome::Closed;
    case Errc::UpstreamTimeout:
      return TryOutcome::TimedOut;
    case Errc::UpstreamInvalid:
      return TryOutcome::Invalid;
    case Errc::UpstreamOverflow:
      return TryOutcome::Overflow;
    case Errc::CircuitOpen:
      return TryOutcome::CircuitOpen;
    case Errc::Cancelled:
      return TryOutcome::Cancelled;
    default:
      return TryOutcome::Failed;
  }
}

std::string_view try_outcome_name(TryOutcome outcome) {
  static constexpr std::string_view kNames[kTryOutcomes] = {
      "answered", "connect-failed", "closed",    "timed-out", "invalid",
      "overflow", "circuit-open",   "no-target", "cancelled", "failed"};
  return kNames[static_cast<size_t>(outcome)];
}

}  // namespace gw::observe
