// Asking targets how they are, beside all requests.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/http/env.h"
#include "runtime/net/event_loop.h"
#include "runtime/upstream/connector.h"

namespace gw::upstream {

/// Sends the active checks of all upstreams and keeps TargetState::healthy of their targets. One
/// per process, on a loop of the control side: one thread. `loop`, `random` and `connector` outlive
/// it.
class HealthChecker {
 public:
  HealthChecker(net::EventLoop& loop, Random& random, Connector& connector);
  ~HealthChecker();
  HealthChecker(const HealthChecker&) = delete;
  HealthChecker& operator=(const HealthChecker&) = delete;

  /// Checks these from now on, and no others. What is checked in the same way already goes on. A
  /// target that is no longer checked counts as healthy.
  void watch(const std::vector<UpstreamConfig>& upstreams);
  /// Whether each target that `upstreams`, which have their states, ask for has had a first answer,
  /// or none in time.
  static bool knows_all(const std::vector<UpstreamConfig>& upstreams);
  /// A target has been asked for the first time. On the loop, within a check: nothing of the
  /// checker may be called.
  std::function<void()> on_first;
  /// Ends all checks. True: nothing is under way any more; call it again otherwise.
  bool stop();

 private:
  class Check;
  void begin_new();
  void sweep();
  static void on_sweep(void* context);

  net::EventLoop& loop_;
  Random& random_;
  Connector& connector_;
  std::vector<std::unique_ptr<Check>> checks_;
  std::vector<std::unique_ptr<Check>> leaving_;  // until they are at rest
  net::Timer sweep_timer_;
};

}  // namespace gw::upstream
