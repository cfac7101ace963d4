// The answer on its way to the client: the response side of the plan, and the writing.
#pragma once
#include "runtime/http/env.h"

namespace gw::engine {

/// The response side of the plan, as far as it concerns the head alone: of a 101, whose bytes are
/// nobody's but the two ends'.
void change_response_head(Exchange& exchange);

/// Runs the response side over exchange.response and writes it with exchange.local_body.
Task<void> deliver_local(Exchange& exchange, Env& env, Responder& responder);

/// The same with the body of `fetched`, whose head exchange.response has taken over; the caller
/// releases it. `streams`: the table is let go of once the head of a long answer is written. When
/// the body breaks before anything was written, exchange.error says so, !responder.head_sent(), and
/// another answer can be made.
Task<void> deliver_fetched(Exchange& exchange, Env& env, Responder& responder, Fetched& fetched,
                           bool streams);

}  // namespace gw::engine
