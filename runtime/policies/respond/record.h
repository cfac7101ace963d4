// respond: a fixed answer instead of an upstream's.
#pragma once
#include "runtime/policies/field_spec.h"
#include "runtime/policies/upstream/record.h"

namespace gw::policies {

struct RespondRecord {
  u32 status;
  u32 when;               // into Conditions; the step carries the same
  table::Extent headers;  // HeaderValueRecord[]
  table::StringRef body;
  u32 body_is_json;
  u32 reserved;
};
static_assert(sizeof(RespondRecord) == 32);

inline constexpr FieldSpec kRespondFields[] = {
    {.name = "status",
     .kind = FieldKind::Status,
     .offset = offsetof(RespondRecord, status),
     .min = 200,
     .max = 599,
     .fallback = "200",
     .doc = "status of the answer"},
    {.name = "headers",
     .kind = FieldKind::Map,
     .offset = offsetof(RespondRecord, headers),
     .fields = kHeaderValueElement,
     .size = sizeof(HeaderValueRecord),
     .doc = "its header fields"},
    {.name = "body",
     .kind = FieldKind::Body,
     .offset = offsetof(RespondRecord, body),
     .max = 1 << 20,
     .doc = "its body; a map or list is sent as JSON"},
    {.name = "when",
     .kind = FieldKind::Condition,
     .offset = offsetof(RespondRecord, when),
     .doc = "only for these requests; others go on to the upstream"},
};
inline constexpr RecordSpec kRespondSpec{.name = "respond",
                                         .bytes = sizeof(RespondRecord),
                                         .fields = kRespondFields,
                                         .doc = "answers by itself",
                                         .shorthand = "status"};

/// Stored as written.
inline constexpr const RecordSpec& kRespondStoredSpec = kRespondSpec;

}  // namespace gw::policies
