// errors: bodies of one's own for answers by their status.
#pragma once
#include "runtime/policies/field_spec.h"
#include "runtime/policies/status/record.h"
#include "runtime/table/template_format.h"

namespace gw::policies {

struct ErrorBodyRecord {
  table::StringRef status;  // `404`, `5xx`, `default`
  table::Extent body;       // TemplateNode[]
  table::StringRef type;    // media type
};
struct ErrorsRecord {
  table::Extent bodies;  // ErrorBodyRecord[]
};

/// Longest that a template makes.
inline constexpr u32 kMaxErrorBodyBytes = 64 * 1024;

inline constexpr FieldSpec kErrorBodyFields[] = {
    {.name = "body",
     .kind = FieldKind::Template,
     .offset = offsetof(ErrorBodyRecord, body),
     .required = true,
     .doc = "the body, with runtime expressions"},
    {.name = "type",
     .kind = FieldKind::String,
     .offset = offsetof(ErrorBodyRecord, type),
     .max = 128,
     .fallback = "application/problem+json",
     .doc = "its media type"},
};
inline constexpr FieldSpec kErrorBodyElement[] = {
    {.name = "error",
     .kind = FieldKind::Record,
     .fields = kErrorBodyFields,
     .size = sizeof(ErrorBodyRecord),
     .shorthand = "body"},
};
inline constexpr FieldSpec kErrorsFields[] = {
    {.name = "bodies",
     .kind = FieldKind::Map,
     .offset = offsetof(ErrorsRecord, bodies),
     .max = 64,
     .fields = kErrorBodyElement,
     .size = sizeof(ErrorBodyRecord)},
};
inline constexpr RecordSpec kErrorsSpec{.name = "errors",
                                        .bytes = sizeof(ErrorsRecord),
                                        .fields = kErrorsFields,
                                        .doc = "bodies of error answers"};
inline constexpr const RecordSpec& kErrorsStoredSpec = kErrorsSpec;

}  // namespace gw::policies
