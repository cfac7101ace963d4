// One fetch for several exchanges: its answer is read along while it comes in (cache/flights.h,
// cache/growing_body.h).
#pragma once
#include "runtime/cache/use.h"
#include "runtime/http/env.h"
#include "runtime/policies/policy.h"

namespace gw::policies {

/// The answer of exchange.cache->flight, which is still coming in: exchange.response is its head,
/// and exchange.cache->source gives its body. False: it is none for this request, by the rules
/// that hold for the store, or it is too late to read it from its beginning.
bool read_along(Exchange& exchange, Env& env);

/// The answer of `entry`, whose body `from` gives, is to be stored when it is whole, and others may
/// read along: exchange.response is its head, exchange.cache->source gives what fill_growing()
/// reads.
void grow(Exchange& exchange, Env& env, std::shared_ptr<cache::Entry> entry,
          http::BodySource& from);
/// Reads all of `from` into exchange.cache->growing, and stores it. What turns out longer than the
/// cache keeps is read as long as others than the exchange itself read it.
Task<void> fill_growing(Exchange& exchange, Env& env, http::BodySource& from);
/// The exchange itself reads no more of its source. Any number of times.
void stop_reading(Exchange& exchange) noexcept;

/// Once, for the leader of a flight; nothing for others.
void end_flight(Exchange& exchange, Env& env, cache::Ending ending);

}  // namespace gw::policies
