// What a gateway does for gRPC besides passing it on ("gRPC over HTTP2" of the gRPC project).
#pragma once
#include <chrono>

#include "runtime/http/exchange.h"

namespace gw::engine {

/// Whether the client speaks gRPC: Content-Type application/grpc, with `+` or parameters behind it.
bool is_grpc(const http::RequestHead& request);

/// Value of grpc-timeout: 1 to 8 digits and a unit of H, M, S, m, u, n. Rounded up to milliseconds.
/// False: malformed.
bool parse_grpc_timeout(std::string_view text, std::chrono::milliseconds& out);

/// Turns an answer of the gateway's own, with an error status, into one that a gRPC client
/// understands: 200, grpc-status and grpc-message, no body ("Trailers-Only"). Leaves others alone.
void answer_as_grpc(Exchange& exchange);

/// The same for an answer that has broken off behind its head, because of exchange.error, which
/// `status` stands for: trailers that end it. False: it is not gRPC, and has to be reset.
bool end_as_grpc(const Exchange& exchange, u16 status, http::FieldList& trailers);

}  // namespace gw::engine
