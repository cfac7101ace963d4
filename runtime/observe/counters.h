// What one worker counts.
#pragma once
#include <array>
#include <string_view>

#include "runtime/base/error.h"
#include "runtime/cache/use.h"
#include "runtime/limits/exchange_limits.h"
#include "runtime/observe/count.h"
#include "runtime/observe/recent.h"
#include "runtime/observe/series.h"
#include "runtime/policies/policy_list.h"

namespace gw::observe {

/// Statuses by their first digit; Other: none, or one that is no status.
enum class StatusClass : u8 {
  Informational,
  Success,
  Redirection,
  ClientError,
  ServerError,
  Other,
};
inline constexpr size_t kStatusClasses = 6;
constexpr StatusClass status_class_of(u16 status) {
  return status < 100 || status >= 600 ? StatusClass::Other
                                       : static_cast<StatusClass>(status / 100 - 1);
}
std::string_view status_class_name(StatusClass status_class);  // "2xx"

/// How a try at a target went.
enum class TryOutcome : u8 {
  Answered,  // a head came
  ConnectFailed,
  Closed,  // before an answer, or within its head
  TimedOut,
  Invalid,   // what came is no answer
  Overflow,  // no connection was to be had
  CircuitOpen,
  NoTarget,   // that could be used
  Cancelled,  // nobody waits for it any more
  Failed,     // anything else
};
inline constexpr size_t kTryOutcomes = 10;
TryOutcome try_outcome_of(u16 status, Errc error);
std::string_view try_outcome_name(TryOutcome outcome);  // "connect-failed"

/// Beyond the highest id of policies.def.
inline constexpr size_t kPolicySlots = 32;

/// Of an operation; what has none counts under the name kNoOperation.
struct OperationCounters {
  std::array<Count, kStatusClasses> requests;
  std::array<Count, kStatusClasses> parts;  // as a part of a composition
  std::array<Count, kPolicySlots> denials;  // by PolicyId: that has answered in its place
  std::array<Count, cache::kOutcomeCount> cache;
  LatencyCounts duration;
  Count request_bytes;
  Count response_bytes;
  Count aborted;    // the client has gone, or the answer broke off
  Count in_flight;  // now
};
/// No operation can be called so: ids have no blanks and parentheses.
inline constexpr std::string_view kNoOperation = "(none)";

struct UpstreamCounters {
  std::array<Count, kTryOutcomes> tries;
  std::array<Count, kStatusClasses> answers;
  LatencyCounts duration;  // of tries
  Count retries;           // tries beyond the first
};

struct ClassCounters {
  std::array<Count, kStatusClasses> requests;
  LatencyCounts duration;
};

struct LimitCounters {
  Count refused;
  Count would_refuse;                          // in shadow mode
  std::array<Count, limits::kLimitUses> uses;  // decisions, by limits::LimitUse
};

/// Owned by its worker, which alone counts; read by any thread.
struct WorkerCounters {
  SeriesMap<OperationCounters> operations;
  SeriesMap<UpstreamCounters> upstreams;
  SeriesMap<ClassCounters> classes;
  SeriesMap<LimitCounters> limits;
  RecentRequests recent;
};

}  // namespace gw::observe
