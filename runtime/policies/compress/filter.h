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
/// `encoded` belongs to who sends the answer, and outlives that. Allocates in the exchange's arena
/// only, once the worker is warm. Reads nothing from the table after its return.
http::BodySource* compress_answer(Exchange& exchange, http::BodySource* body,
                                  encoding::EncodedBody& encoded);

}  // namespace gw::policies
