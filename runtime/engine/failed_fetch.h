// Answers in place of those that upstreams do not give.
#pragma once
#include "runtime/http/exchange.h"

namespace gw::engine {

/// The status that a failure is answered with: 502, 503 or 504, or what the client did wrong.
u16 status_of(const Error& error);

/// Makes exchange.response (and local_body) the answer to `error`: what the upstream says while
/// nothing can be sent to it (`unavailable`), else a problem. `retry_after_seconds` 0: unknown.
void answer_failed_fetch(Exchange& exchange, const Error& error, u32 retry_after_seconds);

/// In place of an answer that breaks the contract, or that broke off before it could be judged:
/// then exchange.error says how. What is wrong with it is for the log.
void answer_refused_response(Exchange& exchange);

}  // namespace gw::engine
