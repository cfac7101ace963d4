// `compose` of an operation to the record that puts its answer together.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "compiler/passes/lower_security.h"
#include "compiler/passes/module.h"
#include "compiler/xgw/effective.h"
#include "compiler/xgw/language.h"

namespace gw::compiler {

struct LoweredCompose {
  std::optional<policies::ComposeRecord> record;  // none: something is wrong, and reported
  std::vector<u32> upstreams = {};                // that are asked directly
  bool reads_request_body = false;
};

/// `compose` is effective and set. Orders the calls by what they use of each other; reports
/// circles, operations and parameters that there are not, security that the caller's does not
/// imply, and calls that would lack what they need. Adds to `encoded`.
LoweredCompose lower_compose(Module& module, Encoder& encoder, SecurityLowerer& security,
                             const PlannedOperation& operation, const Effective& compose,
                             const EncodeScope& scope, std::vector<EncodedField>& encoded);

/// Names of the calls whose values a text or value uses: of `$calls.NAME`.
std::vector<std::string> calls_used_by(const Effective& value);

}  // namespace gw::compiler
