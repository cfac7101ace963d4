// access: `allow`, `deny` and `equals`: what a request must be, may not be, and what two of its
// values must be the same.
#pragma once
#include "runtime/policies/field_spec.h"

namespace gw::policies {

enum class AccessRule : u32 { Allow, Deny, Equals };
inline constexpr std::string_view kAccessRuleWords[] = {"allow", "deny", "equals"};

struct AccessRecord {
  u32 rule;                  // AccessRule
  u32 condition;             // of Allow and Deny
  table::Extent value = {};  // of Equals: the parameter
  table::Extent other = {};  // of Equals: what it must be
};

inline constexpr FieldSpec kAccessFields[] = {
    {.name = "rule",
     .kind = FieldKind::Enum,
     .offset = offsetof(AccessRecord, rule),
     .words = kAccessRuleWords},
    {.name = "condition",
     .kind = FieldKind::Condition,
     .offset = offsetof(AccessRecord, condition)},
    {.name = "value", .kind = FieldKind::Expression, .offset = offsetof(AccessRecord, value)},
    {.name = "other", .kind = FieldKind::Expression, .offset = offsetof(AccessRecord, other)},
};
inline constexpr RecordSpec kAccessStoredSpec{.name = "access",
                                              .bytes = sizeof(AccessRecord),
                                              .fields = kAccessFields,
                                              .doc = "what is let through"};

}  // namespace gw::policies
