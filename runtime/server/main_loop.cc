#include "runtime/server/main_loop.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "runtime/base/check.h"
#include "runtime/base/types.h"
#include "runtime/server/blocked_signals.h"

namespace gw::server {
namespace {

constexpr std::chrono::milliseconds kTick{1000};

using SteadyClock = std::chrono::steady_clock;

int milliseconds_until(SteadyClock::time_point when) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(when - SteadyClock::now());
  return static_cast<int>(std::max<i64>(left.count(), 0));
}

}  // namespace

MainLoop::MainLoop() {
  const sigset_t heard = heard_signals();
  signals_.reset(::signalfd(-1, &heard, SFD_CLOEXEC | SFD_NONBLOCK));
  wake_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  GW_CHECK(signals_ && wake_);
}

bool MainLoop::post(std::function<void()> work) {
  {
    const std::lock_guard lock(mutex_);
    if (ended_) return false;
    posted_.push_back(std::move(work));
  }
  const u64 one = 1;
  static_cast<void>(::write(wake_.get(), &one, sizeof one));
  return true;
}

// Whoever waits for what was posted gets it.
void MainLoop::end() {
  std::vector<std::function<void()>> work;
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    work.swap(posted_);
  }
  for (const auto& piece : work) piece();
}

void MainLoop::stop() {
  post([this] { stopping_ = true; });
}

bool MainLoop::run_posted() {
  u64 count = 0;
  static_cast<void>(::read(wake_.get(), &count, sizeof count));
  std::vector<std::function<void()>> work;
  {
    const std::lock_guard lock(mutex_);
    work.swap(posted_);
  }
  for (const auto& piece : work) piece();
  return !stopping_;
}

bool MainLoop::hear_signal(const Handlers& handlers) {
  signalfd_siginfo heard{};
  if (::read(signals_.get(), &heard, sizeof heard) != sizeof heard) return true;
  if (heard.ssi_signo != SIGHUP && heard.ssi_signo != SIGUSR1) return false;
  const auto& handler = heard.ssi_signo == SIGHUP ? handlers.hang_up : handlers.reopen_logs;
  if (handler) handler();
  return true;
}

// After an order to end. False: there is nothing to go on for.
bool MainLoop::goes_on(const Handlers& handlers) {
  if (leaving_ || !handlers.leave) return false;
  leaving_ = true;
  stopping_ = false;
  const std::chrono::milliseconds delay = handlers.leave();
  leave_at_ = SteadyClock::now() + delay;
  return delay.count() > 0;
}

void MainLoop::run(const Handlers& handlers) {
  auto next_tick = SteadyClock::now() + kTick;
  for (;;) {
    pollfd heard[] = {{signals_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}};
    static_cast<void>(::poll(heard, 2, milliseconds_until(std::min(next_tick, leave_at_))));
    const bool told_to_end = !run_posted() || !hear_signal(handlers);
    if (told_to_end && !goes_on(handlers)) break;
    if (SteadyClock::now() >= leave_at_) break;
    if (SteadyClock::now() < next_tick) continue;
    next_tick = SteadyClock::now() + kTick;
    if (handlers.every_second) handlers.every_second();
  }
  end();
}

}  // namespace gw::server
