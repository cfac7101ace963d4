#include "runtime/policies/client_class/filter.h"

#include <string>

#include "runtime/engine/expression.h"
#include "runtime/table/bound_table.h"

namespace gw::policies {

bool choose_client_class(Exchange& exchange, const ClientClassRecord& record) {
  const table::TableView& view = exchange.table->view();
  for (const ClientClassEntry& entry : view.policy_list<ClientClassEntry>(record.classes)) {
    if (!engine::holds(exchange, entry.condition)) continue;
    exchange.client_class = view.text(entry.name);
    if (entry.view == 0) return true;
    if (entry.view > view.plans().size()) return false;
    exchange.plan = entry.view - 1;
    return true;
  }
  return true;
}

void write_class_fields(Exchange& exchange, const ClientClassRecord& record) {
  const std::string_view vary = exchange.table->text(record.vary);
  if (vary.empty()) return;
  http::FieldList& fields = exchange.response.fields;
  const http::Field* known = fields.find(http::FieldId::Vary);
  if (known == nullptr) {
    fields.add(http::FieldId::Vary, vary);
    return;
  }
  if (known->value == "*") return;
  fields.add(http::FieldId::Vary, vary);
}

}  // namespace gw::policies
