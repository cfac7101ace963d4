#include "runtime/upstream/breaker.h"

#include <algorithm>

namespace gw::upstream {
namespace {

// Told to those who are refused while probes are under way.
constexpr u32 kProbeWaitMs = 1000;

}  // namespace

Breaker::Entry Breaker::enter(const BreakerOptions& options, i64 now_ms) {
  if (open_until_ms_.load(std::memory_order_acquire) == 0) return {};
  const std::lock_guard lock(mutex_);
  const i64 until = open_until_ms_.load(std::memory_order_relaxed);
  if (until == 0) return {};
  if (until > now_ms) return {Pass::Refused, static_cast<u32>(until - now_ms)};
  if (probing_ >= options.probes) return {Pass::Refused, kProbeWaitMs};
  ++probing_;
  return {Pass::Probe, 0};
}

Breaker::Change Breaker::leave(const BreakerOptions& options, Pass pass, Result result,
                               i64 now_ms) {
  if (pass == Pass::Probe) return leave_probe(options, result, now_ms);
  if (result == Result::Neither) return Change::None;
  // What was under way when it opened is no news.
  if (open_until_ms_.load(std::memory_order_relaxed) != 0) return Change::None;
  const bool failed = result == Result::Failure;
  tries_.add(options.window_ms, now_ms, failed ? 0 : 1, failed ? 1 : 0);
  if (!failed || !fails_too_often(options, now_ms)) return Change::None;
  const std::lock_guard lock(mutex_);
  if (open_until_ms_.load(std::memory_order_relaxed) != 0) return Change::None;
  // Somebody may have closed it meanwhile, and forgotten what went before.
  if (!fails_too_often(options, now_ms)) return Change::None;
  open(options, now_ms);
  return Change::Opened;
}

Breaker::Change Breaker::leave_probe(const BreakerOptions& options, Result result, i64 now_ms) {
  const std::lock_guard lock(mutex_);
  --probing_;
  const i64 until = open_until_ms_.load(std::memory_order_relaxed);
  // Another probe has decided already.
  if (result == Result::Neither || until == 0 || until > now_ms) return Change::None;
  if (result == Result::Failure) {
    open(options, now_ms);
    return Change::Opened;
  }
  if (++succeeded_ < options.probes) return Change::None;
  tries_.clear();
  open_until_ms_.store(0, std::memory_order_release);
  return Change::Closed;
}

// With the mutex.
void Breaker::open(const BreakerOptions& options, i64 now_ms) {
  succeeded_ = 0;
  open_until_ms_.store(now_ms + std::max<i64>(options.open_ms, 1), std::memory_order_release);
}

bool Breaker::fails_too_often(const BreakerOptions& options, i64 now_ms) const {
  const auto [successes, failures] = tries_.sums(options.window_ms, now_ms);
  const u64 all = successes + failures;
  return all >= options.requests && failures * 10'000 >= all * options.failures_bp;
}

}  // namespace gw::upstream
