#include "runtime/server/route_names.h"

#include "runtime/table/bound_table.h"

namespace gw::server {

std::string_view TableRouteNames::operation(const Exchange& exchange) const {
  if (exchange.table == nullptr || exchange.route == table::kNone) return {};
  const table::TableView& view = exchange.table->view();
  return view.text(view.routes()[exchange.route].id);
}

std::string_view TableRouteNames::path_template(const Exchange& exchange) const {
  if (exchange.table == nullptr || exchange.route == table::kNone) return {};
  const table::TableView& view = exchange.table->view();
  return view.text(view.routes()[exchange.route].template_);
}

std::string_view TableRouteNames::upstream(const Exchange& exchange) const {
  if (exchange.table == nullptr || exchange.upstream == table::kNone) return {};
  const table::TableView& view = exchange.table->view();
  return view.text(view.upstreams()[exchange.upstream].name);
}

}  // namespace gw::server
