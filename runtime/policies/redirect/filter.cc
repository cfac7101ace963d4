#include "runtime/policies/redirect/filter.h"

#include <cstring>

#include "runtime/engine/expression.h"

namespace gw::policies {
namespace {

constexpr u16 kStatuses[] = {301, 302, 303, 307, 308};  // in the order of kRedirectStatusWords
static_assert(std::size(kStatuses) == std::size(kRedirectStatusWords));

}  // namespace

Verdict redirect(Exchange& exchange, const RedirectRecord& record) {
  http::ResponseHead& head = exchange.response;
  head.fields.clear();
  head.reason = {};
  head.framing = http::Framing::Length;
  head.content_length = 0;
  exchange.local_body = {};
  std::string_view to;
  if (!engine::evaluate(exchange, record.to, to)) {
    head.status = 404;
    return Verdict::Reply;
  }
  head.status = kStatuses[record.status];
  const http::RequestHead& request = exchange.request;
  if (request.has_query && to.find('?') == to.npos) {
    char* joined =
        static_cast<char*>(exchange.arena.allocate(to.size() + 1 + request.query.size(), 1));
    std::memcpy(joined, to.data(), to.size());
    joined[to.size()] = '?';
    std::memcpy(joined + to.size() + 1, request.query.data(), request.query.size());
    to = {joined, to.size() + 1 + request.query.size()};
  }
  head.fields.add(http::FieldId::Location, to);
  return Verdict::Reply;
}

}  // namespace gw::policies
