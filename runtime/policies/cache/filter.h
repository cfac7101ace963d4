// The cache within one exchange: look-up, fetch, answer. exchange.cache is what it has noted.
#pragma once
#include "runtime/cache/use.h"
#include "runtime/http/env.h"
#include "runtime/policies/cache/record.h"
#include "runtime/policies/policy.h"

namespace gw::policies {

/// The step of the request side. Reply: exchange.response and local_body are of a stored answer, or
/// exchange.cache->source gives the body. Wait: another exchange fetches the same;
/// wait_for_answer() must be run, and then this again. Takes a lock for the time of a look-up, and
/// copies no body.
Verdict look_up(Exchange& exchange, Env& env, const CacheRecord& record);
Task<void> wait_for_answer(Exchange& exchange, Env& env);

/// Before the request of an exchange with exchange.cache is sent: conditions of the client are kept
/// back where the answer may be stored, those of what is stored are put in.
void prepare_fetch(Exchange& exchange, Env& env);
/// The fetch has failed. True: exchange.response and local_body are a stored answer, which may be
/// given out where the upstream fails.
bool cover_failure(Exchange& exchange, Env& env);
/// The head of `fetched` has come. True: the answer is in exchange.response and local_body, after a
/// 304 to what was asked about, or in place of an error; `fetched` is not wanted any more.
bool answer_from_stored(Exchange& exchange, Env& env, const Fetched& fetched);

/// What is to become of an answer that was fetched, whose head is in exchange.response.
enum class Keeping : u8 {
  PassOn,  // it is not kept
  Stored,  // it is in the store, and in exchange.response and local_body
  Grows,   // it comes in by fill_growing() of shared_fetch.h, and exchange.cache->source gives it
};
/// `fetched.body` may be null.
Keeping keep_answer(Exchange& exchange, Env& env, Fetched& fetched);

/// A refresh begins: `exchange` is a copy of one that was given `entry`, and leads `flight`.
void begin_refresh(Exchange& exchange, Env& env, const CacheRecord& record,
                   std::shared_ptr<cache::Flight> flight, const cache::EntryPtr& entry);
/// Ends the use of the cache, however the exchange has ended. Any number of times.
void release_cache(Exchange& exchange, Env& env) noexcept;

}  // namespace gw::policies
