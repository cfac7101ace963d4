#include "runtime/policies/headers/filter.h"

#include "runtime/base/units.h"
#include "runtime/engine/expression.h"

namespace gw::policies {
namespace {

// A value from the request never smuggles a control character into a field.
bool field_value(Exchange& exchange, const HeaderSetRecord& change, std::string_view& out) {
  return engine::evaluate(exchange, change.value, out) && is_field_value(out);
}

void copy_field(http::FieldList& fields, std::string_view from, std::string_view to) {
  // By index: adding may move the slots.
  const u32 count = fields.size();
  for (u32 i = 0; i < count; ++i) {
    const http::Field field = fields.begin()[i];
    if (!field.removed && http::equal_fold(field.name, from)) fields.add(to, field.value);
  }
}

}  // namespace

void change_headers(Exchange& exchange, const HeadersRecord& record, http::FieldList& fields) {
  const table::TableView& view = exchange.table->view();
  for (const table::StringRef name : view.policy_list<table::StringRef>(record.remove)) {
    fields.remove(view.text(name));
  }
  for (const auto& change : view.policy_list<HeaderRenameRecord>(record.rename)) {
    const std::string_view to = view.text(change.to);
    if (fields.find(view.text(change.from)) == nullptr) continue;
    fields.remove(to);
    copy_field(fields, view.text(change.from), to);
    fields.remove(view.text(change.from));
  }
  for (const auto& change : view.policy_list<HeaderRenameRecord>(record.copy)) {
    if (fields.find(view.text(change.from)) == nullptr) continue;
    fields.remove(view.text(change.to));
    copy_field(fields, view.text(change.from), view.text(change.to));
  }
  std::string_view value;
  for (const auto& change : view.policy_list<HeaderSetRecord>(record.set)) {
    // Without a value the field is not sent at all: what a client wrote there must not pass for
    // what the gateway says.
    if (field_value(exchange, change, value)) {
      fields.set(view.text(change.name), value);
    } else {
      fields.remove(view.text(change.name));
    }
  }
  for (const auto& change : view.policy_list<HeaderSetRecord>(record.fallback)) {
    if (fields.find(view.text(change.name)) != nullptr) continue;
    if (field_value(exchange, change, value)) fields.add(view.text(change.name), value);
  }
  for (const auto& change : view.policy_list<HeaderSetRecord>(record.add)) {
    if (field_value(exchange, change, value)) fields.add(view.text(change.name), value);
  }
}

}  // namespace gw::policies
