#include "runtime/policies/respond/filter.h"

namespace gw::policies {
namespace {

void answer(Exchange& exchange, u32 status, table::Extent headers, table::StringRef body) {
  const table::TableView& view = exchange.table->view();
  http::ResponseHead& head = exchange.response;
  head.status = static_cast<u16>(status);
  head.reason = {};
  head.fields.clear();
  for (const auto& field : view.policy_list<HeaderValueRecord>(headers)) {
    head.fields.add(view.text(field.name), view.text(field.value));
  }
  exchange.local_body = view.text(body);
  head.framing = http::Framing::Length;
  head.content_length = exchange.local_body.size();
}

}  // namespace

Verdict respond(Exchange& exchange, const RespondRecord& record) {
  answer(exchange, record.status, record.headers, record.body);
  http::FieldList& fields = exchange.response.fields;
  if (!exchange.local_body.empty() && !fields.has(http::FieldId::ContentType)) {
    fields.add(http::FieldId::ContentType,
               record.body_is_json != 0 ? "application/json" : "text/plain; charset=utf-8");
  }
  return Verdict::Reply;
}

void respond_unavailable(Exchange& exchange, const UnavailableRecord& record) {
  answer(exchange, record.status, record.headers, record.body);
  http::FieldList& fields = exchange.response.fields;
  if (!exchange.local_body.empty() && !fields.has(http::FieldId::ContentType)) {
    const bool is_json = exchange.local_body.front() == '{' || exchange.local_body.front() == '[';
    fields.add(http::FieldId::ContentType,
               is_json ? "application/json" : "text/plain; charset=utf-8");
  }
}

}  // namespace gw::policies
