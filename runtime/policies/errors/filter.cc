#include "runtime/policies/errors/filter.h"

#include <string>

#include "runtime/engine/template.h"
#include "runtime/table/bound_table.h"

namespace gw::policies {

bool replace_error_body(Exchange& exchange, const ErrorsRecord& record) {
  http::ResponseHead& head = exchange.response;
  if (head.status < 400) return false;
  const table::TableView& view = exchange.table->view();
  u32 closest = 0;
  const ErrorBodyRecord* chosen = nullptr;
  for (const auto& one : view.policy_list<ErrorBodyRecord>(record.bodies)) {
    const u32 match = status_match(view.text(one.status), head.status);
    if (match <= closest) continue;
    closest = match;
    chosen = &one;
  }
  std::string text;
  if (chosen == nullptr ||
      !engine::write_template(exchange, chosen->body, kMaxErrorBodyBytes, text)) {
    return false;
  }
  exchange.local_body = exchange.arena.copy(text);
  head.framing = http::Framing::Length;
  head.content_length = text.size();
  for (const std::string_view name :
       {"content-encoding", "content-language", "content-md5", "digest", "content-digest",
        "repr-digest", "etag", "last-modified", "accept-ranges", "content-range"}) {
    head.fields.remove(name);
  }
  head.fields.set(http::FieldId::ContentType, view.text(chosen->type));
  return true;
}

}  // namespace gw::policies
