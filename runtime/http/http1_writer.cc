#include "runtime/http/http1_writer.h"

#include <charconv>
#include <cstring>

#include "runtime/http/http1_head.h"

namespace gw::http {
namespace {

// Writes into room that was measured before.
class Writer {
 public:
  Writer(Arena& arena, size_t room) : begin_(static_cast<char*>(arena.allocate(room, 1))) {
    to_ = begin_;
    end_ = begin_ + room;
  }
  void text(std::string_view text) {
    if (text.empty()) return;
    GW_CHECK(static_cast<size_t>(end_ - to_) >= text.size());
    std::memcpy(to_, text.data(), text.size());
    to_ += text.size();
  }
  void number(u64 value) {
    GW_CHECK(end_ - to_ >= 20);
    to_ = std::to_chars(to_, end_, value).ptr;
  }
  void field(std::string_view name, std::string_view value) {
    text(name);
    text(": ");
    text(value);
    text("\r\n");
  }
  Bytes written() const { return as_bytes({begin_, static_cast<size_t>(to_ - begin_)}); }

 private:
  char* begin_;
  char* to_;
  char* end_;
};

// Start line, framing, Date, Connection and Host on top of the list.
constexpr size_t kFixedBytes = 256;

size_t measure(const FieldList& fields) {
  size_t bytes = kFixedBytes;
  for (const Field& field : fields) bytes += field.name.size() + field.value.size() + 4;
  return bytes;
}

bool belongs_to_hop(FieldId id) {
  switch (id) {
    case FieldId::Connection:
    case FieldId::ContentLength:
    case FieldId::TransferEncoding:
    case FieldId::KeepAlive:
    case FieldId::ProxyConnection:
    case FieldId::Upgrade:
    case FieldId::Http2Settings:
      return true;
    default:
      return false;
  }
}

void write_framing(Writer& writer, Framing framing, u64 content_length) {
  if (framing == Framing::Length) {
    writer.text("Content-Length: ");
    writer.number(content_length);
    writer.text("\r\n");
  } else if (framing == Framing::Chunked) {
    writer.text("Transfer-Encoding: chunked\r\n");
  }
}

void write_status_line(Writer& writer, const ResponseHead& head) {
  writer.text("HTTP/1.1 ");
  writer.number(head.status);
  writer.text(" ");
  const bool usable = !head.reason.empty() && is_field_value(head.reason);
  writer.text(usable ? head.reason : reason_phrase(head.status));
  writer.text("\r\n");
}

void write_upgrade(Writer& writer, std::string_view protocol) {
  if (protocol.empty()) return;
  writer.field("Connection", "upgrade");
  writer.field("Upgrade", protocol);
}

}  // namespace

bool is_writable(const Field& field) {
  if (field.removed || belongs_to_hop(field.id)) return false;
  if (field.checked) return true;
  return is_field_value(field.value) && (field.id != FieldId::Other || is_token(field.name));
}

Bytes write_response_head(const ResponseHead& head, const ResponseExtras& extras) {
  Writer writer(head.fields.arena(), measure(head.fields) + head.reason.size() +
                                         head.upgrade.size() +
                                         extras.strict_transport_security.size());
  write_status_line(writer, head);
  bool dated = false;
  for (const Field& field : head.fields) {
    if (!is_writable(field)) continue;
    const bool replaced =
        field.id == FieldId::StrictTransportSecurity && !extras.strict_transport_security.empty();
    if (replaced) continue;
    dated |= field.id == FieldId::Date;
    writer.field(field.name, field.value);
  }
  if (!dated && !extras.date.empty()) writer.field("Date", extras.date);
  if (!extras.strict_transport_security.empty()) {
    writer.field("Strict-Transport-Security", extras.strict_transport_security);
  }
  write_upgrade(writer, head.upgrade);
  if (extras.close) {
    writer.text("Connection: close\r\n");
  } else if (extras.keep_alive) {
    writer.text("Connection: keep-alive\r\n");
  }
  write_framing(writer, extras.framing, extras.content_length);
  writer.text("\r\n");
  return writer.written();
}

Bytes write_interim_head(const ResponseHead& head) {
  Writer writer(head.fields.arena(), measure(head.fields) + head.reason.size());
  write_status_line(writer, head);
  for (const Field& field : head.fields) {
    if (is_writable(field)) writer.field(field.name, field.value);
  }
  writer.text("\r\n");
  return writer.written();
}

Bytes write_request_head(const RequestHead& head, std::string_view path_prefix,
                         std::string_view default_host, Framing framing, u64 content_length) {
  const std::string_view host = head.authority.empty() ? default_host : head.authority;
  Writer writer(head.fields.arena(), measure(head.fields) + head.method_text.size() +
                                         path_prefix.size() + head.path.size() + head.query.size() +
                                         host.size() + head.upgrade.size());
  writer.text(head.method_text);
  writer.text(" ");
  writer.text(path_prefix);
  writer.text(head.path);
  if (head.has_query) {
    writer.text("?");
    writer.text(head.query);
  }
  writer.text(" HTTP/1.1\r\n");
  writer.field("Host", host);
  for (const Field& field : head.fields) {
    if (field.id == FieldId::Host || field.id == FieldId::Expect) continue;
    if (is_writable(field)) writer.field(field.name, field.value);
  }
  write_upgrade(writer, head.upgrade);
  write_framing(writer, framing, content_length);
  writer.text("\r\n");
  return writer.written();
}

Bytes write_trailers(const FieldList* trailers, Arena& arena) {
  if (trailers == nullptr) return as_bytes("\r\n");
  Writer writer(arena, measure(*trailers));
  for (const Field& field : *trailers) {
    if (is_writable(field)) writer.field(field.name, field.value);
  }
  writer.text("\r\n");
  return writer.written();
}

void write_chunk_prefix(u64 bytes, ChunkPrefix& out) {
  char* to = std::to_chars(out.text, out.text + 16, bytes, 16).ptr;
  *to++ = '\r';
  *to++ = '\n';
  out.size = static_cast<size_t>(to - out.text);
}

}  // namespace gw::http
