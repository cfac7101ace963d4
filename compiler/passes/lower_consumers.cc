// `consumers` and `plans`: who is known, by what, and how often he may call.
#include <fmt/format.h>

#include <algorithm>

#include "compiler/consumers/consumers.h"
#include "compiler/passes/passes.h"
#include "compiler/xgw/encode.h"
#include "compiler/xgw/value.h"

namespace gw::compiler {
namespace {

constexpr u32 kMonth = 3;  // of policies::kQuotaPeriodWords

// `{table: '$file./path'}` is the one form in which `table` is no consumer.
NodeRef table_of(NodeRef consumers) {
  if (!consumers.is_map() || consumers.size() != 1) return {};
  const NodeRef table = consumers.get("table");
  return table && table.is_scalar() ? table : NodeRef{};
}

void lower_table(Module& module, NodeRef path) {
  constexpr std::string_view kFile = "$file.";
  const std::string_view text = path.text();
  if (!text.starts_with(std::string(kFile) + "/")) {
    report(module, "extension-value", Severity::Error, path.span(),
           "the table of consumers is named by an absolute path", "here",
           "write '$file./etc/gwctl/consumers.gwt', made by `gwctl compile --consumers FILE`");
    return;
  }
  module.table.gateway.consumer_file = module.table.pools.strings.add(text.substr(kFile.size()));
}

// What consumers and plans say of limits is kept for lower_plan_limits().
void keep_limits(Module& module, const std::vector<Consumer>& owners) {
  for (const Consumer& owner : owners) {
    for (const ConsumerLimit& limit : owner.limits) {
      module.limit_overrides.push_back({.kind = static_cast<u32>(limit.kind),
                                        .name = limit.name,
                                        .span = limit.span,
                                        .period = limit.period.value_or(kMonth),
                                        .has_period = limit.period.has_value()});
    }
  }
}

void check_plan(Module& module, const Consumer& consumer, const std::vector<Consumer>& plans) {
  if (consumer.plan.empty()) return;
  std::vector<std::string_view> names;
  for (const Consumer& plan : plans) names.push_back(plan.name);
  if (std::ranges::find(names, consumer.plan) != names.end()) return;
  report(module, "extension-dangling", Severity::Error, consumer.plan_span,
         fmt::format("there is no plan `{}`", consumer.plan), "not among the plans",
         did_you_mean(consumer.plan, names));
}

}  // namespace

void lower_consumers(Module& module) {
  Encoder encoder(module.table.pools, module.files, module.sink);
  const LateNumberEncoder late = [&encoder](const policies::FieldSpec& field, NodeRef node,
                                            const std::string& path, table::LateNumber& out) {
    return encoder.encode_late_number(field, node, path, out);
  };
  const auto locate = [&encoder](std::vector<Consumer>& owners) {
    for (Consumer& owner : owners) owner.source = encoder.source(owner.span);
  };
  std::vector<Consumer> plans;
  if (const NodeRef node = module.gateway.plans) {
    plans = read_plans(node, module.sink, late);
    locate(plans);
    keep_limits(module, plans);
    module.table.consumer_plans = build_consumers(plans, module.sink);
  }
  const NodeRef node = module.gateway.consumers;
  if (!node) return;
  module.has_consumers = true;
  if (const NodeRef path = table_of(node)) {
    lower_table(module, path);
    return;
  }
  std::vector<Consumer> consumers = read_consumers(node, module.sink, late);
  locate(consumers);
  for (const Consumer& consumer : consumers) check_plan(module, consumer, plans);
  keep_limits(module, consumers);
  module.table.consumers = build_consumers(std::move(consumers), module.sink);
}

}  // namespace gw::compiler
