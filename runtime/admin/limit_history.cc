#include "runtime/admin/limit_history.h"

#include <algorithm>
#include <numeric>

namespace gw::admin {
namespace {

using limits::LimitUse;

constexpr i64 kMinuteMs = 60'000;

// Counters of a name that was forgotten begin anew.
u64 since(u64 now, u64 before) { return now >= before ? now - before : now; }

}  // namespace

void LimitHistory::begin_minute() {
  now_ = (now_ + 1) % kLimitMinutes;
  for (auto& [name, followed] : followed_) {
    LimitLately& oldest = followed.minutes[now_];
    for (size_t i = 0; i < limits::kLimitUses; ++i) followed.sum.uses[i] -= oldest.uses[i];
    followed.sum.refused -= oldest.refused;
    oldest = {};
  }
}

void LimitHistory::sample(i64 unix_ms, const std::map<std::string, observe::LimitTotals>& totals) {
  const i64 minute = unix_ms / kMinuteMs;
  const i64 passed = std::clamp<i64>(minute - minute_, 0, kLimitMinutes);
  minute_ = minute;
  for (i64 i = 0; begun_ && i < passed; ++i) begin_minute();
  begun_ = true;
  std::erase_if(followed_, [&](const auto& one) { return !totals.contains(one.first); });
  for (const auto& [name, total] : totals) {
    auto found = followed_.find(name);
    if (found == followed_.end()) {
      if (followed_.size() >= kLimitsFollowed) continue;
      found = followed_.emplace(name, Followed()).first;
    }
    Followed& followed = found->second;
    LimitLately& current = followed.minutes[now_];
    for (size_t i = 0; i < limits::kLimitUses; ++i) {
      const u64 came = since(total.uses[i], followed.before.uses[i]);
      current.uses[i] += came;
      followed.sum.uses[i] += came;
    }
    const u64 refused = since(total.refused, followed.before.refused);
    current.refused += refused;
    followed.sum.refused += refused;
    followed.before = total;
  }
}

const LimitLately* LimitHistory::lately(std::string_view name) const {
  const auto found = followed_.find(name);
  return found == followed_.end() ? nullptr : &found->second.sum;
}

std::optional<LimitUse> highest_use(const LimitLately& lately) {
  for (size_t i = limits::kLimitUses; i > 0; --i) {
    if (lately.uses[i - 1] != 0) return static_cast<LimitUse>(i - 1);
  }
  return std::nullopt;
}

bool is_nearer(const LimitLately& a, const LimitLately& b) {
  const std::optional<LimitUse> of_a = highest_use(a);
  const std::optional<LimitUse> of_b = highest_use(b);
  if (!of_a || !of_b) return of_a.has_value() && !of_b;
  if (*of_a != *of_b) return *of_a > *of_b;
  const auto share = [](const LimitLately& lately, LimitUse use) {
    const u64 all = std::accumulate(lately.uses.begin(), lately.uses.end(), u64{0});
    return static_cast<double>(lately.uses[static_cast<size_t>(use)]) / static_cast<double>(all);
  };
  return share(a, *of_a) > share(b, *of_b);
}

}  // namespace gw::admin
