#include "runtime/upstream/http2_pairs.h"

#include <algorithm>

#include "runtime/http/http1_head.h"

namespace gw::upstream {
namespace {

using http::Field;
using http::FieldId;

// What HTTP/2 says in other ways, or not at all (RFC 9113 section 8.2.2).
bool belongs_to_hop(FieldId id) {
  switch (id) {
    case FieldId::Connection:
    case FieldId::ContentLength:
    case FieldId::TransferEncoding:
    case FieldId::KeepAlive:
    case FieldId::ProxyConnection:
    case FieldId::Upgrade:
    case FieldId::Http2Settings:
    case FieldId::Te:
    case FieldId::Host:
    case FieldId::Expect:
      return true;
    default:
      return false;
  }
}

bool is_sendable(const Field& field) {
  if (field.removed || belongs_to_hop(field.id)) return false;
  if (!http::is_token(field.name)) return false;
  return field.checked || http::is_field_value(field.value);
}

std::string_view lower_case(std::string_view name, Arena& arena) {
  char* lower = static_cast<char*>(arena.allocate(name.size(), 1));
  std::ranges::transform(name, lower, [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return {lower, name.size()};
}

}  // namespace

void Http2Pairs::add_fields(const http::FieldList& fields) {
  for (const Field& field : fields) {
    if (is_sendable(field)) add(lower_case(field.name, arena_), field.value);
  }
}

}  // namespace gw::upstream
