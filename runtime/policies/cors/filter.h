#pragma once
#include "runtime/policies/cors/record.h"
#include "runtime/policies/policy.h"

namespace gw::policies {

/// Whether the request asks for leave to send another one (Fetch, "CORS-preflight request").
bool is_preflight(const http::RequestHead& request);

/// Whether pages of `origin` may read: compared byte by byte, as the standard says.
bool allows_origin(const BoundTable& table, const CorsRecord& record, std::string_view origin);

/// Answers a preflight for a request that `record` belongs to: 204, or 403 for another origin.
void answer_preflight(Exchange& exchange, const CorsRecord& record);

/// Before authentication: 403 for a WebSocket handshake from a page that may not read, since no
/// browser asks for leave before one. Everything else goes on.
Verdict check_origin(Exchange& exchange, const CorsRecord& record);

/// Replaces the upstream's fields of an answer by those of `record`; all answers, errors included.
void write_cors_fields(Exchange& exchange, const CorsRecord& record);

}  // namespace gw::policies
