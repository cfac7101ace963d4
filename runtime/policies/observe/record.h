// What a gateway tells of its requests, besides metrics: `observe` of the gateway document.
#pragma once
#include "runtime/policies/access_log/record.h"
#include "runtime/policies/field_spec.h"

namespace gw::policies {

/// Of each request to the collector. The value may be a secret: a reference, known when the table
/// is loaded.
struct CollectorFieldRecord {
  table::StringRef name;
  table::LateString value;
};

struct TracingRecord {
  table::LateString endpoint;  // absent: nothing is traced
  table::StringRef service;
  table::Extent headers;  // CollectorFieldRecord[]
  u32 sample;             // hundredths of a percent
  u32 parent;             // kTraceParentWords
};
inline constexpr std::string_view kTraceParentWords[] = {"respect", "ignore"};
inline constexpr u32 kTraceParentIgnore = 1;

/// At most one, in GatewayRecord.
struct ObserveRecord {
  TracingRecord tracing;
  AccessLogRecord access_log;
};
static_assert(sizeof(CollectorFieldRecord) == 24 && sizeof(TracingRecord) == 40);

inline constexpr FieldSpec kCollectorFieldElement[] = {
    {.name = "value",
     .kind = FieldKind::String,
     .offset = offsetof(CollectorFieldRecord, value),
     .late = true,
     .max = 8192},
};
inline constexpr FieldSpec kTracingFields[] = {
    {.name = "endpoint",
     .kind = FieldKind::String,
     .offset = offsetof(TracingRecord, endpoint),
     .late = true,
     .required = true,
     .min = 8,
     .max = 2048,
     .doc = "where spans are sent, by OTLP over HTTP in JSON; such as "
            "`http://127.0.0.1:4318/v1/traces`"},
    {.name = "sample",
     .kind = FieldKind::Percent,
     .offset = offsetof(TracingRecord, sample),
     .max = 10'000,
     .fallback = "1%",
     .doc = "share of the traces that begin here which is recorded; the same traces in every "
            "process"},
    {.name = "parent",
     .kind = FieldKind::Enum,
     .offset = offsetof(TracingRecord, parent),
     .fallback = "respect",
     .words = kTraceParentWords,
     .doc = "a caller's `traceparent`: go on with it and record what it records, or begin anew"},
    {.name = "service",
     .kind = FieldKind::String,
     .offset = offsetof(TracingRecord, service),
     .min = 1,
     .max = 255,
     .fallback = "gwctl",
     .doc = "`service.name` of the spans"},
    {.name = "headers",
     .kind = FieldKind::Map,
     .offset = offsetof(TracingRecord, headers),
     .max = 16,
     .fields = kCollectorFieldElement,
     .size = sizeof(CollectorFieldRecord),
     .doc = "fields of the requests to it, such as `authorization: 'Bearer {$file./run/token}'`"},
};
inline constexpr FieldSpec kObserveFields[] = {
    {.name = "tracing",
     .kind = FieldKind::Record,
     .offset = offsetof(ObserveRecord, tracing),
     .fields = kTracingFields,
     .size = sizeof(TracingRecord),
     .doc = "spans of requests, policies, tries and parts of compositions, for OpenTelemetry"},
    {.name = "accessLog",
     .kind = FieldKind::Record,
     .offset = offsetof(ObserveRecord, access_log),
     .fields = kAccessLogFields,
     .size = sizeof(AccessLogRecord),
     .shorthand = "format",
     .doc = "a line for each request, or for those that are chosen"},
};
/// What nobody writes stands in tables, too.
inline constexpr FieldSpec kObserveStoredFields[] = {
    kObserveFields[0],
    kObserveFields[1],
    {.name = "parts",
     .kind = FieldKind::List,
     .offset = offsetof(ObserveRecord, access_log) + offsetof(AccessLogRecord, parts),
     .max = kMostLogParts,
     .fields = kLogPartElement,
     .size = sizeof(LogPartRecord)},
};
inline constexpr RecordSpec kObserveSpec{.name = "observe",
                                         .bytes = sizeof(ObserveRecord),
                                         .fields = kObserveFields,
                                         .doc = "what is told of requests, besides metrics"};

/// How GatewayRecord holds it.
struct ObserveListRecord {
  table::Extent list;
};
inline constexpr FieldSpec kObserveElement[] = {
    {.name = "observe",
     .kind = FieldKind::Record,
     .fields = kObserveStoredFields,
     .size = sizeof(ObserveRecord)},
};
inline constexpr FieldSpec kObserveListFields[] = {
    {.name = "observe",
     .kind = FieldKind::List,
     .offset = offsetof(ObserveListRecord, list),
     .max = 1,
     .fields = kObserveElement,
     .size = sizeof(ObserveRecord)},
};
inline constexpr RecordSpec kObserveListSpec{
    .name = "observe", .bytes = sizeof(ObserveListRecord), .fields = kObserveListFields, .doc = ""};

}  // namespace gw::policies
