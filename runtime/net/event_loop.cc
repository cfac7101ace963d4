#include "runtime/net/event_loop.h"

#include <cstdio>
#include <ctime>

namespace gw::net {
namespace {

// Waits for one deadline; lives in the frame of the coroutine that sleeps.
class Sleep {
 public:
  Sleep(EventLoop& loop, TimePoint when) : loop_(loop), when_(when), timer_(&Sleep::wake, this) {}
  bool await_ready() const { return when_ <= loop_.now(); }
  void await_suspend(std::coroutine_handle<> waiter) {
    waiter_ = waiter;
    loop_.set_timer(timer_, when_);
  }
  void await_resume() const noexcept {}

 private:
  static void wake(void* context) { static_cast<Sleep*>(context)->waiter_.resume(); }
  EventLoop& loop_;
  TimePoint when_;
  Timer timer_;
  std::coroutine_handle<> waiter_;
};

}  // namespace

void Deferred::unlink() {
  if (at_ == nullptr) return;
  *at_ = next_;
  if (next_ != nullptr) next_->at_ = at_;
  at_ = nullptr;
  next_ = nullptr;
}

void EventLoop::defer(Deferred& call) {
  if (call.is_due()) return;
  const bool first = deferred_ == nullptr;
  call.next_ = deferred_;
  call.at_ = &deferred_;
  if (deferred_ != nullptr) deferred_->at_ = &call.next_;
  deferred_ = &call;
  if (first) request_deferred();
}

// A callback may defer anew, which is for the next turn, and destroy whatever else is due.
void EventLoop::run_deferred() {
  running_ = deferred_;
  deferred_ = nullptr;
  if (running_ != nullptr) running_->at_ = &running_;
  while (running_ != nullptr) {
    Deferred& call = *running_;
    call.unlink();
    call.callback_(call.context_);
  }
}

Task<void> EventLoop::sleep_until(TimePoint when) {
  Sleep sleep(*this, when);
  co_await sleep;
}

std::string_view EventLoop::http_date() {
  const i64 second = unix_ms() / 1000;
  if (second != date_second_) {
    date_second_ = second;
    const auto time = static_cast<std::time_t>(second);
    std::tm parts{};
    ::gmtime_r(&time, &parts);
    static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                              "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    // Not strftime: its names follow the locale. The masks only tell the compiler the widths.
    std::snprintf(date_, sizeof date_, "%s, %02u %s %04u %02u:%02u:%02u GMT", kDays[parts.tm_wday],
                  static_cast<unsigned>(parts.tm_mday) & 63U, kMonths[parts.tm_mon],
                  static_cast<unsigned>(parts.tm_year + 1900) % 10000U,
                  static_cast<unsigned>(parts.tm_hour) & 31U,
                  static_cast<unsigned>(parts.tm_min) & 63U,
                  static_cast<unsigned>(parts.tm_sec) & 63U);
  }
  return {date_, 29};
}

}  // namespace gw::net
