#pragma once
#include "runtime/base/task.h"
#include "runtime/http/env.h"
#include "runtime/policies/authorizer/record.h"
#include "runtime/policies/policy.h"

namespace gw::policies {

/// What the authorizer has said. Wait: nothing yet, and no answer is kept: run ask_authorizer(),
/// then this again. Reply: 401 or 403 as it said, or 503 when it said nothing in time. Continue:
/// its fields have taken the place of the client's.
Verdict authorize(Exchange& exchange, Env& env, const AuthorizerRecord& record);

/// Asks it, within its timeout and the deadline of the exchange.
Task<void> ask_authorizer(Exchange& exchange, Env& env, const AuthorizerRecord& record);

}  // namespace gw::policies
