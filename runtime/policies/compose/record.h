// compose: an answer that is put together from those of several calls.
#pragma once
#include "runtime/policies/field_spec.h"
#include "runtime/policies/headers/record.h"
#include "runtime/policies/status/record.h"
#include "runtime/table/template_format.h"

namespace gw::policies {

inline constexpr u32 kMaxCalls = 32;
inline constexpr std::string_view kCallMethodWords[] = {"GET",   "HEAD",   "POST",   "PUT",
                                                        "PATCH", "DELETE", "OPTIONS"};

/// One call: of an operation of this gateway, or of an upstream.
struct CallRecord {
  table::StringRef name;
  table::StringRef host;   // of the operation; absent: that of the request
  u32 route;               // 1 + index of the operation's route; 0: an upstream's path
  u32 upstream;            // kNone: an operation
  table::Extent path;      // PathRewrite
  table::Extent query;     // HeaderSetRecord[]; what is absent is left out
  table::Extent headers;   // HeaderSetRecord[]; the same
  table::Extent body;      // TemplateNode[]; none: no body
  table::Extent for_each;  // one expression: a list, each item of which makes a call
  table::Extent fallback;  // TemplateNode[]; none: there is none
  table::Extent pass;      // StringRef[]: statuses that the client is answered with
  table::Extent status;    // StatusChangeRecord[]
  table::Extent after;     // CallAfterRecord[]: calls whose answers it uses
  u64 max_size;            // of its answer
  table::LateNumber timeout;
  u32 method;  // into kCallMethodWords
  u32 condition;
  u32 concurrency;  // of `forEach`
  u32 max_items;
  u32 retries;  // of an upstream's path
  u32 optional;
  u32 reads_body;  // something uses it
  u32 reserved;
};
struct CallAfterRecord {
  u32 call;  // before this one
  u32 reserved;
};
static_assert(sizeof(CallRecord) == 152);

struct ComposeRecord {
  table::Extent calls;    // CallRecord[], each behind those that it uses
  table::Extent body;     // TemplateNode[]
  table::Extent headers;  // HeaderSetRecord[]
  u32 status;
  u32 partial_status;  // when an optional call has brought nothing
};

inline constexpr FieldSpec kCallValueElement[] = {
    {.name = "value", .kind = FieldKind::Expression, .offset = offsetof(HeaderSetRecord, value)},
};
inline constexpr FieldSpec kCallPassElement[] = {{.name = "status", .min = 3, .max = 3}};

/// `with` as it is written; it becomes parts of `path`, `query` and `headers`.
struct CallChoice {
  CallRecord call;
  table::StringRef operation;
  table::Extent with;  // HeaderSetRecord[]
};

// Offsets into CallChoice, whose first member is what is stored.
inline constexpr FieldSpec kCallFields[] = {
    {.name = "operation",
     .offset = offsetof(CallChoice, operation),
     .min = 1,
     .max = 256,
     .doc = "identity of an operation of this gateway; its validation, cache, transformations and "
            "upstream hold, its limits do not count"},
    {.name = "with",
     .kind = FieldKind::Map,
     .offset = offsetof(CallChoice, with),
     .max = 64,
     .fields = kCallValueElement,
     .size = sizeof(HeaderSetRecord),
     .doc = "its parameters, by name"},
    {.name = "upstream",
     .kind = FieldKind::Name,
     .offset = offsetof(CallRecord, upstream),
     .names = NameSpace::Upstream,
     .doc = "in place of an operation: an upstream that is asked directly"},
    {.name = "path",
     .kind = FieldKind::PathRewrite,
     .offset = offsetof(CallRecord, path),
     .doc = "path and query that the upstream is asked for; values are percent-encoded"},
    {.name = "method",
     .kind = FieldKind::Enum,
     .offset = offsetof(CallRecord, method),
     .fallback = "GET",
     .words = kCallMethodWords,
     .doc = "of a call of an upstream"},
    {.name = "headers",
     .kind = FieldKind::Map,
     .offset = offsetof(CallRecord, headers),
     .max = 64,
     .fields = kCallValueElement,
     .size = sizeof(HeaderSetRecord),
     .doc = "fields that are sent; none of the client's are by themselves"},
    {.name = "body",
     .kind = FieldKind::Template,
     .offset = offsetof(CallRecord, body),
     .doc = "a JSON body that is sent"},
    {.name = "when",
     .kind = FieldKind::Condition,
     .offset = offsetof(CallRecord, condition),
     .doc = "for which requests it is made; for others it is as if it had not been there"},
    {.name = "forEach",
     .kind = FieldKind::Expression,
     .offset = offsetof(CallRecord, for_each),
     .doc = "a list, such as `$calls.orders.body#/items`: a call for each `$item`; the value is "
            "the list of the answers"},
    {.name = "concurrency",
     .kind = FieldKind::Count,
     .offset = offsetof(CallRecord, concurrency),
     .min = 1,
     .max = 64,
     .fallback = "4",
     .doc = "calls of `forEach` at a time"},
    {.name = "maxItems",
     .kind = FieldKind::Count,
     .offset = offsetof(CallRecord, max_items),
     .min = 1,
     .max = 1000,
     .fallback = "100",
     .doc = "longest list that `forEach` takes; a longer one makes the call fail"},
    {.name = "optional",
     .kind = FieldKind::Bool,
     .offset = offsetof(CallRecord, optional),
     .fallback = "false",
     .doc = "without its answer there is one all the same"},
    {.name = "fallback",
     .kind = FieldKind::Template,
     .offset = offsetof(CallRecord, fallback),
     .doc = "value in place of an answer that does not come, of an optional call"},
    {.name = "timeout",
     .kind = FieldKind::Duration,
     .offset = offsetof(CallRecord, timeout),
     .late = true,
     .max = 600'000,
     .fallback = "0ms",
     .doc = "longest that it takes; 0: what the whole answer may"},
    {.name = "retries",
     .kind = FieldKind::Count,
     .offset = offsetof(CallRecord, retries),
     .max = 5,
     .fallback = "0",
     .doc = "further tries of an upstream's path; operations have their own `retry`"},
    {.name = "pass",
     .kind = FieldKind::List,
     .offset = offsetof(CallRecord, pass),
     .max = 32,
     .fields = kCallPassElement,
     .size = sizeof(table::StringRef),
     .doc = "statuses, such as 404 or 4xx, that the client is answered with, body included"},
    {.name = "status",
     .kind = FieldKind::Map,
     .offset = offsetof(CallRecord, status),
     .max = 32,
     .fields = kStatusChangeElement,
     .size = sizeof(StatusChangeRecord),
     .doc = "other status codes for those of its answers, before anything else looks at them"},
    {.name = "maxSize",
     .kind = FieldKind::Bytes,
     .offset = offsetof(CallRecord, max_size),
     .min = 1,
     .max = u64{64} << 20,
     .fallback = "1MiB",
     .doc = "longest answer that is taken"},
};
inline constexpr FieldSpec kCallAfterFields[] = {
    {.name = "call",
     .kind = FieldKind::Count,
     .offset = offsetof(CallAfterRecord, call),
     .max = kMaxCalls},
};
inline constexpr FieldSpec kCallAfterElement[] = {
    {.name = "after",
     .kind = FieldKind::Record,
     .fields = kCallAfterFields,
     .size = sizeof(CallAfterRecord)},
};
inline constexpr FieldSpec kCallStoredFields[] = {
    {.name = "name", .offset = offsetof(CallRecord, name), .max = 256},
    {.name = "host", .offset = offsetof(CallRecord, host), .max = 256},
    {.name = "route", .kind = FieldKind::Count, .offset = offsetof(CallRecord, route)},
    {.name = "upstream",
     .kind = FieldKind::Name,
     .offset = offsetof(CallRecord, upstream),
     .names = NameSpace::Upstream},
    {.name = "path", .kind = FieldKind::PathRewrite, .offset = offsetof(CallRecord, path)},
    {.name = "query",
     .kind = FieldKind::Map,
     .offset = offsetof(CallRecord, query),
     .fields = kCallValueElement,
     .size = sizeof(HeaderSetRecord)},
    kCallFields[4],
    kCallFields[5],
    kCallFields[6],
    kCallFields[7],
    kCallFields[8],
    kCallFields[9],
    kCallFields[10],
    kCallFields[11],
    kCallFields[12],
    kCallFields[13],
    kCallFields[14],
    kCallFields[15],
    kCallFields[16],
    kCallFields[17],
    {.name = "after",
     .kind = FieldKind::List,
     .offset = offsetof(CallRecord, after),
     .max = kMaxCalls,
     .fields = kCallAfterElement,
     .size = sizeof(CallAfterRecord)},
    {.name = "readsBody", .kind = FieldKind::Bool, .offset = offsetof(CallRecord, reads_body)},
};
static_assert(kCallFields[4].name == "method" && kCallFields[17].name == "maxSize" &&
              std::size(kCallFields) == 18);
inline constexpr FieldSpec kCallStoredElement[] = {
    {.name = "call",
     .kind = FieldKind::Record,
     .fields = kCallStoredFields,
     .size = sizeof(CallRecord)},
};

inline constexpr FieldSpec kCallElement[] = {
    {.name = "call", .kind = FieldKind::Record, .fields = kCallFields, .size = sizeof(CallChoice)},
};
/// As it is written.
inline constexpr FieldSpec kComposeFields[] = {
    {.name = "calls",
     .kind = FieldKind::Map,
     .offset = offsetof(ComposeRecord, calls),
     .required = true,
     .max = kMaxCalls,
     .fields = kCallElement,
     .size = sizeof(CallChoice),
     .doc = "what is asked, by names; a call that uses another's answer waits for it, the others "
            "run at the same time"},
    {.name = "body",
     .kind = FieldKind::Template,
     .offset = offsetof(ComposeRecord, body),
     .required = true,
     .doc = "the answer, with `$calls.NAME.body`, `$calls.NAME.status`, `$calls.NAME.header.X`"},
    {.name = "headers",
     .kind = FieldKind::Map,
     .offset = offsetof(ComposeRecord, headers),
     .max = 64,
     .fields = kCallValueElement,
     .size = sizeof(HeaderSetRecord),
     .doc = "fields of the answer"},
    {.name = "status",
     .kind = FieldKind::Status,
     .offset = offsetof(ComposeRecord, status),
     .min = 200,
     .max = 299,
     .fallback = "200",
     .doc = "status of the answer"},
    {.name = "partialStatus",
     .kind = FieldKind::Status,
     .offset = offsetof(ComposeRecord, partial_status),
     .min = 200,
     .max = 599,
     .fallback = "200",
     .doc = "status when an optional call has brought nothing; such an answer says which ones in "
            "its field Gw-Partial"},
};
inline constexpr FieldSpec kComposeStoredFields[] = {
    {.name = "calls",
     .kind = FieldKind::List,
     .offset = offsetof(ComposeRecord, calls),
     .max = kMaxCalls,
     .fields = kCallStoredElement,
     .size = sizeof(CallRecord)},
    kComposeFields[1],
    kComposeFields[2],
    kComposeFields[3],
    kComposeFields[4],
};
inline constexpr RecordSpec kComposeSpec{.name = "compose",
                                         .bytes = sizeof(ComposeRecord),
                                         .fields = kComposeFields,
                                         .doc = "an answer put together from several calls"};
inline constexpr RecordSpec kComposeStoredSpec{.name = "compose",
                                               .bytes = sizeof(ComposeRecord),
                                               .fields = kComposeStoredFields,
                                               .doc = "an answer put together from several calls"};

}  // namespace gw::policies
