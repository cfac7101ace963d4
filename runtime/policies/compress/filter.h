// Encodes answers on their way to the client (RFC 9110 sections 8.4 and 12.5.3).
#pragma once
#include "runtime/encoding/encoded_body.h"
#include "runtime/policies/compress/record.h"
#include "runtime/policies/policy.h"

namespace gw::policies {

/// Once per answer, behind everything else that changes it and before its head is written: returns
/// what is to be sent in place of `body` (null: nothing), which is `body` itself or `encoded`. The
/// head in exchange.response says so: Content-Encoding, framing, Vary, a weak ETag, and no field
/// that describes the bytes as they were. Does nothing where the plan has no `compress`.
///
/// `plain`: all bytes of `body`, where they are in memory for as long as the exchange. Where the
/// answer is one of the cache, what was encoded once is returned instead, or is kept.
///
/// `encoded` belongs to who sends the answer, and outlives that. Allocates in the exchange's arena
/// only, once the worker is warm, and what the cache is to keep. Reads nothing from the table after
/// its return.
http::BodySource* compress_answer(Exchange& exchange, http::BodySource* body, Bytes plain,
                                  encoding::EncodedBody& encoded);

}  // namespace gw::policies
