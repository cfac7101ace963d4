// The operation that tests are written for.
#pragma once
#include <string_view>

#include "cli/testing/gateway.h"
#include "compiler/gateway/gateway.h"
#include "runtime/policies/policy_list.h"
#include "runtime/policies/validate/record.h"

namespace gw::cli::tests {

struct GeneratedTarget {
  const compiler::GatewayOperation& operation;
  const table::TableView& view;
  const table::RouteRecord& route;
  const table::PlanRecord& plan;
  const policies::ValidateRecord* contract = nullptr;  // null: requests are not held to it
  bool is_only_template = false;                       // no other path has this shape

  const compiler::openapi::Document& document() const { return *operation.unit->document; }
  std::span<const table::StepRecord> steps() const { return view.part(view.steps(), plan.steps); }
};

}  // namespace gw::cli::tests
