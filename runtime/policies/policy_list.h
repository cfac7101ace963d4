// The list of policies as data: id, name, record.
#pragma once
#include <string_view>

#include "runtime/policies/field_spec.h"

namespace gw::policies {

/// When a step runs. The order is the order of a request (DESIGN: fixed, shown by `explain`).
enum class Phase : u8 {
  EntryLimits,
  Cors,
  EarlyLimits,
  Authentication,
  ClientClass,
  Authorization,
  Limits,
  RequestValidation,
  CacheLookup,
  RequestTransform,
  Action,
  ResponseValidation,
  ResponseTransform,
  CacheStore,
  Compression,
  Log,
};
inline constexpr u32 kPhaseCount = 16;
std::string_view phase_name(Phase phase);  // "request transformation"
constexpr bool is_request_phase(Phase phase) { return phase <= Phase::Action; }

enum class PolicyId : u16 {
  None = 0,
#define GW_POLICY(id, name, Name, phase) Name = id,
#include "runtime/policies/policies.def"
#undef GW_POLICY
};

struct PolicyInfo {
  PolicyId id;
  std::string_view name;
  Phase phase;               // of its request side
  const RecordSpec* stored;  // what is in the table
};
/// All policies in the order of policies.def.
std::span<const PolicyInfo> policy_list();
/// Null for an id that this build does not know.
const PolicyInfo* find_policy(u16 id);

}  // namespace gw::policies
