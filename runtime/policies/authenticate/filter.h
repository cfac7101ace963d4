#pragma once
#include "runtime/base/task.h"
#include "runtime/http/env.h"
#include "runtime/policies/authenticate/record.h"
#include "runtime/policies/policy.h"

namespace gw::policies {

/// Looks for an alternative of which every scheme is proved. Continue: exchange.identity says who
/// calls, and the credentials are gone from the request. Reply: 401 with a challenge for each
/// alternative, 403 when scopes are missing, 503 when it cannot be told. Wait: run
/// resolve_proofs(), then this again. An alternative without schemes holds for whoever brings no
/// credential; a wrong one is never taken for none.
Verdict authenticate(Exchange& exchange, Env& env, const AuthenticateRecord& record);

/// Asks about every proof that is pending.
Task<void> resolve_proofs(Exchange& exchange, Env& env);

}  // namespace gw::policies
