// Figures of a running gateway, as /metrics of its admin interface tells them.
#pragma once
#include <array>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/observe/totals.h"

namespace gw::cli {

/// One reading. Families that it does not know are left out, so that it reads those of other
/// versions.
struct MetricReading {
  struct Operation {
    observe::StatusTotals requests{};
    observe::LatencyTotals duration;
    u64 in_flight = 0;
    u64 denials = 0;
  };
  struct Upstream {
    u64 tries = 0;
    u64 failed = 0;  // without an answer
    observe::LatencyTotals duration;
    u64 in_flight = 0;
    u64 targets = 0;
    u64 unusable = 0;  // unhealthy, ejected or drained
  };
  struct Limit {
    std::array<u64, limits::kLimitUses> uses{};  // by limits::LimitUse
    u64 refused = 0;
  };
  std::map<std::string, Operation> operations;
  std::map<std::string, Upstream> upstreams;
  std::map<std::string, Limit> limits;
  u64 connections = 0;
  std::string table;  // digest
  bool ready = true;
};

/// Reads text of version 0.0.4. Lines that are none are left out.
MetricReading read_metrics(std::string_view text);

}  // namespace gw::cli
