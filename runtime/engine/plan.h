// What the table says about an exchange whose route is known.
#pragma once
#include <span>

#include "runtime/http/exchange.h"
#include "runtime/policies/settings/record.h"
#include "runtime/table/bound_table.h"

namespace gw::engine {

/// Of its route, else the gateway's.
inline const policies::SettingsRecord& settings_of(const Exchange& exchange) {
  const table::TableView& view = exchange.table->view();
  const u32 index = exchange.route == table::kNone ? view.gateway().default_settings
                                                   : view.routes()[exchange.route].settings;
  return view.settings()[index];
}

/// Of its plan, else of the gateway's default plan; empty without either.
inline std::span<const table::StepRecord> steps_of(const Exchange& exchange) {
  const table::TableView& view = exchange.table->view();
  const u32 plan = exchange.plan == table::kNone ? view.gateway().default_plan : exchange.plan;
  if (plan == table::kNone) return {};
  return view.part(view.steps(), view.plans()[plan].steps);
}

}  // namespace gw::engine
