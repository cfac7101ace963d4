#include "runtime/engine/forward.h"

#include <cstring>

#include "runtime/engine/expression.h"
#include "runtime/http/forwarding.h"
#include "runtime/http/max_forwards.h"
#include "runtime/table/bound_table.h"

namespace gw::engine {
namespace {

// The path as it is forwarded without a rewrite: normalised, and without the mount.
std::string_view forwarded_path(const Exchange& exchange, const policies::ProxyRecord& record) {
  std::string_view path = exchange.request.path;
  if (record.strip_bytes == 0 || record.strip_bytes > path.size()) return path;
  path.remove_prefix(record.strip_bytes);
  return path.empty() ? std::string_view("/") : path;
}

}  // namespace

void start_upstream_request(Exchange& exchange) {
  const http::RequestHead& from = exchange.request;
  http::RequestHead& to = exchange.upstream_request;
  to.query = from.query;
  to.has_query = from.has_query;
  to.method = from.method;
  to.method_text = from.method_text;
  to.scheme = from.scheme;
  to.authority = from.authority;
  to.host = from.host;
  to.framing = from.framing;
  to.content_length = from.content_length;
  // Without Expect: the gateway itself answers `100-continue`, and asks for the body when the
  // upstream takes it.
  http::copy_end_to_end(from.fields, to.fields);
  to.accepts_trailers = http::has_token(from.fields, http::FieldId::Te, "trailers");
  http::count_hop(to.method, to.fields);
  if (to.method == http::Method::Trace) {  // its answer shows the request to whoever reads it
    to.fields.remove(http::FieldId::Authorization);
    to.fields.remove(http::FieldId::Cookie);
  }
  if (exchange.forwarding != nullptr) {
    http::add_forwarding_fields(exchange, *exchange.forwarding, to.fields);
  }
}

bool finish_upstream_request(Exchange& exchange, const policies::ProxyRecord& record) {
  http::RequestHead& to = exchange.upstream_request;
  // A transformation may have chosen another host for the upstream.
  if (const http::Field* host = to.fields.find(http::FieldId::Host)) to.authority = host->value;
  if (record.path.count == 0) {
    to.path = forwarded_path(exchange, record);
    return true;
  }
  std::string_view path;
  if (!evaluate(exchange, record.path, path)) return false;
  // A rewrite with a query of its own is put before the request's.
  const size_t mark = path.find('?');
  if (mark == path.npos) {
    to.path = path;
    return true;
  }
  to.path = path.substr(0, mark);
  const std::string_view own = path.substr(mark + 1);
  to.has_query = true;
  const std::string_view query = to.query;
  if (query.empty()) {
    to.query = own;
    return true;
  }
  char* joined = static_cast<char*>(exchange.arena.allocate(own.size() + 1 + query.size(), 1));
  std::memcpy(joined, own.data(), own.size());
  joined[own.size()] = '&';
  std::memcpy(joined + own.size() + 1, query.data(), query.size());
  to.query = {joined, own.size() + 1 + query.size()};
  return true;
}

void take_response_head(Exchange& exchange, Fetched& fetched) {
  http::ResponseHead& to = exchange.response;
  to.status = fetched.head.status;
  to.reason = fetched.head.reason;
  to.framing = fetched.head.framing;
  to.content_length = fetched.head.content_length;
  // The list lives in the exchange's arena, as does this one: taking it over copies nothing.
  to.fields = fetched.head.fields;
}

}  // namespace gw::engine
