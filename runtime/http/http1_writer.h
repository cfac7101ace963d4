// Heads of HTTP/1 messages as bytes.
#pragma once
#include <string_view>

#include "runtime/http/message.h"

namespace gw::http {

/// What the writer adds to a response of its own.
struct ResponseExtras {
  std::string_view date;  // value of Date, used when the response has none; empty: none
  std::string_view strict_transport_security;  // replaces what the response has; empty: left alone
  bool close = false;                          // `Connection: close`
  bool keep_alive = false;                     // `Connection: keep-alive`, for HTTP/1.0 clients
  Framing framing = Framing::None;
  u64 content_length = 0;  // with Framing::Length
};

/// Serialises a head into the arena of its fields. Framing and hop-by-hop fields of the list are
/// left out, as is any field whose value would break its line (no response splitting).
Bytes write_response_head(const ResponseHead& head, const ResponseExtras& extras);
/// A 1xx head.
Bytes write_interim_head(const ResponseHead& head);

/// The same for a request to an upstream: origin-form of path and query, Host from `authority`, or
/// `default_host` when the client named none (HTTP/1.0).
/// Expect is left out, since the gateway answers it itself. `framing` is that of the body as it
/// will be sent; `path_prefix` is the target's own, put before the path.
Bytes write_request_head(const RequestHead& head, std::string_view path_prefix,
                         std::string_view default_host, Framing framing, u64 content_length);

/// Trailer lines and the empty line that ends them.
Bytes write_trailers(const FieldList* trailers, Arena& arena);

/// Room for a chunk's size line.
struct ChunkPrefix {
  char text[20];
  size_t size = 0;
};
void write_chunk_prefix(u64 bytes, ChunkPrefix& out);

/// Whether a field of a head goes on the wire: not removed, none that the writer makes itself or
/// that belongs to a hop, and no byte that would break its line.
bool is_writable(const Field& field);

}  // namespace gw::http
