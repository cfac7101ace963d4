// authenticate: `security` of an operation, as written: one of several alternatives must hold, and
// of an alternative every scheme.
#pragma once
#include "runtime/policies/field_spec.h"

namespace gw::policies {

/// Schemes that one operation may name: what is found out about them is kept per exchange.
inline constexpr u32 kMaxSchemesOfOperation = 8;
inline constexpr u32 kMaxAlternatives = 16;

/// One scheme of an alternative, with the scopes (or roles) that it must grant.
struct SchemeUseRecord {
  u32 scheme;            // into Schemes
  u32 slot;              // 0 .. kMaxSchemesOfOperation - 1: the same for the same scheme
  table::Extent scopes;  // StringRef[]
};
/// All of it must hold; without any: whoever brings no credentials is let in.
struct AlternativeRecord {
  table::Extent uses;  // SchemeUseRecord[]
};
struct AuthenticateRecord {
  table::Extent alternatives;  // AlternativeRecord[]
};

inline constexpr FieldSpec kScopeElement[] = {
    {.name = "scope", .kind = FieldKind::String},
};
inline constexpr FieldSpec kSchemeUseFields[] = {
    {.name = "scheme",
     .kind = FieldKind::Name,
     .offset = offsetof(SchemeUseRecord, scheme),
     .required = true,
     .names = NameSpace::Scheme,
     .doc = "the security scheme"},
    {.name = "slot",
     .kind = FieldKind::Count,
     .offset = offsetof(SchemeUseRecord, slot),
     .max = kMaxSchemesOfOperation - 1},
    {.name = "scopes",
     .kind = FieldKind::List,
     .offset = offsetof(SchemeUseRecord, scopes),
     .max = 64,
     .fields = kScopeElement,
     .size = sizeof(table::StringRef),
     .doc = "scopes that the token must have"},
};
inline constexpr FieldSpec kSchemeUseElement[] = {
    {.name = "use",
     .kind = FieldKind::Record,
     .fields = kSchemeUseFields,
     .size = sizeof(SchemeUseRecord)},
};
inline constexpr FieldSpec kAlternativeFields[] = {
    {.name = "uses",
     .kind = FieldKind::List,
     .offset = offsetof(AlternativeRecord, uses),
     .max = kMaxSchemesOfOperation,
     .fields = kSchemeUseElement,
     .size = sizeof(SchemeUseRecord)},
};
inline constexpr FieldSpec kAlternativeElement[] = {
    {.name = "alternative",
     .kind = FieldKind::Record,
     .fields = kAlternativeFields,
     .size = sizeof(AlternativeRecord)},
};
inline constexpr FieldSpec kAuthenticateFields[] = {
    {.name = "alternatives",
     .kind = FieldKind::List,
     .offset = offsetof(AuthenticateRecord, alternatives),
     .max = kMaxAlternatives,
     .fields = kAlternativeElement,
     .size = sizeof(AlternativeRecord)},
};
inline constexpr RecordSpec kAuthenticateStoredSpec{.name = "authenticate",
                                                    .bytes = sizeof(AuthenticateRecord),
                                                    .fields = kAuthenticateFields,
                                                    .doc = "who may call"};

}  // namespace gw::policies
