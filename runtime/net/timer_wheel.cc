#include "runtime/net/timer_wheel.h"

#include <algorithm>

namespace gw::net {

u64 TimerWheel::tick_of(TimePoint when) const {
  if (when <= start_) return 0;
  // Rounded up, so that nothing fires early.
  return static_cast<u64>((when - start_ + kTick - std::chrono::nanoseconds(1)) / kTick);
}

void TimerWheel::set(Timer& timer, TimePoint due) {
  timer.due_ = due;
  if (due == TimePoint::max()) return;
  const u64 tick = std::max(tick_of(due), tick_ + 1);
  if (timer.at_ != nullptr) {
    if (timer.slot_tick_ <= tick) return;
    timer.unlink();
  }
  timer.slot_tick_ = tick;
  insert(timer);
}

void TimerWheel::insert(Timer& timer) {
  const u64 ahead = timer.slot_tick_ - tick_;
  Timer** head = nullptr;
  if (ahead < kSlots) {
    head = &fine_[timer.slot_tick_ % kSlots];
  } else {
    // The farthest coarse slot serves all that lies beyond it; it is looked at again there.
    const u64 coarse = std::min(timer.slot_tick_ / kSlots, tick_ / kSlots + kSlots - 1);
    head = &coarse_[coarse % kSlots];
  }
  timer.next_ = *head;
  if (timer.next_ != nullptr) timer.next_->at_ = &timer.next_;
  timer.at_ = head;
  *head = &timer;
}

// Takes the whole list first: what a callback inserts belongs to a later turn.
void TimerWheel::run_slot(Timer*& slot, u64 until_tick, TimePoint now) {
  if (slot == nullptr) return;
  running_ = slot;
  slot = nullptr;
  running_->at_ = &running_;
  while (running_ != nullptr) {
    Timer& timer = *running_;
    timer.unlink();
    if (timer.due_ == TimePoint::max()) continue;
    if (timer.due_ <= now) {
      timer.due_ = TimePoint::max();
      timer.callback_(timer.context_);
      continue;
    }
    timer.slot_tick_ = std::max(tick_of(timer.due_), until_tick + 1);
    insert(timer);
  }
}

void TimerWheel::advance(TimePoint now) {
  if (now <= start_) return;
  const u64 target = static_cast<u64>((now - start_) / kTick);
  while (tick_ < target) {
    // Nothing is in between: no need to step through the ticks of a long sleep.
    const TimePoint due = next_due();
    const u64 next = due == TimePoint::max() ? target : std::min(tick_of(due), target);
    tick_ = std::max(next, tick_ + 1);
    if (tick_ % kSlots == 0) run_slot(coarse_[(tick_ / kSlots) % kSlots], tick_ - 1, now);
    run_slot(fine_[tick_ % kSlots], tick_, now);
  }
}

TimePoint TimerWheel::next_due() const {
  u64 next = ~u64{0};
  for (u64 ahead = 1; ahead < kSlots; ++ahead) {
    if (fine_[(tick_ + ahead) % kSlots] == nullptr) continue;
    next = tick_ + ahead;
    break;
  }
  for (u64 ahead = 1; ahead < kSlots; ++ahead) {
    const u64 coarse = tick_ / kSlots + ahead;
    if (coarse * kSlots >= next) break;
    if (coarse_[coarse % kSlots] == nullptr) continue;
    next = coarse * kSlots;
    break;
  }
  if (next == ~u64{0}) return TimePoint::max();
  return start_ + kTick * static_cast<i64>(next);
}

}  // namespace gw::net
