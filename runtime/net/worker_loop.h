// The event loop of one worker thread, on Asio.
#pragma once
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "runtime/net/event_loop.h"

namespace gw::net {

/// Runs the I/O, the deadlines and the posted messages of one thread. Only post() and stop() may be
/// called from other threads.
class WorkerLoop final : public EventLoop {
 public:
  WorkerLoop();
  ~WorkerLoop() override;

  /// Until stop(); returns on the thread that called it.
  void run();
  void stop();
  void post(std::function<void()> message) override;

  boost::asio::io_context& io() { return io_; }
  /// Something new has happened: now() looks at the clock again. Between two calls it does not.
  void begin_turn() { now_is_old_ = true; }

  TimePoint now() const override;
  i64 unix_ms() const override;
  void set_timer(Timer& timer, TimePoint due) override;

 private:
  using Executor = boost::asio::io_context::executor_type;
  using SteadyTimer = boost::asio::basic_waitable_timer<
      std::chrono::steady_clock, boost::asio::wait_traits<std::chrono::steady_clock>, Executor>;
  void arm(TimePoint due);
  void request_deferred() override;
  void on_tick(const boost::system::error_code& ec);

  mutable TimePoint now_{};
  mutable bool now_is_old_ = true;
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<Executor> work_;
  SteadyTimer tick_;
  TimePoint armed_ = TimePoint::max();  // when tick_ fires; max: not armed
};

}  // namespace gw::net
