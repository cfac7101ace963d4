#include "runtime/server/probe.h"

namespace gw::server {

bool answer_probe(Exchange& exchange, const ListenerSettings* listener, bool host_is_ready) {
  if (listener == nullptr) return false;
  // Normalised, as it is for operations: every spelling that would reach one of this path is a
  // probe.
  const std::string_view path = exchange.request.path;
  const bool ready = !listener->ready_path.empty() && path == listener->ready_path;
  if (!ready && (listener->live_path.empty() || path != listener->live_path)) return false;
  http::ResponseHead& response = exchange.response;
  const http::Method method = exchange.request.method;
  if (method != http::Method::Get && method != http::Method::Head) {
    response.status = 405;
    response.fields.add(http::FieldId::Allow, "GET, HEAD");
    exchange.local_body = {};
    return true;
  }
  response.status = ready && !host_is_ready ? 503 : 200;
  // As the admin interface says it.
  exchange.local_body = !ready ? "ok\n" : host_is_ready ? "ready\n" : "draining\n";
  response.framing = http::Framing::Length;  // of GET, said to HEAD as well
  response.content_length = exchange.local_body.size();
  response.fields.add(http::FieldId::ContentType, "text/plain; charset=utf-8");
  response.fields.add(http::FieldId::CacheControl, "no-store");
  return true;
}

}  // namespace gw::server
