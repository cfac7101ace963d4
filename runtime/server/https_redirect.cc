#include "runtime/server/https_redirect.h"

#include <cstring>
#include <string>

#include "runtime/http/problem.h"

namespace gw::server {
namespace {

constexpr u16 kHttpsPort = 443;

}  // namespace

bool answer_redirect(Exchange& exchange, const ListenerSettings* listener) {
  if (listener == nullptr || listener->redirect_port == 0) return false;
  const http::RequestHead& request = exchange.request;
  http::ResponseHead& response = exchange.response;
  if (request.host.empty() || request.path == "*") {  // nowhere to go
    const Bytes body = http::make_problem({.status = 400, .name = {}, .title = {}}, response);
    exchange.local_body = {reinterpret_cast<const char*>(body.data()), body.size()};
    return true;
  }
  std::string to = "https://";
  to.append(request.host);
  if (listener->redirect_port != kHttpsPort) {
    to.append(":").append(std::to_string(listener->redirect_port));
  }
  to.append(request.path);
  if (request.has_query) to.append("?").append(request.query);
  response.status = 308;  // keeps method and body (RFC 9110 section 15.4.9)
  response.fields.add(http::FieldId::Location, exchange.arena.copy(to));
  exchange.local_body = {};
  return true;
}

}  // namespace gw::server
