// Settings of an operation that every action reads: deadlines and body limits.
#pragma once
#include "runtime/policies/field_spec.h"

namespace gw::policies {

struct TimeoutRecord {
  table::LateNumber connect;  // milliseconds
  table::LateNumber try_;
  table::LateNumber total;
  table::LateNumber idle;
  table::LateNumber stream;  // 0: none
};

struct SettingsRecord {
  TimeoutRecord timeout;
  table::LateNumber max_body;  // bytes
};
static_assert(sizeof(SettingsRecord) == 96);

inline constexpr u64 kDayMs = 86'400'000;
inline constexpr FieldSpec kTimeoutFields[] = {
    {.name = "connect",
     .kind = FieldKind::Duration,
     .offset = offsetof(TimeoutRecord, connect),
     .late = true,
     .min = 1,
     .max = 600'000,
     .fallback = "3s",
     .doc = "time to open a connection to the upstream"},
    {.name = "try",
     .kind = FieldKind::Duration,
     .offset = offsetof(TimeoutRecord, try_),
     .late = true,
     .min = 1,
     .max = kDayMs,
     .fallback = "15s",
     .doc = "time of one try, from connecting to the head of the answer"},
    {.name = "total",
     .kind = FieldKind::Duration,
     .offset = offsetof(TimeoutRecord, total),
     .late = true,
     .min = 1,
     .max = kDayMs,
     .fallback = "15s",
     .doc = "time of the whole exchange, retries and bodies included"},
    {.name = "idle",
     .kind = FieldKind::Duration,
     .offset = offsetof(TimeoutRecord, idle),
     .late = true,
     .min = 1,
     .max = kDayMs,
     .fallback = "60s",
     .doc = "time between two pieces of a body, or of a stream"},
    {.name = "stream",
     .kind = FieldKind::Duration,
     .offset = offsetof(TimeoutRecord, stream),
     .late = true,
     .max = 30 * kDayMs,
     .fallback = "0s",
     .doc = "life of a stream (`upgrade`, `text/event-stream`, gRPC), in place of `total`; 0: no "
            "limit"},
};
inline constexpr FieldSpec kSettingsFields[] = {
    {.name = "timeout",
     .kind = FieldKind::Record,
     .offset = offsetof(SettingsRecord, timeout),
     .fields = kTimeoutFields,
     .size = sizeof(TimeoutRecord),
     .shorthand = "total",
     .doc = "deadlines; a bare duration sets `total`"},
    {.name = "maxBody",
     .kind = FieldKind::Bytes,
     .offset = offsetof(SettingsRecord, max_body),
     .late = true,
     .max = u64{1} << 40,
     .fallback = "1MiB",
     .doc = "largest request body; beyond it the answer is 413"},
};
inline constexpr RecordSpec kSettingsSpec{.name = "settings",
                                          .bytes = sizeof(SettingsRecord),
                                          .fields = kSettingsFields,
                                          .doc = "deadlines and limits of an operation"};

}  // namespace gw::policies
