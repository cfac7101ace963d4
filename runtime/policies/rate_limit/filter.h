#pragma once
#include "runtime/http/env.h"
#include "runtime/limits/exchange_limits.h"
#include "runtime/policies/policy.h"
#include "runtime/policies/rate_limit/record.h"

namespace gw::policies {

/// Asks all limits of one phase. Either all of them are charged and the exchange goes on, or none
/// is and the answer is a 429. Permits that it takes are in exchange.limits until
/// release_permits(). Memory: the exchange's arena. No lock.
Verdict check_limits(Exchange& exchange, const RateLimitRecord& record, const Env& env);

/// Adds RateLimit and RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers-11, sections 3 and 4)
/// to the answer, in place of an upstream's, where limits want to be told of. Of its parameters
/// `pk` is left out: a partition key would be the consumer, claim or address that a limit counts
/// by. Allocates nothing once the thread has written fields of that length.
void write_limit_fields(Exchange& exchange);

/// Gives back what the exchange holds. Any number of times.
void release_permits(Exchange& exchange, limits::CounterStore& counters);

}  // namespace gw::policies
