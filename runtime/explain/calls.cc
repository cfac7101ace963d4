#include "runtime/explain/calls.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "runtime/base/units.h"
#include "runtime/policies/compose/record.h"
#include "runtime/policies/policy_list.h"
#include "runtime/policies/settings/record.h"

namespace gw::explain {
namespace {

namespace json = boost::json;
using policies::CallAfterRecord;
using policies::CallRecord;
using policies::ComposeRecord;

const ComposeRecord* composition_of(const table::TableView& view, u32 plan) {
  if (plan == table::kNone) return nullptr;
  for (const table::StepRecord& step : view.part(view.steps(), view.plans()[plan].steps)) {
    if (static_cast<policies::PolicyId>(step.policy) == policies::PolicyId::Compose) {
      return &view.policy_record<ComposeRecord>(step.record);
    }
  }
  return nullptr;
}

// Its own deadline, that of the operation that it calls, or that of the whole.
u64 longest_of(const BoundTable& table, const CallRecord& call, u64 whole_ms) {
  const table::TableView& view = table.view();
  u64 longest = table.number(call.timeout);
  if (longest == 0 && call.route != 0 && call.route <= view.routes().size()) {
    const u32 settings = view.routes()[call.route - 1].settings;
    longest = table.number(view.settings()[settings].timeout.total);
  }
  return longest == 0 ? whole_ms : std::min(longest, whole_ms);
}

}  // namespace

json::object describe_calls(const BoundTable& table, const Exchange& exchange) {
  const table::TableView& view = table.view();
  const ComposeRecord* record = composition_of(view, exchange.plan);
  if (record == nullptr) return {};
  const u64 whole_ms =
      table.number(view.settings()[view.routes()[exchange.route].settings].timeout.total);
  const auto calls = view.policy_list<CallRecord>(record->calls);
  std::vector<u64> ends(calls.size());       // when each has ended at the latest
  std::vector<size_t> before(calls.size());  // whom it has waited for; itself: nobody
  json::array list;
  for (size_t i = 0; i < calls.size(); ++i) {
    const CallRecord& call = calls[i];
    json::array after;
    u64 begins = 0;
    before[i] = i;
    for (const auto& [other, reserved] : view.policy_list<CallAfterRecord>(call.after)) {
      if (other >= i) continue;
      after.push_back(json::value(view.text(calls[other].name)));
      if (ends[other] <= begins) continue;
      begins = ends[other];
      before[i] = other;
    }
    const u64 longest = longest_of(table, call, whole_ms);
    ends[i] = begins + longest;
    json::object one{{"name", view.text(call.name)}};
    if (call.route != 0 && call.route <= view.routes().size()) {
      one["operation"] = view.text(view.routes()[call.route - 1].id);
    } else if (call.upstream != table::kNone) {
      one["upstream"] = view.text(view.upstreams()[call.upstream].name);
    }
    one["after"] = std::move(after);
    one["at_most_ms"] = longest;
    one["optional"] = call.optional != 0;
    one["for_each"] = call.for_each.count != 0;
    one["conditional"] = call.condition != table::kNone;
    list.push_back(std::move(one));
  }
  json::array path;
  u64 sum = 0;
  if (!calls.empty()) {
    size_t at = static_cast<size_t>(std::ranges::max_element(ends) - ends.begin());
    sum = ends[at];
    std::vector<std::string_view> names{view.text(calls[at].name)};
    for (; before[at] != at; at = before[at]) names.push_back(view.text(calls[before[at]].name));
    for (auto name = names.rbegin(); name != names.rend(); ++name)
      path.push_back(json::value(*name));
  }
  return {{"calls", std::move(list)},
          {"critical_path", std::move(path)},
          {"at_most_ms", std::min(sum, whole_ms)}};
}

}  // namespace gw::explain
