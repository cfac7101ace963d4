// Reads back what plans were made of, for rules about what becomes of a request.
#pragma once
#include <cstring>
#include <string>
#include <vector>

#include "compiler/passes/module.h"
#include "runtime/policies/policy_list.h"

namespace gw::compiler {

/// A copy of the record at `offset` of the policy data, which lowering has put there.
template <class Record>
Record record_at(const Module& module, u32 offset) {
  Record record;
  std::memcpy(&record, module.table.pools.policy_data.bytes().data() + offset, sizeof record);
  return record;
}

/// The records of one policy in the plan of an operation.
template <class Record>
std::vector<Record> steps_of(const Module& module, const PlannedOperation& operation,
                             policies::PolicyId policy, policies::Phase phase) {
  std::vector<Record> found;
  const table::Extent steps = module.table.plans[operation.plan].steps;
  for (u32 i = 0; i < steps.count; ++i) {
    const table::StepRecord& step = module.table.steps[steps.offset + i];
    if (step.policy != static_cast<u16>(policy) || step.phase != static_cast<u8>(phase)) continue;
    found.push_back(record_at<Record>(module, step.record));
  }
  return found;
}

}  // namespace gw::compiler
