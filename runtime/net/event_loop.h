// What a connection needs of the loop that runs it: time, deadlines, buffers.
#pragma once
#include <coroutine>
#include <functional>

#include "runtime/http/env.h"
#include "runtime/net/buffer_pool.h"
#include "runtime/net/timer_wheel.h"

namespace gw::net {

/// Something to do once what has happened at the same time has been dealt with: several answers
/// that become ready in one turn are written together. Leaves the loop when destroyed.
class Deferred {
 public:
  using Callback = void (*)(void* context);
  Deferred(Callback callback, void* context) : callback_(callback), context_(context) {}
  Deferred(const Deferred&) = delete;
  Deferred& operator=(const Deferred&) = delete;
  ~Deferred() { unlink(); }
  bool is_due() const { return at_ != nullptr; }

 private:
  friend class EventLoop;
  void unlink();

  Callback callback_;
  void* context_;
  Deferred* next_ = nullptr;
  Deferred** at_ = nullptr;  // what points to this; null: not due
};

/// Time, deadlines and buffers of one thread. A worker gives the real ones; tests move the time by
/// hand. One thread.
class EventLoop : public Clock {
 public:
  explicit EventLoop(TimePoint start) : wheel(start) {}

  TimerWheel wheel;
  BufferPool buffers;

  /// Sets a deadline and sees to it that the wheel turns in time.
  virtual void set_timer(Timer& timer, TimePoint due) = 0;
  /// Runs `message` on the loop's thread, later. Any thread. Allocates: for control and for who has
  /// waited, not for each request.
  virtual void post(std::function<void()> message) = 0;
  /// Calls `call` soon, once, not within this call. One that is due already stays where it is.
  void defer(Deferred& call);
  Task<void> sleep_until(TimePoint when) override;
  /// `Date` of now (RFC 9110 section 5.6.7), 29 characters; made once per second.
  std::string_view http_date();

 protected:
  /// Calls what was deferred before this call.
  void run_deferred();

 private:
  /// run_deferred() is to be called behind the events that are there already.
  virtual void request_deferred() = 0;

  Deferred* deferred_ = nullptr;  // newest first
  Deferred* running_ = nullptr;
  i64 date_second_ = -1;
  char date_[32] = {};
};

}  // namespace gw::net
