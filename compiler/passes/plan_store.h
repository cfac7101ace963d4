// Plans, steps and settings of the table, each kept once however many operations have it.
#pragma once
#include <string>
#include <unordered_map>
#include <vector>

#include "compiler/passes/module.h"
#include "compiler/xgw/encode.h"
#include "runtime/policies/settings/record.h"

namespace gw::compiler {

class PlanStore {
 public:
  PlanStore(Module& module, const Encoder& encoder) : module_(module), encoder_(encoder) {}

  /// Each gives the index of an equal one, or of a new one.
  u32 add_settings(const policies::SettingsRecord& record);
  /// `steps` in the order of phases.
  u32 add_plan(const std::vector<table::StepRecord>& steps,
               const std::vector<EncodedField>& encoded, u32 upstream);

 private:
  table::Extent add_steps(const std::vector<table::StepRecord>& steps);

  Module& module_;
  const Encoder& encoder_;
  std::unordered_map<std::string, u32> settings_;
  std::unordered_map<std::string, u32> plans_;
  std::unordered_map<std::string, u32> steps_;
};

}  // namespace gw::compiler
