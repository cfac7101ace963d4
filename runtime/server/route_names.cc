#include "runtime/server/route_names.h"

#include "runtime/table/bound_table.h"

namespace gw::server {

observe::RouteName TableRouteNames::route(const Exchange& exchange) const {
  if (exchange.table == nullptr || exchange.route == table::kNone) return {};
  const table::TableView& view = exchange.table->view();
  const table::RouteRecord& route = view.routes()[exchange.route];
  return {view.text(route.id), view.text(route.template_)};
}

std::string_view TableRouteNames::upstream(const Exchange& exchange) const {
  if (exchange.table == nullptr || exchange.upstream == table::kNone) return {};
  const table::TableView& view = exchange.table->view();
  return view.text(view.upstreams()[exchange.upstream].name);
}

}  // namespace gw::server
