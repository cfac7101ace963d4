#pragma once
#include "runtime/policies/mock/record.h"
#include "runtime/policies/policy.h"

namespace gw::policies {

/// Answers from the examples that the compiler collected, honouring `Prefer: code=404` and
/// `Prefer: example=NAME` (RFC 7240 syntax) and Accept as far as media types are equal. Always
/// Reply: 404 problem when a preferred answer does not exist, 501 when there is none at all.
Verdict mock(Exchange& exchange, const MockRecord& record);

}  // namespace gw::policies
