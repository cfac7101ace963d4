#include "runtime/engine/routing.h"

#include <algorithm>

#include "runtime/engine/answer.h"
#include "runtime/http/max_forwards.h"
#include "runtime/table/bound_table.h"

namespace gw::engine {
namespace {

// Allow of a path that takes any method (TRACE is served where it is declared by name).
constexpr std::string_view kAnyMethodButTrace = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

// Where a server that is quick to decode, or knows parameters, sees a segment end: at `;`, or at an
// encoded `;`, `?` or `#`. A value may begin with the last two (`/tags/%23new`).
size_t find_cut(std::string_view segment) {
  for (size_t i = 0; i < segment.size(); ++i) {
    if (segment[i] == ';') return i;
    if (segment[i] != '%') continue;
    const std::string_view escape = segment.substr(i, 3);
    if (escape == "%3B" || (i > 0 && (escape == "%3F" || escape == "%23"))) return i;
  }
  return segment.size();
}

// What such a server makes of a segment. Spaces and dots at the end are for those that keep their
// pages as files.
std::string_view other_reading_of(std::string_view segment) {
  segment = segment.substr(0, find_cut(segment));
  while (true) {
    const size_t end = segment.ends_with('.') ? 1 : segment.ends_with("%20") ? 3 : 0;
    if (end == 0 || end == segment.size()) return segment;
    segment.remove_suffix(end);
  }
}

bool may_be_read_otherwise(std::string_view path) {
  return path.back() == '/' || path.back() == '.' || path.find(';') != path.npos ||
         path.find('%') != path.npos || path.find("./") != path.npos;
}

// The path as servers see it that cut parameters off (`/admin;x`), or that do not tell `/admin/`
// and `/admin.` from `/admin`.
std::string_view other_reading(std::string_view path, Arena& arena) {
  char* const text = static_cast<char*>(arena.allocate(path.size(), 1));
  char* to = text;
  while (!path.empty()) {
    const size_t next = std::min(path.find('/', 1), path.size());
    const std::string_view segment = other_reading_of(path.substr(1, next - 1));
    *to++ = '/';
    to = std::copy(segment.begin(), segment.end(), to);
    path.remove_prefix(next);
  }
  const std::string_view reading(text, static_cast<size_t>(to - text));
  return reading.size() > 1 && reading.back() == '/' ? reading.substr(0, reading.size() - 1)
                                                     : reading;
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
  if (!may_be_read_otherwise(request.path)) return table::kNone;
  const table::TableView& view = exchange.table->view();
  const std::string_view written = view.text(view.routes()[route].template_);
  if (written.find('{') == written.npos || written.find(';') != written.npos) return table::kNone;
  const std::string_view reading = other_reading(request.path, arena);
  if (reading.size() == request.path.size()) return table::kNone;
  Capture captures[kMaxCaptures];
  const router::Lookup other = exchange.table->router().find(
      request.host, reading, request.method, request.method_text, *exchange.table, captures);
  return other.outcome == router::Outcome::Found && other.route != route ? other.route
                                                                         : table::kNone;
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
