// What a connection needs of the loop that runs it: time, deadlines, buffers.
#pragma once
#include <coroutine>
#include <functional>

#include "runtime/http/env.h"
#include "runtime/net/buffer_pool.h"
#include "runtime/net/timer_wheel.h"

namespace gw::net {

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
  Task<void> sleep_until(TimePoint when) override;
  /// `Date` of now (RFC 9110 section 5.6.7), 29 characters; made once per second.
  std::string_view http_date();

 private:
  i64 date_second_ = -1;
  char date_[32] = {};
};

}  // namespace gw::net
