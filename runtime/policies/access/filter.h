#pragma once
#include "runtime/policies/access/record.h"
#include "runtime/policies/policy.h"

namespace gw::policies {

/// Whether the request may go on by one rule. Reply: 403. A value that is absent never lets it
/// through.
Verdict check_access(Exchange& exchange, const AccessRecord& record);

}  // namespace gw::policies
