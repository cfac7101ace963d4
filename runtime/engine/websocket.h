// The opening handshake of WebSocket, as a gateway sees it (RFC 6455 section 4).
#pragma once
#include "runtime/http/exchange.h"

namespace gw::engine {

inline constexpr std::string_view kWebSocket = "websocket";

/// Whether a client asks for it: Upgrade names it, and Connection names Upgrade.
bool asks_for_websocket(const http::RequestHead& request);

/// What is wrong with such a request: 0 nothing, 400, or 426 for a version other than 13. Looks at
/// the fields that are about to be sent upstream, so that what is checked is what is forwarded.
u16 refuse_websocket(const http::RequestHead& request, const http::FieldList& forwarded);

/// Whether a 101 answers the key in `forwarded`, which refuse_websocket() has found well formed.
bool accepts_websocket(const http::FieldList& forwarded, const http::FieldList& answer);

}  // namespace gw::engine
