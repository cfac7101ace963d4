// query: changes of the query that is sent upstream.
#pragma once
#include "runtime/policies/headers/record.h"

namespace gw::policies {

/// Names are as in the query, decoded; otherwise what `headers` has. The same order.
struct QueryRecord {
  HeadersRecord changes;
};

inline constexpr FieldSpec kQueryRemoveElement[] = {{.name = "name", .min = 1, .max = 1024}};
inline constexpr FieldSpec kQueryRenameElement[] = {
    {.name = "to", .offset = offsetof(HeaderRenameRecord, to), .min = 1, .max = 1024},
};
inline constexpr FieldSpec kQueryFields[] = {
    {.name = "set",
     .kind = FieldKind::Map,
     .offset = offsetof(HeadersRecord, set),
     .fields = kHeaderSetElement,
     .size = sizeof(HeaderSetRecord),
     .doc = "give the parameter this one value; without a value it is removed"},
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
     .doc = "set the parameter unless it is there"},
    {.name = "remove",
     .kind = FieldKind::List,
     .offset = offsetof(HeadersRecord, remove),
     .max = 256,
     .fields = kQueryRemoveElement,
     .size = sizeof(table::StringRef),
     .doc = "take all values of the parameter away"},
    {.name = "rename",
     .kind = FieldKind::Map,
     .offset = offsetof(HeadersRecord, rename),
     .fields = kQueryRenameElement,
     .size = sizeof(HeaderRenameRecord),
     .doc = "from: to"},
    {.name = "copy",
     .kind = FieldKind::Map,
     .offset = offsetof(HeadersRecord, copy),
     .fields = kQueryRenameElement,
     .size = sizeof(HeaderRenameRecord),
     .doc = "from: to; the first parameter stays"},
};
inline constexpr RecordSpec kQuerySpec{.name = "query",
                                       .bytes = sizeof(QueryRecord),
                                       .fields = kQueryFields,
                                       .doc = "changes of the query"};
inline constexpr const RecordSpec& kQueryStoredSpec = kQuerySpec;

}  // namespace gw::policies
