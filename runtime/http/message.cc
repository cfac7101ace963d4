#include "runtime/http/message.h"

#include <array>

#include "runtime/base/explain_field.h"
#include "runtime/http/field_names.h"

namespace gw::http {
namespace {

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Fields that a peer cannot have removed by naming them in Connection: they say what the message
// is, not how the hop works, and a next server that misses them reads another message.
bool is_protected(FieldId id) {
  return id == FieldId::Host || id == FieldId::ContentLength || id == FieldId::TransferEncoding ||
         id == FieldId::Date || id == FieldId::Connection;
}

// Tokens of Connection that name no field but those that go anyway.
bool is_usual_connection(std::string_view value) {
  return equal_fold(value, "keep-alive") || equal_fold(value, "close");
}

constexpr std::array<bool, 256> kHopByHop = [] {
  std::array<bool, 256> table{};
  for (const FieldId id :
       {FieldId::Connection, FieldId::KeepAlive, FieldId::ProxyAuthenticate,
        FieldId::ProxyAuthorization, FieldId::ProxyConnection, FieldId::TransferEncoding,
        FieldId::Te, FieldId::Upgrade, FieldId::Http2Settings}) {
    table[static_cast<size_t>(id)] = true;
  }
  return table;
}();

bool is_hop_by_hop(FieldId id) { return kHopByHop[static_cast<size_t>(id)]; }

bool stays_here(std::string_view name) {
  return overrides_request(name) || equal_fold(name, kExplainField);
}

void remove_named(FieldList& fields, std::string_view connection) {
  while (!connection.empty()) {
    const size_t comma = connection.find(',');
    const std::string_view token = trim(connection.substr(0, comma));
    if (!token.empty() && !is_protected(field_id(token))) fields.remove(token);
    if (comma == std::string_view::npos) return;
    connection.remove_prefix(comma + 1);
  }
}

}  // namespace

void strip_hop_by_hop(FieldList& fields) {
  for (u32 i = 0; i < fields.size(); ++i) {
    Field& field = fields.begin()[i];
    if (field.removed || !is_hop_by_hop(field.id)) continue;
    field.removed = true;
    const bool names_fields = field.id == FieldId::Connection && !is_usual_connection(field.value);
    if (names_fields) remove_named(fields, field.value);
  }
}

void copy_end_to_end(const FieldList& from, FieldList& to) {
  to.clear();
  bool names_fields = false;
  for (const Field& field : from) {
    if (field.removed || field.id == FieldId::Expect || field.id == FieldId::ContentLength)
      continue;
    if (is_hop_by_hop(field.id)) {
      names_fields |= field.id == FieldId::Connection && !is_usual_connection(field.value);
      continue;
    }
    // What was decided is what is forwarded: no field may ask for another path or method, nor for
    // what only a gateway does.
    if (field.id == FieldId::Other && stays_here(field.name)) continue;
    to.add(field);
  }
  if (!names_fields) return;
  for (const Field& field : from) {
    if (!field.removed && field.id == FieldId::Connection) remove_named(to, field.value);
  }
}

bool has_token(const FieldList& fields, FieldId id, std::string_view token) {
  for (const Field& field : fields) {
    if (field.removed || field.id != id) continue;
    std::string_view list = field.value;
    while (true) {
      const size_t comma = list.find(',');
      if (equal_fold(trim(list.substr(0, comma)), token)) return true;
      if (comma == std::string_view::npos) break;
      list.remove_prefix(comma + 1);
    }
  }
  return false;
}

ResponseLength response_length(const ResponseHead& head, Method request_method,
                               std::optional<u64> whole_bytes) {
  const bool no_content = head.status == 204 || head.status < 200;
  const bool announced = head.framing == Framing::Length;
  if (no_content || head.status == 304 || request_method == Method::Head) {
    return {.bodiless = true, .known = announced && !no_content, .bytes = head.content_length};
  }
  if (announced) return {.known = true, .bytes = head.content_length};
  if (whole_bytes) return {.known = true, .bytes = *whole_bytes};
  return {};
}

std::string_view reason_phrase(u16 status) {
  switch (status) {
#define GW_REASON(code, text) \
  case code:                  \
    return text;
    GW_REASON(100, "Continue")
    GW_REASON(101, "Switching Protocols")
    GW_REASON(102, "Processing")
    GW_REASON(103, "Early Hints")
    GW_REASON(200, "OK")
    GW_REASON(201, "Created")
    GW_REASON(202, "Accepted")
    GW_REASON(203, "Non-Authoritative Information")
    GW_REASON(204, "No Content")
    GW_REASON(205, "Reset Content")
    GW_REASON(206, "Partial Content")
    GW_REASON(207, "Multi-Status")
    GW_REASON(208, "Already Reported")
    GW_REASON(226, "IM Used")
    GW_REASON(300, "Multiple Choices")
    GW_REASON(301, "Moved Permanently")
    GW_REASON(302, "Found")
    GW_REASON(303, "See Other")
    GW_REASON(304, "Not Modified")
    GW_REASON(305, "Use Proxy")
    GW_REASON(307, "Temporary Redirect")
    GW_REASON(308, "Permanent Redirect")
    GW_REASON(400, "Bad Request")
    GW_REASON(401, "Unauthorized")
    GW_REASON(402, "Payment Required")
    GW_REASON(403, "Forbidden")
    GW_REASON(404, "Not Found")
    GW_REASON(405, "Method Not Allowed")
    GW_REASON(406, "Not Acceptable")
    GW_REASON(407, "Proxy Authentication Required")
    GW_REASON(408, "Request Timeout")
    GW_REASON(409, "Conflict")
    GW_REASON(410, "Gone")
    GW_REASON(411, "Length Required")
    GW_REASON(412, "Precondition Failed")
    GW_REASON(413, "Content Too Large")
    GW_REASON(414, "URI Too Long")
    GW_REASON(415, "Unsupported Media Type")
    GW_REASON(416, "Range Not Satisfiable")
    GW_REASON(417, "Expectation Failed")
    GW_REASON(421, "Misdirected Request")
    GW_REASON(422, "Unprocessable Content")
    GW_REASON(423, "Locked")
    GW_REASON(424, "Failed Dependency")
    GW_REASON(425, "Too Early")
    GW_REASON(426, "Upgrade Required")
    GW_REASON(428, "Precondition Required")
    GW_REASON(429, "Too Many Requests")
    GW_REASON(431, "Request Header Fields Too Large")
    GW_REASON(451, "Unavailable For Legal Reasons")
    GW_REASON(500, "Internal Server Error")
    GW_REASON(501, "Not Implemented")
    GW_REASON(502, "Bad Gateway")
    GW_REASON(503, "Service Unavailable")
    GW_REASON(504, "Gateway Timeout")
    GW_REASON(505, "HTTP Version Not Supported")
    GW_REASON(506, "Variant Also Negotiates")
    GW_REASON(507, "Insufficient Storage")
    GW_REASON(508, "Loop Detected")
    GW_REASON(511, "Network Authentication Required")
#undef GW_REASON
    default:
      return "";
  }
}

void copy_head(const RequestHead& from, RequestHead& to) {
  Arena& arena = to.fields.arena();
  to.method = from.method;
  to.method_text = arena.copy(from.method_text);
  to.target = arena.copy(from.target);
  to.scheme = arena.copy(from.scheme);
  to.authority = arena.copy(from.authority);
  to.host = arena.copy(from.host);
  to.path = arena.copy(from.path);
  to.query = arena.copy(from.query);
  to.path_options = from.path_options;
  to.has_query = from.has_query;
  to.version_major = from.version_major;
  to.version_minor = from.version_minor;
  for (Field field : from.fields) {
    if (field.removed) continue;
    field.name = arena.copy(field.name);
    field.value = arena.copy(field.value);
    to.fields.add(field);
  }
}

}  // namespace gw::http
