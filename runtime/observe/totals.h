// What all workers have counted, added up.
#pragma once
#include <map>
#include <span>
#include <string>

#include "runtime/observe/counters.h"

namespace gw::observe {

struct LatencyTotals {
  std::array<u64, kLatencyBuckets> buckets{};
  u64 sum_us = 0;

  u64 count() const;
  /// The time that `share` (0 to 1) of them did not exceed, guessed within its bucket; 0: none.
  u64 quantile_us(double share) const;
  void add(const LatencyCounts& counts);
  /// What has come since `before`, an earlier reading of the same.
  LatencyTotals since(const LatencyTotals& before) const;
};

using StatusTotals = std::array<u64, kStatusClasses>;

struct OperationTotals {
  StatusTotals requests{};
  StatusTotals parts{};
  std::array<u64, kPolicySlots> denials{};
  std::array<u64, cache::kOutcomeCount> cache{};
  LatencyTotals duration;
  u64 request_bytes = 0;
  u64 response_bytes = 0;
  u64 aborted = 0;
  u64 in_flight = 0;

  u64 count() const;
};

struct UpstreamTotals {
  std::array<u64, kTryOutcomes> tries{};
  StatusTotals answers{};
  LatencyTotals duration;
  u64 retries = 0;
};

struct ClassTotals {
  StatusTotals requests{};
  LatencyTotals duration;
};

struct LimitTotals {
  u64 refused = 0;
  u64 would_refuse = 0;
  std::array<u64, limits::kLimitUses> uses{};
};

/// By name, sorted.
struct Totals {
  std::map<std::string, OperationTotals> operations;
  std::map<std::string, UpstreamTotals> upstreams;
  std::map<std::string, ClassTotals> classes;
  std::map<std::string, LimitTotals> limits;

  void add(const WorkerCounters& worker);
  /// The same without its operations, which may be many.
  void add_shared(const WorkerCounters& worker);
};

/// Of limits alone.
std::map<std::string, LimitTotals> limit_totals(std::span<const WorkerCounters* const> workers);

}  // namespace gw::observe
