#pragma once
#include "runtime/policies/policy.h"
#include "runtime/policies/respond/record.h"

namespace gw::policies {

/// Makes the fixed answer. Always Reply.
Verdict respond(Exchange& exchange, const RespondRecord& record);

/// The answer of an upstream that cannot be used, when one is configured.
void respond_unavailable(Exchange& exchange, const UnavailableRecord& record);

}  // namespace gw::policies
