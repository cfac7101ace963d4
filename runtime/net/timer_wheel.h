// Deadlines for very many connections at almost no cost.
#pragma once
#include <array>
#include <chrono>

#include "runtime/base/types.h"

namespace gw::net {

using TimePoint = std::chrono::steady_clock::time_point;

class TimerWheel;

/// A deadline of its owner. Moving it later, which is what nearly every I/O does, costs one store:
/// the entry stays in its slot and is put further when the slot comes up.
class Timer {
 public:
  using Callback = void (*)(void* context);
  Timer(Callback callback, void* context) : callback_(callback), context_(context) {}
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer() { unlink(); }

  /// No deadline. Cheap: the entry may stay in the wheel for a while, without effect.
  void clear() { due_ = TimePoint::max(); }
  TimePoint due() const { return due_; }

 private:
  friend class TimerWheel;
  void unlink() {
    if (at_ == nullptr) return;
    *at_ = next_;
    if (next_ != nullptr) next_->at_ = at_;
    at_ = nullptr;
    next_ = nullptr;
  }

  Callback callback_;
  void* context_;
  TimePoint due_ = TimePoint::max();
  u64 slot_tick_ = 0;
  Timer* next_ = nullptr;
  Timer** at_ = nullptr;  // what points to this; null: in no slot
};

/// Two wheels of 256 slots: 16 ms and 4.096 s. A deadline fires up to one tick late, never early.
/// One thread.
class TimerWheel {
 public:
  static constexpr std::chrono::milliseconds kTick{16};

  explicit TimerWheel(TimePoint start) : start_(start) {}

  /// Sets the deadline of `timer`; TimePoint::max() is clear().
  void set(Timer& timer, TimePoint due);
  /// Calls what is due. Callbacks may set and destroy timers.
  void advance(TimePoint now);
  /// When advance() has something to do next; TimePoint::max(): never.
  TimePoint next_due() const;

 private:
  static constexpr u64 kSlots = 256;
  u64 tick_of(TimePoint when) const;
  void insert(Timer& timer);
  void run_slot(Timer*& slot, u64 until_tick, TimePoint now);

  TimePoint start_;
  Timer* running_ = nullptr;  // what is left of the slot that is being run
  u64 tick_ = 0;              // everything up to it has been run
  std::array<Timer*, kSlots> fine_{};
  std::array<Timer*, kSlots> coarse_{};
};

}  // namespace gw::net
