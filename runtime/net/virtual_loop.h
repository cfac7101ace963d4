// An event loop without sockets or threads, whose time is moved by hand.
#pragma once
#include <deque>
#include <functional>

#include "runtime/net/event_loop.h"

namespace gw::net {

/// The real timer wheel on a clock that stands still until advance(). What memory streams have to
/// tell is posted here, as a reactor would, so that nobody is resumed within his own call. One
/// thread.
class VirtualLoop final : public EventLoop {
 public:
  VirtualLoop() : EventLoop(kStart), now_(kStart) {}

  TimePoint now() const override { return now_; }
  i64 unix_ms() const override;
  /// What the wall clock says from now on; it goes on with the time.
  void set_unix_ms(i64 unix_ms) { unix_offset_ms_ = unix_ms - passed_ms(); }
  void set_timer(Timer& timer, TimePoint due) override { wheel.set(timer, due); }

  void post(std::function<void()> message) override { posted_.push_back(std::move(message)); }
  /// Runs one message. False: there was none.
  bool run_one();
  /// Runs messages until none is left. The time stands still; what never comes to rest is a bug
  /// and ends the process.
  void run();
  /// run(), and the same at each deadline until the time has moved by `by`.
  void advance(std::chrono::milliseconds by);

 private:
  void request_deferred() override {
    post([this] { run_deferred(); });
  }

  i64 passed_ms() const {
    return std::chrono::duration_cast<std::chrono::milliseconds>(now_ - kStart).count();
  }

  static constexpr TimePoint kStart = TimePoint{} + std::chrono::hours(1);
  i64 unix_offset_ms_ = 1'700'000'000'000;
  TimePoint now_;
  std::deque<std::function<void()>> posted_;
};

}  // namespace gw::net
