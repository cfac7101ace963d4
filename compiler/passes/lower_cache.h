// `cache` to the record of its step, and the steps that make stored answers invalid.
#pragma once
#include <optional>
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
};

/// The record of the step of an operation with `cache`; nothing: it has no use there. Reports what
/// contradicts itself, and what could give one caller's answers to another
/// (cache-authenticated-no-key).
std::optional<policies::CacheRecord> lower_cache(Module& module, const CacheInput& input);

/// Gives each operation that changes things, and has no step of its own, one that makes answers of
/// the same path invalid, where any are stored (RFC 9111 section 4.4).
void lower_invalidation(Module& module);

}  // namespace gw::compiler
