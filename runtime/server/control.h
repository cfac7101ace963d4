// The loop of the control side: what is done beside all requests, by one thread of its own.
#pragma once
#include <functional>
#include <future>
#include <memory>
#include <thread>
#include <vector>

#include "runtime/base/random.h"
#include "runtime/net/dns_client.h"
#include "runtime/net/worker_loop.h"
#include "runtime/server/followed_state.h"
#include "runtime/server/issuers.h"
#include "runtime/server/span_exporter.h"
#include "runtime/server/worker.h"
#include "runtime/upstream/discovery.h"
#include "runtime/upstream/health_checker.h"
#include "runtime/upstream/http_client.h"
#include "runtime/upstream/socket_connector.h"

namespace gw::server {

/// What a change of tables has taken.
struct PublishCost {
  std::chrono::nanoseconds warm{0};    // names, keys and targets that were not known yet
  std::chrono::nanoseconds swap{0};    // making it known to the workers
  std::vector<std::string> unhealthy;  // UPSTREAM/TARGET: new, and its first check has failed
};

/// Publishes tables to the workers, after looking up the names in them, fetching the keys of
/// issuers and asking the targets that are new how they are; follows DNS and publishes the same
/// table with other targets when it changes. Asks targets how they are, and keeps the
/// state of upstreams over a change of tables or targets. Each change is written to the log, once
/// (events `upstream_health`, `upstream_targets`, `dns`). Owned by the gateway. start() and stop()
/// are called by its owner's thread; the rest on any thread but its own.
class Control {
 public:
  using Deliver = std::function<void(std::shared_ptr<const Publication> publication)>;
  /// `deliver` gives a publication to the workers; called on the thread of the control side.
  /// `spans` of all tables are sent where the current one says; outlives this.
  Control(Deliver deliver, observe::SpanQueue& spans);
  ~Control();
  Control(const Control&) = delete;
  Control& operator=(const Control&) = delete;

  void start();
  /// Ends the checks, then the thread. Waits for a check that is under way, as long as its timeout
  /// says. Idempotent.
  void stop();
  /// Delivers it, with states and addresses of its targets, and follows its names from now on.
  /// Returns when that is done: when each new name and issuer has been asked for once, and each new
  /// target that has checks, whatever the outcome, and after kWarmUp at the latest. A target whose
  /// first check fails begins unhealthy; one that has said nothing by then begins as if it had
  /// none. Between start() and stop() only.
  PublishCost publish(Publication publication);

  /// The same table with other data, whose files have changed. Any thread, as publish(). Returns
  /// when the workers have been told: no longer than a pass of this loop takes.
  void replace_data(std::shared_ptr<const LiveData> data);

  /// Any thread: how it goes with names, issuers and targets.
  FollowedState::Snapshot followed() const { return followed_.snapshot(); }

  /// Any thread: drains, and states of upstreams by name.
  upstream::StateRegistry& registry() { return registry_; }

  static constexpr std::chrono::seconds kWarmUp{5};

 private:
  struct ControlRandom final : Random {
    u64 next() override { return source.next(); }
    Xoshiro source;
  };
  struct Pending {
    Publication publication;
    TimePoint begun = std::chrono::steady_clock::now();
    bool asks = false;  // its new targets, which are these, with their states
    std::vector<upstream::UpstreamConfig> asked;
    std::promise<PublishCost> delivered;
  };
  struct Ejection {
    std::string upstream;
    std::string target;
    i64 until_ms;
  };

  void begin(std::unique_ptr<Pending> pending);
  void warm();
  void ask_targets(Pending& pending);
  void deliver_pending();
  void deliver(Publication publication);
  bool is_ready() const { return discovery_.is_ready() && issuers_.is_ready(); }
  void take_discovered();
  void deliver_again(std::shared_ptr<const LiveData> data);
  static void on_warm_up_end(void* context);
  void note(const upstream::HealthChange& change);
  void look_at_ejections();
  static void on_ejection_end(void* context);
  static void on_stop_step(void* context);

  Deliver deliver_;
  net::WorkerLoop loop_;
  ControlRandom random_;
  net::AresClient dns_;
  upstream::Discovery discovery_;
  upstream::SocketConnector connector_;
  upstream::HttpClient http_;
  FollowedState followed_;
  Issuers issuers_;
  SpanExporter exporter_;
  upstream::HealthChecker checker_;
  upstream::StateRegistry registry_;
  std::shared_ptr<const Publication> current_;
  u64 edition_ = 0;
  std::unique_ptr<Pending> pending_;  // waits for its names
  net::Timer warm_up_timer_;
  std::vector<Ejection> ejections_;  // that are to be said to have ended
  net::Timer ejection_timer_;
  net::Timer stop_timer_;
  std::thread thread_;
};

}  // namespace gw::server
