// rate_limit: how often, how much and how many at a time. Made from the fields `rateLimit`,
// `quota` and `concurrency`; one step holds all limits of a phase, since they are decided together.
#pragma once
#include "runtime/policies/field_spec.h"

namespace gw::policies {

enum class LimitKind : u32 { Rate, Quota, Concurrency };
inline constexpr std::string_view kLimitKindWords[] = {"rateLimit", "quota", "concurrency"};

enum class LimitMode : u32 { Enforce, Shadow };
inline constexpr std::string_view kLimitModeWords[] = {"enforce", "shadow"};
inline constexpr std::string_view kLimitScopeWords[] = {"shared", "operation"};
inline constexpr u32 kScopeOperation = 1;
/// In the order of limits::Overflow.
inline constexpr std::string_view kLimitOverflowWords[] = {"shared", "reject"};
inline constexpr std::string_view kLimitHeaderWords[] = {"on", "off"};
/// In the order of limits::Period.
inline constexpr std::string_view kQuotaPeriodWords[] = {"hour", "day", "week", "month"};

inline constexpr u32 kMaxLimits = 16;  // of one kind on one operation
inline constexpr u32 kMaxLimitKeys = 8;
/// Longest time that a burst may take to come back: a year.
inline constexpr u64 kMaxBurstNs = u64{366} * 86'400 * 1'000'000'000;

/// A limit that has no measure but that of a consumer or his plan: whoever has none passes.
inline constexpr u64 kNoLimit = ~u64{0};

struct LimitRecord {
  table::StringRef name;
  u64 id_low;  // digest of place, name and key: names its counters, in any table
  u64 id_high;
  table::Extent keys;       // Extent[] into Expressions: the first that is there; count 0: one key
  table::LateNumber limit;  // Rate: as FieldKind::Rate; others: a count
  table::LateNumber burst;  // Rate: how many at once; 0: as many as `limit` counts
  u32 kind;                 // LimitKind
  u32 when;                 // into Conditions
  u32 cost;
  u32 mode;      // LimitMode
  u32 overflow;  // limits::Overflow
  u32 headers;   // kLimitHeaderWords
  u32 ipv6_prefix;
  u32 period;  // limits::Period, of a quota
};
struct RateLimitRecord {
  table::Extent limits;  // LimitRecord[]
};
static_assert(sizeof(LimitRecord) == 96 && sizeof(RateLimitRecord) == 8);

inline constexpr FieldSpec kLimitKeyElement[] = {
    {.name = "key", .kind = FieldKind::Expression, .max = 8192},
};
inline constexpr FieldSpec kLimitFields[] = {
    {.name = "name",
     .kind = FieldKind::String,
     .offset = offsetof(LimitRecord, name),
     .required = true,
     .doc = "its name"},
    {.name = "key",
     .kind = FieldKind::List,
     .offset = offsetof(LimitRecord, keys),
     .max = kMaxLimitKeys,
     .fields = kLimitKeyElement,
     .size = sizeof(table::Extent),
     .doc = "whose requests count together"},
    {.name = "limit",
     .kind = FieldKind::Rate,
     .offset = offsetof(LimitRecord, limit),
     .late = true,
     .doc = "a rate, or a count"},
    {.name = "burst",
     .kind = FieldKind::Count,
     .offset = offsetof(LimitRecord, burst),
     .late = true,
     .doc = "how many may come at once"},
    {.name = "kind",
     .kind = FieldKind::Enum,
     .offset = offsetof(LimitRecord, kind),
     .words = kLimitKindWords,
     .doc = "what is limited"},
    {.name = "when",
     .kind = FieldKind::Condition,
     .offset = offsetof(LimitRecord, when),
     .doc = "only for these requests"},
    {.name = "cost",
     .kind = FieldKind::Count,
     .offset = offsetof(LimitRecord, cost),
     .doc = "units of one request"},
    {.name = "mode",
     .kind = FieldKind::Enum,
     .offset = offsetof(LimitRecord, mode),
     .words = kLimitModeWords,
     .doc = "whether it refuses"},
    {.name = "overflow",
     .kind = FieldKind::Enum,
     .offset = offsetof(LimitRecord, overflow),
     .words = kLimitOverflowWords,
     .doc = "keys for which there is no room"},
    {.name = "headers",
     .kind = FieldKind::Enum,
     .offset = offsetof(LimitRecord, headers),
     .words = kLimitHeaderWords,
     .doc = "whether answers tell of it"},
    {.name = "ipv6Prefix",
     .kind = FieldKind::Count,
     .offset = offsetof(LimitRecord, ipv6_prefix),
     .max = 128,
     .doc = "bits of an IPv6 address that count"},
    {.name = "per",
     .kind = FieldKind::Enum,
     .offset = offsetof(LimitRecord, period),
     .words = kQuotaPeriodWords,
     .doc = "period of a quota"},
};
inline constexpr FieldSpec kLimitElement[] = {
    {.name = "limit",
     .kind = FieldKind::Record,
     .fields = kLimitFields,
     .size = sizeof(LimitRecord)},
};
inline constexpr FieldSpec kRateLimitStoredFields[] = {
    {.name = "limits",
     .kind = FieldKind::List,
     .offset = offsetof(RateLimitRecord, limits),
     .max = 3 * kMaxLimits,
     .fields = kLimitElement,
     .size = sizeof(LimitRecord),
     .doc = "limits that are decided together"},
};
inline constexpr RecordSpec kRateLimitStoredSpec{.name = "rate_limit",
                                                 .bytes = sizeof(RateLimitRecord),
                                                 .fields = kRateLimitStoredFields,
                                                 .doc = "refuses what is too much"};

}  // namespace gw::policies
