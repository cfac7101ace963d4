// client_class: which of the gateway's classes of clients a request belongs to, and the plan that
// its operation has for them.
#pragma once
#include "runtime/policies/field_spec.h"

namespace gw::policies {

struct ClientClassEntry {
  table::StringRef name;
  u32 condition;  // kNone: the class of the rest
  u32 view;       // 1 + index of the plan that this class has in place of the operation's; 0: that
};

/// Classes exclude each other, but for those that lie within another, which stand before it.
struct ClientClassRecord {
  table::Extent classes;  // ClientClassEntry[]
  table::StringRef vary;  // fields that decide, where the answers of classes differ; else empty
};

inline constexpr u32 kMaxClientClasses = 32;

inline constexpr FieldSpec kClientClassEntryFields[] = {
    {.name = "name", .offset = offsetof(ClientClassEntry, name), .max = 64},
    {.name = "when", .kind = FieldKind::Condition, .offset = offsetof(ClientClassEntry, condition)},
    {.name = "view", .kind = FieldKind::Count, .offset = offsetof(ClientClassEntry, view)},
};
inline constexpr FieldSpec kClientClassElement[] = {
    {.name = "class",
     .kind = FieldKind::Record,
     .fields = kClientClassEntryFields,
     .size = sizeof(ClientClassEntry)},
};
inline constexpr FieldSpec kClientClassFields[] = {
    {.name = "classes",
     .kind = FieldKind::List,
     .offset = offsetof(ClientClassRecord, classes),
     .max = kMaxClientClasses,
     .fields = kClientClassElement,
     .size = sizeof(ClientClassEntry)},
    {.name = "vary", .offset = offsetof(ClientClassRecord, vary), .max = 1024},
};
inline constexpr RecordSpec kClientClassSpec{.name = "client_class",
                                             .bytes = sizeof(ClientClassRecord),
                                             .fields = kClientClassFields,
                                             .doc = "class of the client"};
inline constexpr const RecordSpec& kClientClassStoredSpec = kClientClassSpec;

}  // namespace gw::policies
