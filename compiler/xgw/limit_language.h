// `rateLimit`, `quota`, `concurrency` and `cors` as they are written; a part of language.h.
#pragma once
#include <array>

#include "runtime/base/units.h"
#include "runtime/policies/cors/record.h"
#include "runtime/policies/rate_limit/record.h"

namespace gw::compiler {

/// One limit of any kind, before its place gives it an identity. Only the compiler has this.
struct LimitChoice {
  table::StringRef name;
  table::Extent key;  // Extent[] into Expressions
  table::LateNumber limit;
  table::LateNumber burst;
  u32 cost;
  u32 when;
  u32 mode;
  u32 scope;
  u32 overflow;
  u32 headers;
  u32 ipv6_prefix;
  u32 per;
};
struct CorsChoice {
  table::Extent origins;  // LateString[]
  table::Extent methods;  // StringRef[]
  table::Extent headers;  // StringRef[]
  table::Extent expose;   // StringRef[]
  u64 max_age;
  u32 credentials;
  u32 private_network;
};

namespace limit_fields {

using policies::FieldKind;
using policies::FieldSpec;

inline constexpr FieldSpec kKey{
    .name = "key",
    .kind = FieldKind::List,
    .offset = offsetof(LimitChoice, key),
    .max = policies::kMaxLimitKeys,
    .fields = policies::kLimitKeyElement,
    .size = sizeof(table::Extent),
    .doc =
        "whose requests count together, such as `$client.ip`; of a list the first that is there, "
        "and those without any share one counter; default: all"};
inline constexpr FieldSpec kRate{.name = "limit",
                                 .kind = FieldKind::Rate,
                                 .offset = offsetof(LimitChoice, limit),
                                 .late = true,
                                 .required = true,
                                 .min = pack_rate({1, 0}),
                                 .max = pack_rate({~u32{0}, 86'400}),
                                 .doc =
                                     "even rate, such as `100/min`; units `s`, `min`, `h`, "
                                     "`day`"};
inline constexpr FieldSpec kBurst{.name = "burst",
                                  .kind = FieldKind::Count,
                                  .offset = offsetof(LimitChoice, burst),
                                  .late = true,
                                  .min = 1,
                                  .max = ~u32{0},
                                  .doc =
                                      "how many may come at once, before the even rate; default: "
                                      "as many as `limit` counts"};
inline constexpr FieldSpec kAmount{.name = "limit",
                                   .kind = FieldKind::Count,
                                   .offset = offsetof(LimitChoice, limit),
                                   .late = true,
                                   .required = true,
                                   .max = u64{1} << 39,
                                   .doc = "units in a period"};
inline constexpr FieldSpec kAtATime{.name = "limit",
                                    .kind = FieldKind::Count,
                                    .offset = offsetof(LimitChoice, limit),
                                    .late = true,
                                    .required = true,
                                    .min = 1,
                                    .max = ~u32{0},
                                    .doc = "requests at a time"};
inline constexpr FieldSpec kPeriod{.name = "per",
                                   .kind = FieldKind::Enum,
                                   .offset = offsetof(LimitChoice, per),
                                   .required = true,
                                   .words = policies::kQuotaPeriodWords,
                                   .doc = "calendar period, UTC; weeks begin on Monday"};
inline constexpr FieldSpec kCost{.name = "cost",
                                 .kind = FieldKind::Count,
                                 .offset = offsetof(LimitChoice, cost),
                                 .min = 1,
                                 .max = 1'000'000,
                                 .fallback = "1",
                                 .doc = "units of one request"};
inline constexpr FieldSpec kWhen{.name = "when",
                                 .kind = FieldKind::Condition,
                                 .offset = offsetof(LimitChoice, when),
                                 .doc = "only for these requests"};
inline constexpr FieldSpec kMode{.name = "mode",
                                 .kind = FieldKind::Enum,
                                 .offset = offsetof(LimitChoice, mode),
                                 .fallback = "enforce",
                                 .words = policies::kLimitModeWords,
                                 .doc = "`shadow` counts and logs, and refuses nothing"};
inline constexpr FieldSpec kScope{.name = "scope",
                                  .kind = FieldKind::Enum,
                                  .offset = offsetof(LimitChoice, scope),
                                  .fallback = "shared",
                                  .words = policies::kLimitScopeWords,
                                  .doc = "`operation`: each operation counts for itself"};
inline constexpr FieldSpec kOverflow{.name = "overflow",
                                     .kind = FieldKind::Enum,
                                     .offset = offsetof(LimitChoice, overflow),
                                     .fallback = "shared",
                                     .words = policies::kLimitOverflowWords,
                                     .doc =
                                         "keys for which the memory has no room: count them "
                                         "together, or refuse them"};
inline constexpr FieldSpec kHeaders{.name = "headers",
                                    .kind = FieldKind::Enum,
                                    .offset = offsetof(LimitChoice, headers),
                                    .fallback = "on",
                                    .words = policies::kLimitHeaderWords,
                                    .doc = "whether `RateLimit` and `RateLimit-Policy` tell of it"};
inline constexpr FieldSpec kIpv6Prefix{.name = "ipv6Prefix",
                                       .kind = FieldKind::Count,
                                       .offset = offsetof(LimitChoice, ipv6_prefix),
                                       .min = 1,
                                       .max = 128,
                                       .fallback = "64",
                                       .doc =
                                           "bits of `$client.ip` that count, of an IPv6 "
                                           "address: a household or machine has all below"};

}  // namespace limit_fields

inline constexpr policies::FieldSpec kRateLimitFields[] = {
    limit_fields::kKey,        limit_fields::kRate,     limit_fields::kBurst,
    limit_fields::kCost,       limit_fields::kWhen,     limit_fields::kMode,
    limit_fields::kScope,      limit_fields::kOverflow, limit_fields::kHeaders,
    limit_fields::kIpv6Prefix,
};
inline constexpr policies::FieldSpec kQuotaFields[] = {
    limit_fields::kKey,        limit_fields::kAmount,   limit_fields::kPeriod,
    limit_fields::kCost,       limit_fields::kWhen,     limit_fields::kMode,
    limit_fields::kScope,      limit_fields::kOverflow, limit_fields::kHeaders,
    limit_fields::kIpv6Prefix,
};
inline constexpr policies::FieldSpec kConcurrencyFields[] = {
    limit_fields::kKey,     limit_fields::kAtATime,    limit_fields::kWhen,
    limit_fields::kMode,    limit_fields::kScope,      limit_fields::kOverflow,
    limit_fields::kHeaders, limit_fields::kIpv6Prefix,
};
inline constexpr policies::FieldSpec kRateLimitElement[] = {
    {.name = "limit",
     .kind = policies::FieldKind::Record,
     .fields = kRateLimitFields,
     .size = sizeof(LimitChoice),
     .shorthand = "limit"},
};
inline constexpr policies::FieldSpec kQuotaElement[] = {
    {.name = "quota",
     .kind = policies::FieldKind::Record,
     .fields = kQuotaFields,
     .size = sizeof(LimitChoice)},
};
inline constexpr policies::FieldSpec kConcurrencyElement[] = {
    {.name = "concurrency",
     .kind = policies::FieldKind::Record,
     .fields = kConcurrencyFields,
     .size = sizeof(LimitChoice),
     .shorthand = "limit"},
};

inline constexpr policies::FieldSpec kCorsMethodElement[] = {
    {.name = "method", .kind = policies::FieldKind::String, .min = 1, .max = 64},
};
inline constexpr policies::FieldSpec kCorsHeaderElement[] = {
    {.name = "header", .kind = policies::FieldKind::HeaderName, .min = 1, .max = 256},
};
inline constexpr policies::FieldSpec kCorsChoiceFields[] = {
    {.name = "origins",
     .kind = policies::FieldKind::List,
     .offset = offsetof(CorsChoice, origins),
     .required = true,
     .min = 1,
     .max = policies::kMaxOrigins,
     .fields = policies::kOriginElement,
     .size = sizeof(table::LateString),
     .doc = "origins that may read, such as `https://shop.example`; `https://*.shop.example` for "
            "each name of one label, `*` for any; also checked by `upgrade: websocket`"},
    {.name = "methods",
     .kind = policies::FieldKind::List,
     .offset = offsetof(CorsChoice, methods),
     .max = 32,
     .fields = kCorsMethodElement,
     .size = sizeof(table::StringRef),
     .doc = "methods that a preflight allows; default: those of the path"},
    {.name = "headers",
     .kind = policies::FieldKind::List,
     .offset = offsetof(CorsChoice, headers),
     .max = 128,
     .fields = kCorsHeaderElement,
     .size = sizeof(table::StringRef),
     .doc = "fields that a preflight allows; default: the header parameters and credentials that "
            "the operations of the path declare, and content-type"},
    {.name = "expose",
     .kind = policies::FieldKind::List,
     .offset = offsetof(CorsChoice, expose),
     .max = 128,
     .fields = kCorsHeaderElement,
     .size = sizeof(table::StringRef),
     .doc = "fields of answers that pages may read"},
    {.name = "credentials",
     .kind = policies::FieldKind::Bool,
     .offset = offsetof(CorsChoice, credentials),
     .fallback = "false",
     .doc = "whether requests may carry cookies and the like"},
    {.name = "maxAge",
     .kind = policies::FieldKind::Duration,
     .offset = offsetof(CorsChoice, max_age),
     .max = u64{7} * 86'400'000,
     .fallback = "10m",
     .doc = "how long browsers keep what a preflight said"},
    {.name = "privateNetwork",
     .kind = policies::FieldKind::Bool,
     .offset = offsetof(CorsChoice, private_network),
     .fallback = "false",
     .doc = "whether pages of the public network may ask a private one"},
};

}  // namespace gw::compiler
