// `rateLimit`, `quota` and `concurrency` to the records of the limits of one operation.
#pragma once
#include <string>
#include <vector>

#include "compiler/passes/effective_operation.h"
#include "compiler/passes/module.h"
#include "runtime/policies/rate_limit/record.h"

namespace gw::compiler {

/// One limit with what a rule wants to know of it.
struct LoweredLimit {
  policies::LimitRecord record;
  std::string_view field;  // "rateLimit", "quota", "concurrency"
  std::string_view name;
  Span span;        // of the limit
  Span key_span;    // of its key; invalid: it has none
  std::string key;  // as JSON
  bool needs_identity = false;
};

struct LoweredLimits {
  std::vector<LoweredLimit> all;
  bool depends_on_operation = false;  // one counts each operation for itself
};

/// The limits of one operation, by kind and name, each with the identity of its counters: the place
/// that declares it first, its name, and what gives its counters their meaning. Reports names that
/// no field can tell and limits that nothing could ever meet.
LoweredLimits lower_limits(Module& module, const GatewayOperation& operation, const Levels& levels,
                           const Effective& fields, const OperationRecord& record);

/// Limits whose key and condition need no identity run before authentication.
policies::RateLimitRecord store_limits(Pools& pools, const std::vector<LoweredLimit>& limits,
                                       bool needs_identity);

}  // namespace gw::compiler
