#include "runtime/engine/stream_end.h"

namespace gw::engine {
namespace {

constexpr std::string_view kEvents = "text/event-stream";

bool is_events(const http::FieldList& fields) {
  const std::string_view type = fields.value(http::FieldId::ContentType);
  if (type.size() < kEvents.size()) return false;
  if (!http::equal_fold(type.substr(0, kEvents.size()), kEvents)) return false;
  return type.size() == kEvents.size() || type[kEvents.size()] == ';' ||
         type[kEvents.size()] == ' ';
}

}  // namespace

bool is_over(const Exchange& exchange, const Clock& clock) {
  if (exchange.stream_ended) return true;
  return exchange.stream_end != TimePoint::max() && clock.now() >= exchange.stream_end;
}

Error stream_end(const Exchange& exchange) {
  return Error{.code = Errc::StreamEnded,
               .what = exchange.stream_ended ? "its table was replaced" : "maxStreamAge"};
}

Error end_of(const Exchange& exchange, const Clock& clock, const Error& error) {
  // Who has left is not sent away.
  if (exchange.client_gone || !is_over(exchange, clock)) return error;
  return stream_end(exchange);
}

bool ends_by_itself(const Exchange& exchange) {
  return exchange.error.code == Errc::StreamEnded && is_events(exchange.response.fields);
}

}  // namespace gw::engine
