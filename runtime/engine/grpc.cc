#include "runtime/engine/grpc.h"

namespace gw::engine {
namespace {

constexpr std::string_view kType = "application/grpc";
constexpr u32 kMaxTimeoutDigits = 8;

// As "HTTP to gRPC Status Code Mapping" of the gRPC project has it, but for a deadline that has
// passed here: its client has waited no less.
std::string_view grpc_status(const Error& error, u16 status) {
  const bool late = error.code == Errc::UpstreamTimeout || error.code == Errc::RequestTimeout;
  if (late) return "4";  // DEADLINE_EXCEEDED
  switch (status) {
    case 400:
      return "13";  // INTERNAL
    case 401:
      return "16";  // UNAUTHENTICATED
    case 403:
      return "7";  // PERMISSION_DENIED
    case 404:
      return "12";  // UNIMPLEMENTED
    case 413:
      return "8";  // RESOURCE_EXHAUSTED, as servers say of a message that is too large
    case 429:
    case 502:
    case 503:
    case 504:
      return "14";  // UNAVAILABLE
    default:
      return "2";  // UNKNOWN
  }
}

// Our own static text: nothing in it needs percent-encoding.
std::string_view grpc_message(u16 status) {
  const std::string_view reason = http::reason_phrase(status);
  return reason.empty() ? std::string_view("Error") : reason;
}

u64 nanoseconds_of(char unit) {
  switch (unit) {
    case 'H':
      return 3'600'000'000'000;
    case 'M':
      return 60'000'000'000;
    case 'S':
      return 1'000'000'000;
    case 'm':
      return 1'000'000;
    case 'u':
      return 1'000;
    case 'n':
      return 1;
    default:
      return 0;
  }
}

bool is_grpc_type(const http::FieldList& fields) {
  const std::string_view type = fields.value(http::FieldId::ContentType);
  if (type.size() < kType.size() || !http::equal_fold(type.substr(0, kType.size()), kType)) {
    return false;
  }
  if (type.size() == kType.size()) return true;
  const char next = type[kType.size()];  // application/grpc-web is something else
  return next == '+' || next == ';' || next == ' ';
}

}  // namespace

bool is_grpc(const http::RequestHead& request) { return is_grpc_type(request.fields); }

bool parse_grpc_timeout(std::string_view text, std::chrono::milliseconds& out) {
  if (text.size() < 2 || text.size() > kMaxTimeoutDigits + 1) return false;
  const u64 unit = nanoseconds_of(text.back());
  if (unit == 0) return false;
  u64 number = 0;
  for (const char c : text.substr(0, text.size() - 1)) {
    if (c < '0' || c > '9') return false;
    number = number * 10 + static_cast<u64>(c - '0');
  }
  // At most 10^8 hours: 3.6 * 10^20 nanoseconds would not fit, milliseconds do.
  constexpr u64 kMillisecond = 1'000'000;
  const u64 milliseconds = unit >= kMillisecond ? number * (unit / kMillisecond)
                                                : (number * unit + kMillisecond - 1) / kMillisecond;
  // Beyond a year it makes no difference, and stays within what time points can hold.
  constexpr u64 kYear = 365ULL * 86'400'000;
  out = std::chrono::milliseconds(milliseconds < kYear ? milliseconds : kYear);
  return true;
}

void answer_as_grpc(Exchange& exchange) {
  http::ResponseHead& response = exchange.response;
  if (response.status < 400 || !is_grpc(exchange.request)) return;
  response.fields.set("grpc-status", grpc_status(exchange.error, response.status));
  response.fields.set("grpc-message", grpc_message(response.status));
  response.fields.set(http::FieldId::ContentType, kType);
  response.status = 200;
  response.reason = {};
  response.upgrade = {};
  response.framing = http::Framing::None;
  response.content_length = 0;
  exchange.local_body = {};
}

bool end_as_grpc(const Exchange& exchange, u16 status, http::FieldList& trailers) {
  if (!is_grpc(exchange.request) || !is_grpc_type(exchange.response.fields)) return false;
  trailers.add("grpc-status", grpc_status(exchange.error, status));
  trailers.add("grpc-message", grpc_message(status));
  return true;
}

}  // namespace gw::engine
