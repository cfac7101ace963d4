// What the main thread of `serve` does beside everything else: hears signals, runs what it is told.
#pragma once
#include <chrono>
#include <functional>
#include <mutex>
#include <vector>

#include "runtime/base/unique_descriptor.h"

namespace gw::server {

/// Changes of the gateway happen here, one after the other: reloads, drains, looks at files. Made
/// on the main thread while the signals are blocked (BlockedSignals), and run there.
class MainLoop {
 public:
  MainLoop();
  MainLoop(const MainLoop&) = delete;
  MainLoop& operator=(const MainLoop&) = delete;

  /// Each may be empty.
  struct Handlers {
    std::function<void()> every_second;
    std::function<void()> hang_up;      // SIGHUP
    std::function<void()> reopen_logs;  // SIGUSR1
    /// Called by the first order to end; for how long to go on as before. A second one ends that.
    std::function<std::chrono::milliseconds()> leave;
  };
  /// Until SIGTERM, SIGINT or stop(), and as long after it as `leave` says. What was posted before
  /// the end has been run then.
  void run(const Handlers& handlers);
  /// Any thread. `work` is run by run(). False: that has returned, and `work` is not run.
  bool post(std::function<void()> work);
  /// Any thread.
  void stop();

 private:
  bool run_posted();
  bool goes_on(const Handlers& handlers);
  void end();
  bool hear_signal(const Handlers& handlers);

  UniqueDescriptor signals_;
  UniqueDescriptor wake_;
  std::mutex mutex_;
  std::vector<std::function<void()>> posted_;
  bool stopping_ = false;
  bool leaving_ = false;
  std::chrono::steady_clock::time_point leave_at_ = std::chrono::steady_clock::time_point::max();
  bool ended_ = false;  // guarded by the mutex
};

}  // namespace gw::server
