// `allow`, `deny` and `equals` to steps.
#pragma once
#include <string>
#include <vector>

#include "compiler/passes/module.h"
#include "compiler/xgw/effective.h"
#include "runtime/policies/access/record.h"
#include "runtime/policies/policy_list.h"

namespace gw::compiler {

struct AccessStep {
  policies::Phase phase;
  policies::AccessRecord record;
};

/// Conditions that look at nobody's identity run before authentication, the others after it. Each
/// condition is added to `encoded`, for `explain` and `inspect`.
std::vector<AccessStep> lower_access(Module& module, const GatewayOperation& operation,
                                     const Effective& fields, const EncodeScope& scope,
                                     std::vector<EncodedField>& encoded);

/// Tells operations apart whose parameters must equal other things.
std::string key_of_equals(const GatewayOperation& operation);

}  // namespace gw::compiler
