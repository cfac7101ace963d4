// Repetitions that cannot happen, and those that make a failure worse.
#pragma once
#include <set>
#include <string_view>
#include <utility>

#include "compiler/passes/module.h"
#include "compiler/xgw/effective.h"
#include "runtime/policies/proxy/record.h"
#include "runtime/policies/settings/record.h"

namespace gw::compiler {

/// Whether findings of RetryCheck depend on more of an operation than its levels: operations of
/// different values must be looked at one by one.
std::string_view retry_kind_of(const GatewayOperation& operation);

/// Whether it takes requests with a key by which the upstream knows a repetition.
bool declares_idempotency_key(const GatewayOperation& operation);

/// Looks at the effective `retry` of operations that are sent upstream; rules timeout-chain (its
/// part about repetitions), retry-non-idempotent, retry-budget and retry-body-unbuffered. Each
/// place of a document is reported once, whatever number of operations inherits it.
class RetryCheck {
 public:
  explicit RetryCheck(Module& module) : module_(module) {}

  struct Subject {
    const GatewayOperation& operation;
    const Effective& fields;
    const policies::SettingsRecord& settings;
    policies::Replay replay;
    bool streams;
  };
  void check(const Subject& subject);

 private:
  void check_time(const Subject& subject);
  void check_causes(const Subject& subject);
  void check_load(const Subject& subject);
  void check_body(const Subject& subject);
  bool is_new(std::string_view rule, Span span);

  Module& module_;
  std::set<std::pair<std::string_view, u64>> reported_;  // rule and place
};

}  // namespace gw::compiler
