// Heads and trailers of answers as HTTP/2 has them (RFC 9113 section 8.3.2).
#pragma once
#include <nghttp2/nghttp2.h>

#include <span>
#include <string_view>

#include "runtime/http/message.h"

namespace gw::server {

/// What goes into the head of an answer besides its fields.
struct Http2HeadExtras {
  std::string_view date;                       // empty: none is added
  std::string_view strict_transport_security;  // empty: none
  bool has_length = false;
  u64 content_length = 0;
};

/// `:status` and the fields of `head` that HTTP/2 has a place for. The list is in the arena of the
/// head; nghttp2 makes names lower-case when it copies them.
std::span<nghttp2_nv> response_fields(const http::ResponseHead& head,
                                      const Http2HeadExtras& extras);
std::span<nghttp2_nv> trailer_fields(const http::FieldList& trailers, Arena& arena);

}  // namespace gw::server
