#include "runtime/server/route_names.h"

#include "runtime/engine/plan.h"
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

policies::PolicyId TableRouteNames::denying_policy(const Exchange& exchange) const {
  using policies::PolicyId;
  if (exchange.table == nullptr || exchange.last_step == table::kNone) return PolicyId::None;
  const auto steps = engine::steps_of(exchange);
  if (exchange.last_step >= steps.size()) return PolicyId::None;
  const table::StepRecord& step = steps[exchange.last_step];
  const auto policy = static_cast<PolicyId>(step.policy);
  const bool stands_in_for_action =
      static_cast<policies::Phase>(step.phase) == policies::Phase::Action ||
      policy == PolicyId::Cache;
  return stands_in_for_action ? PolicyId::None : policy;
}

observe::RouteNames::Source TableRouteNames::source(const Exchange& exchange) const {
  if (exchange.table == nullptr || exchange.route == table::kNone) return {};
  const table::TableView& view = exchange.table->view();
  const table::SourceRef& source = view.routes()[exchange.route].source;
  if (source.file == table::kNone) return {};
  return {view.text(view.files()[source.file]), source.line};
}

u32 TableRouteNames::secret_captures(const Exchange& exchange) const {
  if (exchange.table == nullptr || exchange.route == table::kNone) return 0;
  const u32 flags = exchange.table->view().routes()[exchange.route].flags;
  const u32 marked = flags >> table::kRouteSecretCapture;
  const u32 last = 1U << (table::kRouteSecretCaptures - 1);
  return (marked & last) == 0 ? marked : marked | ~(last - 1);
}

}  // namespace gw::server
