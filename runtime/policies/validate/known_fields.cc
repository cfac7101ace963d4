#include "runtime/policies/validate/known_fields.h"

#include <algorithm>

namespace gw::validate {
namespace {

// Not Authorization: it passes where a security scheme asks for it. Cookies are judged one by one.
constexpr std::string_view kFields[] = {
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "access-control-request-headers",
    "access-control-request-method",
    "cache-control",
    "connection",
    "content-encoding",
    "content-language",
    "content-length",
    "content-type",
    "cookie",
    "date",
    "expect",
    "forwarded",
    "grpc-timeout",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "keep-alive",
    "max-forwards",
    "origin",
    "pragma",
    "prefer",
    "priority",
    "range",
    "sec-websocket-extensions",
    "sec-websocket-key",
    "sec-websocket-protocol",
    "sec-websocket-version",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-request-id",
};
static_assert(std::is_sorted(std::begin(kFields), std::end(kFields)));

}  // namespace

bool belongs_to_http(std::string_view name) {
  return std::any_of(std::begin(kFields), std::end(kFields),
                     [&](std::string_view field) { return http::equal_fold(field, name); });
}

bool split_cookies(const http::FieldList& fields, Arena& arena, std::span<Pair>& out) {
  size_t most = 0;
  for (const http::Field& field : fields) {
    if (field.id != http::FieldId::Cookie || field.removed) continue;
    most += static_cast<size_t>(std::count(field.value.begin(), field.value.end(), ';')) + 1;
  }
  if (most == 0) return true;
  if (most > kMaxPairs) return false;
  Pair* pairs = arena.allocate_array<Pair>(most);
  size_t count = 0;
  for (const http::Field& field : fields) {
    if (field.id != http::FieldId::Cookie || field.removed) continue;
    std::string_view rest = field.value;
    while (!rest.empty()) {
      const size_t end = rest.find(';');
      std::string_view text = rest.substr(0, end);
      rest = end == rest.npos ? std::string_view{} : rest.substr(end + 1);
      while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
      while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
      if (text.empty()) continue;
      const size_t equals = text.find('=');
      std::string_view value = equals == text.npos ? std::string_view{} : text.substr(equals + 1);
      if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
        value = value.substr(1, value.size() - 2);
      }
      pairs[count++] = {text.substr(0, equals), value, text, false};
    }
  }
  out = {pairs, count};
  return true;
}

}  // namespace gw::validate
