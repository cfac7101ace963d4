// redirect: sends the client to another address. The query is kept.
#pragma once
#include "runtime/policies/field_spec.h"

namespace gw::policies {

struct RedirectRecord {
  table::Extent to;  // into Expressions
  u32 status;
  u32 when;  // into Conditions; the step carries the same
};
static_assert(sizeof(RedirectRecord) == 16);

inline constexpr std::string_view kRedirectStatusWords[] = {"301", "302", "303", "307", "308"};
inline constexpr FieldSpec kRedirectFields[] = {
    {.name = "to",
     .kind = FieldKind::PathRewrite,
     .offset = offsetof(RedirectRecord, to),
     .required = true,
     .doc = "path or URL; may hold runtime expressions"},
    {.name = "status",
     .kind = FieldKind::Enum,
     .offset = offsetof(RedirectRecord, status),
     .fallback = "308",
     .words = kRedirectStatusWords,
     .doc = "301, 302, 303, 307 or 308"},
    {.name = "when",
     .kind = FieldKind::Condition,
     .offset = offsetof(RedirectRecord, when),
     .doc = "only for these requests; others go on to the upstream"},
};
inline constexpr RecordSpec kRedirectSpec{.name = "redirect",
                                          .bytes = sizeof(RedirectRecord),
                                          .fields = kRedirectFields,
                                          .doc = "redirects the client",
                                          .shorthand = "to"};

/// Stored as written.
inline constexpr const RecordSpec& kRedirectStoredSpec = kRedirectSpec;

}  // namespace gw::policies
