#include "runtime/policies/policy_list.h"

#include "runtime/policies/access/record.h"
#include "runtime/policies/authenticate/record.h"
#include "runtime/policies/authorizer/record.h"
#include "runtime/policies/body/record.h"
#include "runtime/policies/cache/record.h"
#include "runtime/policies/client_class/record.h"
#include "runtime/policies/compose/record.h"
#include "runtime/policies/compress/record.h"
#include "runtime/policies/cors/record.h"
#include "runtime/policies/errors/record.h"
#include "runtime/policies/headers/record.h"
#include "runtime/policies/mock/record.h"
#include "runtime/policies/proxy/record.h"
#include "runtime/policies/query/record.h"
#include "runtime/policies/rate_limit/record.h"
#include "runtime/policies/redirect/record.h"
#include "runtime/policies/respond/record.h"
#include "runtime/policies/status/record.h"
#include "runtime/policies/validate/record.h"

namespace gw::policies {
namespace {

constexpr std::string_view kPhaseNames[] = {"entry limits",
                                            "cors",
                                            "limits before identity",
                                            "authentication",
                                            "client class",
                                            "authorization",
                                            "limits",
                                            "request validation",
                                            "cache look-up",
                                            "request transformation",
                                            "action",
                                            "response validation",
                                            "response transformation",
                                            "cache store",
                                            "compression",
                                            "log"};
static_assert(std::size(kPhaseNames) == kPhaseCount);

constexpr PolicyInfo kPolicies[] = {
#define GW_POLICY(number, folder, Name, when) \
  {.id = PolicyId::Name, .name = #folder, .phase = Phase::when, .stored = &k##Name##StoredSpec},
#include "runtime/policies/policies.def"
#undef GW_POLICY
};

}  // namespace

std::string_view phase_name(Phase phase) { return kPhaseNames[static_cast<size_t>(phase)]; }

std::span<const PolicyInfo> policy_list() { return kPolicies; }

const PolicyInfo* find_policy(u16 id) {
  for (const PolicyInfo& policy : kPolicies) {
    if (static_cast<u16>(policy.id) == id) return &policy;
  }
  return nullptr;
}

}  // namespace gw::policies
