// headers: changes header fields of the request sent upstream or of the answer.
#pragma once
#include "runtime/policies/field_spec.h"

namespace gw::policies {

/// `name` gets the value of an expression; nothing happens when it is absent at run time.
struct HeaderSetRecord {
  table::StringRef name;
  table::Extent value;  // into Expressions
};
struct HeaderRenameRecord {
  table::StringRef from;
  table::StringRef to;
};

/// Applied in this order: remove, rename, copy, set, default, add.
struct HeadersRecord {
  table::Extent set;       // HeaderSetRecord[]
  table::Extent add;       // HeaderSetRecord[]
  table::Extent fallback;  // HeaderSetRecord[]: `default`
  table::Extent remove;    // StringRef[]
  table::Extent rename;    // HeaderRenameRecord[]
  table::Extent copy;      // HeaderRenameRecord[]
};
static_assert(sizeof(HeadersRecord) == 48);

inline constexpr FieldSpec kHeaderSetElement[] = {
    {.name = "value", .kind = FieldKind::Expression, .offset = offsetof(HeaderSetRecord, value)},
};
inline constexpr FieldSpec kHeaderRemoveElement[] = {
    {.name = "name", .kind = FieldKind::HeaderName},
};
inline constexpr FieldSpec kHeaderRenameElement[] = {
    {.name = "to", .kind = FieldKind::HeaderName, .offset = offsetof(HeaderRenameRecord, to)},
};
inline constexpr FieldSpec kHeadersFields[] = {
    {.name = "set",
     .kind = FieldKind::Map,
     .offset = offsetof(HeadersRecord, set),
     .fields = kHeaderSetElement,
     .size = sizeof(HeaderSetRecord),
     .doc = "give the field this one value; without a value it is removed"},
    {.name = "add",
     .kind = FieldKind::Map,
     .offset = offsetof(HeadersRecord, add),
     .fields = kHeaderSetElement,
     .size = sizeof(HeaderSetRecord),
     .doc = "add a further value"},
    {.name = "default",
     .kind = FieldKind::Map,
     .offset = offsetof(HeadersRecord, fallback),
     .fields = kHeaderSetElement,
     .size = sizeof(HeaderSetRecord),
     .doc = "set the field unless it is there"},
    {.name = "remove",
     .kind = FieldKind::List,
     .offset = offsetof(HeadersRecord, remove),
     .fields = kHeaderRemoveElement,
     .size = sizeof(table::StringRef),
     .doc = "take all values of the field away"},
    {.name = "rename",
     .kind = FieldKind::Map,
     .offset = offsetof(HeadersRecord, rename),
     .fields = kHeaderRenameElement,
     .size = sizeof(HeaderRenameRecord),
     .doc = "from: to"},
    {.name = "copy",
     .kind = FieldKind::Map,
     .offset = offsetof(HeadersRecord, copy),
     .fields = kHeaderRenameElement,
     .size = sizeof(HeaderRenameRecord),
     .doc = "from: to; the first field stays"},
};
inline constexpr RecordSpec kHeadersSpec{.name = "headers",
                                         .bytes = sizeof(HeadersRecord),
                                         .fields = kHeadersFields,
                                         .doc = "changes of header fields"};

/// Stored as written.
inline constexpr const RecordSpec& kHeadersStoredSpec = kHeadersSpec;

}  // namespace gw::policies
