#include "runtime/policies/status/filter.h"

#include "runtime/table/bound_table.h"

namespace gw::policies {

u16 mapped_status(const Exchange& exchange, const StatusRecord& record) {
  const table::TableView& view = exchange.table->view();
  u32 closest = 0;
  u32 status = exchange.response.status;
  for (const auto& change : view.policy_list<StatusChangeRecord>(record.changes)) {
    const u32 match = status_match(view.text(change.from), exchange.response.status);
    if (match <= closest) continue;
    closest = match;
    status = change.to;
  }
  return static_cast<u16>(status);
}

void change_status(Exchange& exchange, const StatusRecord& record) {
  const u16 status = mapped_status(exchange, record);
  if (status == exchange.response.status) return;
  exchange.response.status = status;
  exchange.response.reason = {};
}

}  // namespace gw::policies
