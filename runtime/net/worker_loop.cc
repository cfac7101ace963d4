#include "runtime/net/worker_loop.h"

#include <boost/asio/defer.hpp>
#include <boost/asio/post.hpp>
#include <ctime>

namespace gw::net {

namespace asio = boost::asio;

// UNSAFE_IO: descriptors are used by this thread only, so the reactor needs no locks; posting from
// other threads stays safe.
WorkerLoop::WorkerLoop()
    : EventLoop(std::chrono::steady_clock::now()),
      io_(BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO),
      work_(io_.get_executor()),
      tick_(io_.get_executor()) {}

WorkerLoop::~WorkerLoop() = default;

void WorkerLoop::run() { io_.run(); }

void WorkerLoop::stop() { io_.stop(); }

void WorkerLoop::post(std::function<void()> message) {
  asio::post(io_, [this, message = std::move(message)] {
    begin_turn();
    message();
  });
}

// Behind the events that the reactor has found together. Asio keeps the memory of the handler.
void WorkerLoop::request_deferred() {
  asio::defer(io_, [this] { run_deferred(); });
}

TimePoint WorkerLoop::now() const {
  if (now_is_old_) {
    now_ = std::chrono::steady_clock::now();
    now_is_old_ = false;
  }
  return now_;
}

i64 WorkerLoop::unix_ms() const {
  timespec time{};
  // COARSE: a few milliseconds old at most, and a third of the price.
  ::clock_gettime(CLOCK_REALTIME_COARSE, &time);
  return static_cast<i64>(time.tv_sec) * 1000 + time.tv_nsec / 1000000;
}

void WorkerLoop::set_timer(Timer& timer, TimePoint due) {
  wheel.set(timer, due);
  if (due == TimePoint::max()) return;
  // Within a tick of what is armed already: the wheel promises no more, and a call would be for
  // nothing.
  if (armed_ != TimePoint::max() && due + TimerWheel::kTick >= armed_) return;
  arm(due);
}

void WorkerLoop::arm(TimePoint due) {
  armed_ = std::max(due, now() + TimerWheel::kTick);
  tick_.expires_at(armed_);
  tick_.async_wait([this](const boost::system::error_code& ec) { on_tick(ec); });
}

void WorkerLoop::on_tick(const boost::system::error_code& ec) {
  if (ec) return;  // armed anew for an earlier time
  begin_turn();
  armed_ = TimePoint::max();
  wheel.advance(now());
  const TimePoint due = wheel.next_due();
  if (due < armed_) arm(due);
}

}  // namespace gw::net
