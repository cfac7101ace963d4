// `cache` to the record of its step, and the steps that make stored answers invalid.
#pragma once
#include <vector>

#include "compiler/passes/effective_operation.h"
#include "compiler/passes/lower_security.h"
#include "compiler/passes/module.h"
#include "runtime/policies/cache/record.h"

namespace gw::compiler {

/// What is known of an operation when its cache is lowered.
struct CacheInput {
  const GatewayOperation& operation;
  const Effective& fields;
  const OperationRecord& record;
  const OperationSecurity& security;
  const std::vector<EncodedField>& encoded;  // all effective fields, as text
  bool proxied = false;
  bool streams = false;
  const Effective* view = nullptr;  // as it is written, where the plan is that of a view
};

/// Adds the step of an operation with `cache`; false: it has none, or has no use for it. Reports
/// what contradicts itself, and what could give one caller's answers to another
/// (cache-authenticated-no-key). The step is the operation's own: its keys begin with its name.
bool add_cache_step(Module& module, const CacheInput& input, std::vector<table::StepRecord>& steps);

/// Gives each operation that changes things, and has no step of its own, one that makes answers of
/// the same path invalid, where any are stored (RFC 9111 section 4.4).
void lower_invalidation(Module& module);

}  // namespace gw::compiler
