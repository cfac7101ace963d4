#include "runtime/observe/series_count.h"

#include <set>

#include "runtime/observe/counters.h"
#include "runtime/policies/client_class/record.h"
#include "runtime/policies/rate_limit/record.h"
#include "runtime/policies/upstream/record.h"

namespace gw::observe {
namespace {

using policies::PolicyId;

constexpr u64 kHistogram = kLatencyBuckets + 2;  // buckets, sum and count
// Requests and parts by status class, duration; in flight, bytes both ways, aborted.
constexpr u64 kOfOperation = 2 * kStatusClasses + kHistogram + 4;
constexpr u64 kOfCache = cache::kOutcomeCount - 1;
// Tries, answers, duration, retries; connections, in flight, pending, circuit, usable targets;
// three counters of changes.
constexpr u64 kOfUpstream = kTryOutcomes + kStatusClasses + kHistogram + 9;
constexpr u64 kOfTarget = 3;  // healthy, ejected, drained
constexpr u64 kOfClass = kStatusClasses + kHistogram;
constexpr u64 kOfLimit = 2 + limits::kLimitUses;  // refusals enforced and in shadow; use

struct Seen {
  std::set<std::string_view> limits;
  std::set<std::string_view> classes;
};

// Policies that may answer in the place of the action; and what else a plan has names for.
u64 series_of_plan(const table::TableView& view, const table::PlanRecord& plan, Seen& seen) {
  std::set<u16> denying;
  u64 series = 0;
  for (const table::StepRecord& step : view.part(view.steps(), plan.steps)) {
    switch (static_cast<PolicyId>(step.policy)) {
      case PolicyId::Cache:
        series = kOfCache;
        continue;
      case PolicyId::RateLimit:
        for (const auto& limit : view.policy_list<policies::LimitRecord>(
                 view.policy_record<policies::RateLimitRecord>(step.record).limits)) {
          seen.limits.insert(view.text(limit.name));
        }
        break;
      case PolicyId::ClientClass:
        for (const auto& entry : view.policy_list<policies::ClientClassEntry>(
                 view.policy_record<policies::ClientClassRecord>(step.record).classes)) {
          seen.classes.insert(view.text(entry.name));
        }
        break;
      default:
        break;
    }
    if (static_cast<policies::Phase>(step.phase) < policies::Phase::Action) {
      denying.insert(step.policy);
    }
  }
  return series + denying.size();
}

}  // namespace

u64 most_series(const table::TableView& view) {
  Seen seen;
  u64 series = kOfOperation;  // of what has no operation
  for (const table::RouteRecord& route : view.routes()) {
    series += kOfOperation + series_of_plan(view, view.plans()[route.plan], seen);
  }
  for (const policies::UpstreamRecord& upstream : view.upstreams()) {
    series += kOfUpstream + kOfTarget * upstream.targets.count;
  }
  return series + kOfClass * seen.classes.size() + kOfLimit * seen.limits.size();
}

}  // namespace gw::observe
