#include "runtime/engine/preflight.h"

#include "runtime/engine/routing.h"
#include "runtime/policies/cors/filter.h"
#include "runtime/policies/policy_list.h"
#include "runtime/table/bound_table.h"

namespace gw::engine {
namespace {

const policies::CorsRecord* cors_of(const table::TableView& view, u32 plan) {
  for (const table::StepRecord& step : view.part(view.steps(), view.plans()[plan].steps)) {
    if (static_cast<policies::PolicyId>(step.policy) != policies::PolicyId::Cors) continue;
    const auto& record = view.policy_record<policies::CorsRecord>(step.record);
    return record.mode == policies::kCorsStrip ? nullptr : &record;
  }
  return nullptr;
}

}  // namespace

bool answer_preflight(Exchange& exchange) {
  const http::RequestHead& request = exchange.request;
  if (!policies::is_preflight(request) || request.path == "*") return false;
  const std::string_view wanted = request.fields.find("access-control-request-method")->value;
  const router::Lookup found =
      exchange.table->router().find(request.host, request.path, http::parse_method(wanted), wanted,
                                    *exchange.table, exchange.captures);
  if (found.outcome != router::Outcome::Found) return false;
  if (route_of_other_reading(exchange, found.route, exchange.arena) != table::kNone) return false;
  const table::TableView& view = exchange.table->view();
  const table::RouteRecord& route = view.routes()[found.route];
  const policies::CorsRecord* record = cors_of(view, route.plan);
  if (record == nullptr) return false;
  exchange.route = found.route;
  exchange.plan = route.plan;
  exchange.capture_count = found.capture_count;
  exchange.preflight = true;
  policies::answer_preflight(exchange, *record);
  return true;
}

}  // namespace gw::engine
