// Heads of answers that come out of the cache, or go past it.
#pragma once
#include "runtime/cache/use.h"
#include "runtime/http/env.h"

namespace gw::policies {

/// Fills exchange.response of a stored answer, with Age and Cache-Status, and exchange.local_body:
/// 304, a part or all of it, as the request's conditions and ranges say. `whole_bytes`: of the
/// body, where it is known. The entry stays as long as exchange.response is used.
void write_stored_answer(Exchange& exchange, const cache::Entry& entry, Env& env,
                         cache::Outcome outcome, std::optional<u64> whole_bytes);
/// Adds Cache-Status (RFC 9211) to exchange.response. It tells no key: that would be what callers
/// are known by.
void write_cache_status(Exchange& exchange, bool hit, i64 ttl_ms, bool has_ttl);
/// Makes exchange.response, which says what `fields` say, a 304.
void make_not_modified(Exchange& exchange);

}  // namespace gw::policies
