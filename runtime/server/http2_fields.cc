#include "runtime/server/http2_fields.h"

#include <charconv>

#include "runtime/http/http1_writer.h"
#include "runtime/http/request_rules.h"

namespace gw::server {
namespace {

using http::FieldId;

nghttp2_nv pair(std::string_view name, std::string_view value) {
  nghttp2_nv out;
  // SAFETY: nghttp2 reads what it copies; the pointers are not const for its own use only.
  out.name = reinterpret_cast<u8*>(const_cast<char*>(name.data()));
  out.value = reinterpret_cast<u8*>(const_cast<char*>(value.data()));
  out.namelen = name.size();
  out.valuelen = value.size();
  out.flags = NGHTTP2_NV_FLAG_NONE;
  return out;
}

bool has_place(const http::Field& field) {
  if (!http::is_writable(field)) return false;
  return field.id != FieldId::TransferEncoding && field.id != FieldId::Te;
}

std::string_view number_text(u64 number, Arena& arena) {
  char* const text = static_cast<char*>(arena.allocate(20, 1));
  return {text, static_cast<size_t>(std::to_chars(text, text + 20, number).ptr - text)};
}

}  // namespace

std::span<nghttp2_nv> response_fields(const http::ResponseHead& head,
                                      const Http2HeadExtras& extras) {
  Arena& arena = head.fields.arena();
  auto* list = arena.allocate_array<nghttp2_nv>(head.fields.size() + 4);
  size_t count = 0;
  list[count++] = pair(":status", number_text(head.status, arena));
  bool dated = false;
  for (const http::Field& field : head.fields) {
    if (!has_place(field)) continue;
    const bool replaced =
        field.id == FieldId::StrictTransportSecurity && !extras.strict_transport_security.empty();
    if (replaced) continue;
    dated |= field.id == FieldId::Date;
    // White space around a value makes a client refuse all of it (RFC 9113 section 8.2.1).
    list[count++] = pair(field.name, http::trim(field.value));
  }
  if (!dated && !extras.date.empty()) list[count++] = pair("date", extras.date);
  if (!extras.strict_transport_security.empty()) {
    list[count++] = pair("strict-transport-security", extras.strict_transport_security);
  }
  if (extras.has_length) {
    list[count++] = pair("content-length", number_text(extras.content_length, arena));
  }
  return {list, count};
}

std::span<nghttp2_nv> trailer_fields(const http::FieldList& trailers, Arena& arena) {
  auto* list = arena.allocate_array<nghttp2_nv>(trailers.size());
  size_t count = 0;
  for (const http::Field& field : trailers) {
    if (has_place(field)) list[count++] = pair(field.name, http::trim(field.value));
  }
  return {list, count};
}

}  // namespace gw::server
