// Request bodies that go upstream decoded (`decompressRequests`).
#pragma once
#include "runtime/encoding/decoded_body.h"
#include "runtime/http/exchange.h"

namespace gw::engine {

/// Makes `body`, that of the request (null: none), a source of what it is when it is decoded, of
/// at most `limit_bytes`; exchange.upstream_request says so. What was decoded to be judged is not
/// decoded again. `storage` must outlive the use of `body`. False: the coding is not one of ours,
/// and exchange.response is 415 with the codings that are (RFC 9110 section 15.5.16).
///
/// `no-transform` does not hold this up: the upstream that cannot decode has told us to do it, and
/// to the client both are one server.
bool decompress_request(Exchange& exchange, u64 limit_bytes, encoding::DecodedBody& storage,
                        http::BodySource*& body);

}  // namespace gw::engine
