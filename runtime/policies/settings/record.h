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

/// One cause of sending a request once more.
struct RetryCauseRecord {
  u32 kind;  // kRetryOnStatus or kRetryOnWord
  u32 status;
  u32 word;  // RetryWord
  u32 reserved;
};
inline constexpr u32 kRetryOnStatus = 1;
inline constexpr u32 kRetryOnWord = 2;
enum class RetryWord : u32 { Connect, Reset, Refused, Timeout };
inline constexpr std::string_view kRetryWords[] = {"connect", "reset", "refused", "timeout"};

struct RetryRecord {
  u32 times;
  u32 reserved;
  table::Extent causes;       // RetryCauseRecord[]; count 0: connect, reset, refused
  table::LateNumber budget;   // hundredths of a percent
  table::LateNumber backoff;  // milliseconds
  table::LateNumber buffer;   // bytes
};

struct SettingsRecord {
  TimeoutRecord timeout;
  table::LateNumber max_body;  // bytes
  RetryRecord retry;
  table::LateNumber max_stream_age;  // milliseconds; 0: any
};
static_assert(sizeof(SettingsRecord) == 176);

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
inline constexpr FieldSpec kRetryCauses[] = {
    {.name = "status",
     .kind = FieldKind::Status,
     .offset = offsetof(RetryCauseRecord, status),
     .min = 400,
     .max = 599},
    {.name = "word",
     .kind = FieldKind::Enum,
     .offset = offsetof(RetryCauseRecord, word),
     .words = kRetryWords},
};
inline constexpr FieldSpec kRetryCauseElement[] = {
    {.name = "cause",
     .kind = FieldKind::Union,
     .offset = offsetof(RetryCauseRecord, kind),
     .fields = kRetryCauses},
};
inline constexpr FieldSpec kRetryFields[] = {
    {.name = "times",
     .kind = FieldKind::Count,
     .offset = offsetof(RetryRecord, times),
     .max = 7,
     .fallback = "1",
     .doc = "how often a request is sent once more at most; 0: never"},
    {.name = "causes",
     .kind = FieldKind::List,
     .offset = offsetof(RetryRecord, causes),
     .min = 1,
     .max = 32,
     .fields = kRetryCauseElement,
     .size = sizeof(RetryCauseRecord),
     .doc = "after what: connect (no connection), reset (closed before an answer), refused (by "
            "HTTP/2), timeout (no answer within `timeout.try`), or a status; default: connect, "
            "reset, refused"},
    {.name = "budget",
     .kind = FieldKind::Percent,
     .offset = offsetof(RetryRecord, budget),
     .late = true,
     .max = 10'000,
     .fallback = "20%",
     .doc = "largest share of the upstream's requests of the last 10 s that are sent once more; "
            "100 always "
            "may"},
    {.name = "backoff",
     .kind = FieldKind::Duration,
     .offset = offsetof(RetryRecord, backoff),
     .late = true,
     .max = 60'000,
     .fallback = "25ms",
     .doc = "longest pause before the first repetition; it doubles up to ten times as much, and is "
            "drawn at random from 0 up to that"},
    {.name = "buffer",
     .kind = FieldKind::Bytes,
     .offset = offsetof(RetryRecord, buffer),
     .late = true,
     .max = u64{64} << 20,
     .fallback = "0B",
     .doc = "bodies of a known length up to this are read whole first, so that they can be sent "
            "again; others only when they have come with the head"},
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
    {.name = "retry",
     .kind = FieldKind::Record,
     .offset = offsetof(SettingsRecord, retry),
     .fields = kRetryFields,
     .size = sizeof(RetryRecord),
     .shorthand = "times",
     .doc = "sending a request once more where that is safe"},
    {.name = "maxStreamAge",
     .kind = FieldKind::Duration,
     .offset = offsetof(SettingsRecord, max_stream_age),
     .late = true,
     .max = 30 * kDayMs,
     .fallback = "0s",
     .doc = "how long a stream is let go on by what its client could prove at its start; then it "
            "is ended in its own way, and its client may come again; 0: any time"},
};
inline constexpr RecordSpec kSettingsSpec{.name = "settings",
                                          .bytes = sizeof(SettingsRecord),
                                          .fields = kSettingsFields,
                                          .doc = "deadlines and limits of an operation"};

}  // namespace gw::policies
