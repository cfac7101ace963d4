#include "compiler/passes/plan_store.h"

#include "runtime/policies/policy_list.h"

namespace gw::compiler {

using policies::Phase;
using policies::PolicyId;
using table::StepRecord;

namespace {

template <class T>
Bytes bytes_of(const T& record) {
  return std::as_bytes(std::span(&record, 1));
}

}  // namespace

u32 PlanStore::add_settings(const policies::SettingsRecord& record) {
  const std::string key(as_text(bytes_of(record)));
  const auto [entry, fresh] =
      settings_.try_emplace(key, static_cast<u32>(module_.table.settings.size()));
  if (fresh) module_.table.settings.push_back(record);
  return entry->second;
}

u32 PlanStore::add_plan(const std::vector<StepRecord>& steps,
                        const std::vector<EncodedField>& encoded, u32 upstream) {
  Pools& pools = module_.table.pools;
  std::vector<table::OriginRecord> origins;
  for (const EncodedField& field : encoded) {
    origins.push_back({.field = pools.strings.add(field.field),
                       .level = pools.strings.add(field.level),
                       .value = pools.strings.add(field.value),
                       .source = encoder_.source(field.span)});
  }
  table::PlanRecord plan{};
  plan.steps = add_steps(steps);
  plan.origins = pools.origins.add(origins);
  plan.upstream = upstream;
  plan.request_body = upstream == table::kNone ? table::BodyNeed::None : table::BodyNeed::Stream;
  plan.response_body = plan.request_body;
  for (const StepRecord& one : steps) {
    if (static_cast<PolicyId>(one.policy) != PolicyId::Body) continue;
    const bool of_request = one.phase == static_cast<u8>(Phase::RequestValidation);
    (of_request ? plan.request_body : plan.response_body) = table::BodyNeed::Whole;
  }
  const std::string key(as_text(bytes_of(plan)));
  const auto [entry, fresh] = plans_.try_emplace(key, static_cast<u32>(module_.table.plans.size()));
  if (fresh) module_.table.plans.push_back(plan);
  return entry->second;
}

table::Extent PlanStore::add_steps(const std::vector<StepRecord>& steps) {
  if (steps.empty()) return {};
  const std::string key(reinterpret_cast<const char*>(steps.data()),
                        steps.size() * sizeof(StepRecord));
  const auto [entry, fresh] = steps_.try_emplace(key, static_cast<u32>(module_.table.steps.size()));
  if (fresh) module_.table.steps.insert(module_.table.steps.end(), steps.begin(), steps.end());
  return {entry->second, static_cast<u32>(steps.size())};
}

}  // namespace gw::compiler
