#include "runtime/net/virtual_loop.h"

#include <algorithm>

#include "runtime/base/check.h"

namespace gw::net {
namespace {

constexpr u64 kMaxMessagesPerRun = 50'000'000;

}  // namespace

i64 VirtualLoop::unix_ms() const { return unix_offset_ms_ + passed_ms(); }

bool VirtualLoop::run_one() {
  if (posted_.empty()) return false;
  const std::function<void()> message = std::move(posted_.front());
  posted_.pop_front();
  message();
  return true;
}

void VirtualLoop::run() {
  u64 count = 0;
  while (run_one()) GW_CHECK(++count < kMaxMessagesPerRun);
}

void VirtualLoop::advance(std::chrono::milliseconds by) {
  run();
  const TimePoint until = now_ + by;
  while (true) {
    const TimePoint due = wheel.next_due();
    if (due > until) break;
    now_ = std::max(now_, due);
    wheel.advance(now_);
    run();
  }
  now_ = until;
}

}  // namespace gw::net
