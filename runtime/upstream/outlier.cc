#include "runtime/upstream/outlier.h"

#include <fmt/format.h>

#include <algorithm>

namespace gw::upstream {
namespace {

// Who stays for so long after his return begins anew with short ejections.
constexpr i64 kForgetMs = 300'000;

// Whether one more may go. With the lock.
bool may_eject(const UpstreamConfig& config, u32 candidate, i64 now_ms) {
  u64 count = 0;
  u64 ejected = 0;
  bool others = false;
  for (u32 i = 0; i < config.targets.size(); ++i) {
    const TargetConfig& target = config.targets[i];
    if (target.weight == 0) continue;
    ++count;
    const i64 until = target.state->ejected_until_ms.load(std::memory_order_relaxed);
    if (until > now_ms) ++ejected;
    // The same address twice is one server.
    const bool is_other = target.state != config.targets[candidate].state;
    others = others || (is_other && target.state->usable(now_ms));
  }
  const u64 allowed = std::max<u64>(count * config.outlier.max_ejected_bp / 10'000, 1);
  return others && ejected < allowed;
}

}  // namespace

void report_failure(const UpstreamConfig& config, u32 index, TimePoint now) {
  const OutlierOptions& options = config.outlier;
  if (options.consecutive == 0) return;
  const TargetConfig& target = config.targets[index];
  TargetState& state = *target.state;
  const u32 failures = state.failures.fetch_add(1, std::memory_order_relaxed) + 1;
  if (failures < options.consecutive) return;
  const i64 now_ms = to_ms(now);
  const std::lock_guard lock(config.state->mutex);
  // What was under way when it was ejected fails as well, and is no news.
  if (!state.usable(now_ms)) return;
  if (state.failures.load(std::memory_order_relaxed) < options.consecutive) return;
  if (!may_eject(config, index, now_ms)) return;
  const i64 before = state.ejected_until_ms.load(std::memory_order_relaxed);
  if (before != 0 && now_ms - before > kForgetMs) state.ejections = 0;
  ++state.ejections;
  const u64 length = std::min<u64>(u64{options.eject_ms} * state.ejections, options.max_eject_ms);
  const i64 until = now_ms + static_cast<i64>(std::max<u64>(length, 1));
  state.failures.store(0, std::memory_order_relaxed);
  state.recovered_ms.store(until, std::memory_order_relaxed);
  state.ejected_until_ms.store(until, std::memory_order_relaxed);
  config.state->changed();
  const std::string reason = fmt::format("{} failures in a row", failures);
  config.state->tell({.kind = HealthChange::Kind::Ejected,
                      .upstream = config.name,
                      .target = target.address,
                      .reason = reason,
                      .until_ms = until});
}

}  // namespace gw::upstream
