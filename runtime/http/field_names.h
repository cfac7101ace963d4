// Names of fields that a request must not bring to an upstream, beyond those of one hop.
#pragma once
#include <string_view>

namespace gw::http {

/// Whether `name` is not Content-Length or Transfer-Encoding but has their letters in their order:
/// `Content_Length`, `TransferEncoding`, `~Transfer-Encoding`. A next server that drops or maps
/// other bytes of names takes it for one. No allocation; most names are told by their first byte.
bool looks_like_framing(std::string_view name);

/// Whether a field asks a server for another path or method than those of the request line
/// (`X-Original-URL`, `X-HTTP-Method-Override`), or becomes an environment variable that programs
/// obey (`Proxy`). `_` counts as `-`.
bool overrides_request(std::string_view name);

/// Whether a field tells a server who the client is or how it came, in a way of its own
/// (`X-Real-IP`, any `X-Forwarded-...`). Only a trusted proxy may send it. `_` counts as `-`.
bool claims_forwarding(std::string_view name);

}  // namespace gw::http
