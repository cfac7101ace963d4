// status: other status codes for those of answers.
#pragma once
#include "runtime/policies/field_spec.h"

namespace gw::policies {

struct StatusChangeRecord {
  table::StringRef from;  // `404`, `5xx`
  u32 to;
  u32 reserved;
};
struct StatusRecord {
  table::Extent changes;  // StatusChangeRecord[]
};

inline constexpr FieldSpec kStatusChangeElement[] = {
    {.name = "to",
     .kind = FieldKind::Status,
     .offset = offsetof(StatusChangeRecord, to),
     .min = 200,
     .max = 599},
};
inline constexpr FieldSpec kStatusFields[] = {
    {.name = "changes",
     .kind = FieldKind::Map,
     .offset = offsetof(StatusRecord, changes),
     .max = 64,
     .fields = kStatusChangeElement,
     .size = sizeof(StatusChangeRecord)},
};
inline constexpr RecordSpec kStatusSpec{.name = "status",
                                        .bytes = sizeof(StatusRecord),
                                        .fields = kStatusFields,
                                        .doc = "other status codes"};
inline constexpr const RecordSpec& kStatusStoredSpec = kStatusSpec;

/// Whether the pattern of a status (`404`, `5xx`, `default`) means this one. How closely: 3, 2, 1;
/// 0: it does not.
constexpr u32 status_match(std::string_view pattern, u32 status) {
  if (pattern == "default") return 1;
  if (pattern.size() != 3 || pattern[0] != static_cast<char>('0' + status / 100)) return 0;
  if ((pattern[1] == 'x' || pattern[1] == 'X') && (pattern[2] == 'x' || pattern[2] == 'X')) {
    return 2;
  }
  const bool same = pattern[1] == static_cast<char>('0' + status / 10 % 10) &&
                    pattern[2] == static_cast<char>('0' + status % 10);
  return same ? 3 : 0;
}

}  // namespace gw::policies
