#include "runtime/engine/routing.h"

#include <algorithm>

#include "runtime/engine/answer.h"
#include "runtime/http/max_forwards.h"
#include "runtime/table/bound_table.h"

namespace gw::engine {
namespace {

// Allow of a path that takes any method (TRACE is served where it is declared by name).
constexpr std::string_view kAnyMethodButTrace = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

// Where a segment's parameters begin: at `;`, however it is written. npos: it has none.
size_t find_parameters(std::string_view path, size_t from) {
  return std::min(path.find(';', from), path.find("%3B", from));
}

// The path as servers see it that cut parameters off (`/admin;x`), or that do not tell `/admin/`
// from `/admin`. Returns `path` itself when they see the same.
std::string_view other_reading(std::string_view path, Arena& arena) {
  size_t cut = find_parameters(path, 0);
  std::string_view reading = path;
  if (cut != path.npos) {
    char* const text = static_cast<char*>(arena.allocate(path.size(), 1));
    size_t size = 0;
    size_t from = 0;
    while (cut != path.npos) {
      std::copy_n(path.data() + from, cut - from, text + size);
      size += cut - from;
      from = std::min(path.find('/', cut), path.size());
      cut = find_parameters(path, from);
    }
    std::copy_n(path.data() + from, path.size() - from, text + size);
    reading = {text, size + path.size() - from};
  }
  if (reading.size() > 1 && reading.back() == '/') reading.remove_suffix(1);
  return reading;
}

// Whether the servers above would take the request to another route than the one that was found,
// and so past the rules of that route. Templates that say `;` or end in `/` mean it.
bool is_read_as_another(Exchange& exchange, u32 route) {
  const http::RequestHead& request = exchange.request;
  const std::string_view reading = other_reading(request.path, exchange.arena);
  if (reading.size() == request.path.size()) return false;
  const table::TableView& view = exchange.table->view();
  const std::string_view written = view.text(view.routes()[route].template_);
  if (written.ends_with('/') || written.find(';') != written.npos) return false;
  Capture captures[kMaxCaptures];
  const router::Lookup other = exchange.table->router().find(
      request.host, reading, request.method, request.method_text, *exchange.table, captures);
  return other.outcome == router::Outcome::Found && other.route != route;
}

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
  if (is_read_as_another(exchange, found.route)) {
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
