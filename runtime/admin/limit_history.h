// How near limits have come to their ends in the last minutes.
#pragma once
#include <array>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/observe/totals.h"

namespace gw::admin {

inline constexpr size_t kLimitMinutes = 5;
/// Limits that are followed; of those that come later nothing is known but what they have refused.
inline constexpr size_t kLimitsFollowed = 1024;

/// Requests that a limit was asked about in these minutes.
struct LimitLately {
  std::array<u64, limits::kLimitUses> uses{};  // by limits::LimitUse
  u64 refused = 0;
};

/// Memory: about 250 bytes for each limit. One thread.
class LimitHistory {
 public:
  /// `totals` of all workers' limits. The first time counts all that has come before.
  void sample(i64 unix_ms, const std::map<std::string, observe::LimitTotals>& totals);

  /// Of the last minutes, the current one included; null: it is not followed.
  const LimitLately* lately(std::string_view name) const;

 private:
  struct Followed {
    observe::LimitTotals before;
    std::array<LimitLately, kLimitMinutes> minutes{};  // a ring
    LimitLately sum;
  };
  void begin_minute();

  std::map<std::string, Followed, std::less<>> followed_;
  size_t now_ = 0;  // of the rings
  i64 minute_ = 0;
  bool begun_ = false;
};

/// Whether limit `a` is nearer to its end than `b`: by the highest use that any request has met,
/// then by the share of requests that have.
bool is_nearer(const LimitLately& a, const LimitLately& b);
/// The highest use that any request has met; nullopt: there was none.
std::optional<limits::LimitUse> highest_use(const LimitLately& lately);

}  // namespace gw::admin
