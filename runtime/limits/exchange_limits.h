// What limits have said about one exchange.
#pragma once
#include <string_view>

#include "runtime/limits/counter_store.h"

namespace gw::limits {

/// Another measure for a limit of this name: of the consumer of an exchange, or of its plan.
struct LimitOverride {
  std::string_view name;
  u32 kind = 0;   // policies::LimitKind
  u64 limit = 0;  // a packed rate, or a count
  u64 burst = 0;  // of a rate; 0: as many as `limit` counts
};

/// How much of a limit its key has used, this request counted.
enum class LimitUse : u8 {
  Low,   // less than half
  Half,  // from 50 %
  High,  // from 80 %
  Full,  // from 95 %
  Over,  // the request is beyond it: refused, unless the limit is in shadow mode
};
inline constexpr size_t kLimitUses = 5;
inline constexpr std::string_view kLimitUseNames[kLimitUses] = {"0-50", "50-80", "80-95", "95-100",
                                                                "over"};
/// Of a limit that has room for `remaining` of `capacity`.
constexpr LimitUse limit_use(u64 remaining, u64 capacity) {
  if (remaining <= capacity / 20) return LimitUse::Full;
  if (remaining <= capacity / 5) return LimitUse::High;
  return remaining <= capacity / 2 ? LimitUse::Half : LimitUse::Low;
}

/// For the fields RateLimit and RateLimit-Policy, and for people.
struct LimitOutcome {
  std::string_view name;  // in the table
  u32 kind = 0;           // policies::LimitKind
  bool told = false;      // in answers
  bool shadow = false;
  Verdict verdict = Verdict::Admitted;
  u64 quota = 0;
  u64 window_seconds = 0;  // 0: it has none, or none of one length
  u64 remaining = 0;
  u64 reset_seconds = 0;         // 0: unknown
  LimitUse use = LimitUse::Low;  // not of one without room for the key's counter
};

/// In the arena of its exchange.
struct ExchangeLimits {
  LimitOutcome* outcomes = nullptr;
  u32 count = 0;
  Permit* permits = nullptr;  // held until the exchange ends
  u32 permit_count = 0;
  std::string_view refused_by;    // in the arena; empty: nobody
  std::string_view would_refuse;  // the same of a limit in shadow mode
};

}  // namespace gw::limits
