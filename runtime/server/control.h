// The loop of the control side: what is done beside all requests, by one thread of its own.
#pragma once
#include <memory>
#include <thread>
#include <vector>

#include "runtime/base/random.h"
#include "runtime/net/worker_loop.h"
#include "runtime/server/worker.h"
#include "runtime/upstream/health_checker.h"
#include "runtime/upstream/socket_connector.h"

namespace gw::server {

/// Asks targets how they are, keeps the state of upstreams over a change of tables, and writes each
/// change of their health to the log, once (event `upstream_health`). Owned by the gateway. start()
/// and stop() are called by its owner's thread; the rest on any thread.
class Control {
 public:
  Control();
  ~Control();
  Control(const Control&) = delete;
  Control& operator=(const Control&) = delete;

  void start();
  /// Ends the checks, then the thread. Waits for a check that is under way, as long as its timeout
  /// says. Idempotent.
  void stop();
  /// Gives the states that this upstream and its targets have had.
  void attach(upstream::UpstreamConfig& config) { registry_.attach(config); }
  /// These targets are checked from now on.
  void watch(std::shared_ptr<const Publication> publication);

 private:
  struct ControlRandom final : Random {
    u64 next() override { return source.next(); }
    Xoshiro source;
  };
  struct Ejection {
    std::string upstream;
    std::string target;
    i64 until_ms;
  };

  void note(const upstream::HealthChange& change);
  void look_at_ejections();
  static void on_ejection_end(void* context);
  static void on_stop_step(void* context);

  net::WorkerLoop loop_;
  ControlRandom random_;
  upstream::SocketConnector connector_;
  upstream::HealthChecker checker_;
  upstream::StateRegistry registry_;
  std::vector<Ejection> ejections_;  // that are to be said to have ended
  net::Timer ejection_timer_;
  net::Timer stop_timer_;
  std::thread thread_;
};

}  // namespace gw::server
