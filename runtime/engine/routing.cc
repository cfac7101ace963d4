#include "runtime/engine/routing.h"

#include "runtime/engine/answer.h"
#include "runtime/http/max_forwards.h"
#include "runtime/router/other_reading.h"
#include "runtime/table/bound_table.h"

namespace gw::engine {
namespace {

// Allow of a path that takes any method (TRACE is served where it is declared by name).
constexpr std::string_view kAnyMethodButTrace = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

bool refuse_method(Exchange& exchange, std::string_view allow) {
  answer_problem(exchange, 405);
  exchange.response.fields.add(http::FieldId::Allow, allow);
  return false;
}

// OPTIONS and TRACE may be limited to so many hops (RFC 9110 section 7.6.2). False: answered.
bool may_go_on(Exchange& exchange, std::string_view allow) {
  switch (http::read_max_forwards(exchange.request)) {
    case http::MaxForwards::Malformed:
      answer_problem(exchange, 400);
      return false;
    case http::MaxForwards::LastHop:
      if (exchange.request.method == http::Method::Trace) return refuse_method(exchange, allow);
      answer_empty(exchange, 204);
      return false;
    case http::MaxForwards::Further:
      return true;
  }
  return false;
}

bool take(Exchange& exchange, const router::Lookup& found) {
  const table::TableView& view = exchange.table->view();
  const table::RouteRecord& record = view.routes()[found.route];
  const http::RequestHead& request = exchange.request;
  if (request.method == http::Method::Trace && view.text(record.method) == "*") {
    return refuse_method(exchange, kAnyMethodButTrace);
  }
  if (request.method == http::Method::Trace && request.framing != http::Framing::None) {
    answer_problem(exchange, 400);  // must not have content (RFC 9110 section 9.3.8)
    return false;
  }
  if (route_of_other_reading(exchange, found.route, exchange.arena) != table::kNone) {
    answer_problem(exchange, 404);
    return false;
  }
  if (!may_go_on(exchange, kAnyMethodButTrace)) return false;
  exchange.route = found.route;
  exchange.plan = record.plan;
  exchange.capture_count = found.capture_count;
  return true;
}

}  // namespace

u32 route_of_other_reading(const Exchange& exchange, u32 route, Arena& arena) {
  const http::RequestHead& request = exchange.request;
  if (!router::may_be_read_otherwise(request.path)) return table::kNone;
  const table::TableView& view = exchange.table->view();
  const router::Target target{.host = request.host,
                              .path = request.path,
                              .method = request.method,
                              .method_text = request.method_text};
  return router::route_of_other_reading(exchange.table->router(), *exchange.table, target,
                                        view.text(view.routes()[route].template_), route,
                                        static_cast<char*>(arena.allocate(request.path.size(), 1)));
}

bool choose_route(Exchange& exchange) {
  const http::RequestHead& request = exchange.request;
  if (request.method == http::Method::Connect) {
    answer_problem(exchange, 405);
    return false;
  }
  if (request.path == "*") {  // OPTIONS * asks about the server (RFC 9110 section 9.3.7)
    answer_empty(exchange, 204);
    return false;
  }
  const router::Lookup found =
      exchange.table->router().find(request.host, request.path, request.method, request.method_text,
                                    *exchange.table, exchange.captures);
  switch (found.outcome) {
    case router::Outcome::Found:
      return take(exchange, found);
    case router::Outcome::NotFound:
      answer_problem(exchange, 404);
      return false;
    case router::Outcome::MethodNotAllowed:
      return refuse_method(exchange, found.allow);
    case router::Outcome::OptionsDefault:
      answer_empty(exchange, 204);
      exchange.response.fields.add(http::FieldId::Allow, found.allow);
      return false;
  }
  return false;
}

}  // namespace gw::engine
