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
