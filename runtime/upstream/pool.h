// An upstream on one worker: choosing a target, keeping connections.
#pragma once
#include <list>
#include <memory>
#include <vector>

#include "runtime/http/env.h"
#include "runtime/net/event_loop.h"
#include "runtime/net/tls_client.h"
#include "runtime/observe/counters.h"
#include "runtime/upstream/balancer.h"
#include "runtime/upstream/cluster.h"
#include "runtime/upstream/connection.h"
#include "runtime/upstream/connector.h"
#include "runtime/upstream/http2_pool.h"

namespace gw::upstream {

/// The connections of one worker to the targets of one upstream. Shared by the tables of that
/// worker that have this upstream. One thread.
class Pool {
 public:
  Pool(net::EventLoop& loop, Random& random, Connector& connector, UpstreamConfig config,
       observe::SeriesUse<observe::UpstreamCounters> counters = {});
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  ~Pool();

  const UpstreamConfig& config() const { return config_; }
  /// What tries have come to; null: nobody counts.
  observe::UpstreamCounters* counters() const { return counters_.counts(); }
  Random& random() { return random_; }
  /// Balancer::kNone: no target can be used.
  u32 choose(const Choice& choice) { return balancer_.choose(loop_.now(), choice); }
  /// Whether choose() would find a target that is not among `tried`.
  bool has_untried(u64 tried) { return balancer_.has_untried(loop_.now(), tried); }
  /// An idle connection to `target`, or null. `looked_at`: one that is not stale, for requests that
  /// cannot be sent a second time; costs a system call for each that is looked at.
  Connection* take_idle(u32 target, bool looked_at);
  /// A new connection, or a stream of one that speaks HTTP/2. Waits where there are as many as
  /// there may be.
  Task<Result<TargetStream*>> connect(Exchange& exchange, u32 target, TimePoint due);
  /// Takes a connection back; ends it unless `reusable`.
  void give(Connection& connection, bool reusable);

  /// Counts a request against the limit. False: wait_for_admission() decides.
  bool try_admit() {
    if (++untold_requests_ == kToldTogether) tell_requests();
    return config_.state->requests.try_take();
  }
  Task<Result<void>> wait_for_admission(Exchange& exchange, TimePoint due);
  void leave() { config_.state->requests.give(); }
  /// Takes from the budget of repetitions.
  bool may_retry(u32 budget_bp);

  /// Whether the circuit breaker lets a try pass; each that passes leaves once.
  Breaker::Entry enter_breaker() {
    if (config_.breaker.failures_bp == 0) return {};
    return config_.state->breaker.enter(config_.breaker, to_ms(loop_.now()));
  }
  void leave_breaker(Breaker::Pass pass, Breaker::Result result);

  /// A connection of HTTP/2 has been closed.
  void http2_closed() { let_go(); }
  /// A stream of HTTP/2 to `target` has ended, or there is a new connection: somebody may be
  /// waiting for its place.
  void http2_has_room(u32 target);
  void begin_request(u32 target) { balancer_.begin_request(target); }
  void end_request(u32 target) { balancer_.end_request(target); }
  /// Another one takes its place: connections that it can use become its own, the idle ones and
  /// those of HTTP/2 at once, the others when their request has ended. What is left ends with its
  /// requests. For requests that began here this pool goes on. Once.
  void succeed_by(const std::shared_ptr<Pool>& heir);
  u32 idle_count() const;
  /// Closes what is idle and frees what is at rest. True: nothing is left.
  bool shut_down();

 private:
  Task<Result<TargetStream*>> connect_anew(const Exchange& exchange, u32 target, TimePoint due);
  Task<Result<TargetStream*>> wait_for_permit(Exchange& exchange, u32 target, TimePoint due);
  Task<Permits::Waited> wait_for(Permits& permits, Exchange& exchange, TimePoint due, u32 target);
  Permits::Claim claim(u32 target) { return {this, target, nullptr}; }
  // The budget of repetitions learns of requests by the dozen: one write for many.
  static constexpr u32 kToldTogether = 64;
  void tell_requests();
  static void ask_for_idle(void* asking);
  bool yield_idle();
  static void on_room(void* context);
  void offer_room(u32 target);
  void let_go() {
    --open_;
    config_.state->connections.give();
  }
  Task<Result<void>> secure(std::unique_ptr<net::ByteStream>& stream, const TargetConfig& target,
                            TimePoint due);
  Task<Result<void>> announce(net::ByteStream& stream, const Exchange& exchange, TimePoint due);
  static void on_idle_broken(Connection& connection);
  void drop_idle(Connection& connection);
  bool can_inherit_from(const Pool& other) const;
  u32 same_target(const TargetConfig& target) const;
  bool leads_to(const TargetConfig& target, const TargetConfig& old,
                const net::ByteStream& stream) const;
  std::shared_ptr<Pool> last_heir() const;
  bool pass_on(Connection& connection, Pool& heir, bool waits);
  void pass_on_http2(u32 target, Pool& heir);
  void retire(Connection& connection);
  void sweep();

  net::EventLoop& loop_;
  Random& random_;
  Connector& connector_;
  UpstreamConfig config_;
  observe::SeriesUse<observe::UpstreamCounters> counters_;
  Balancer balancer_;
  std::vector<std::vector<Connection*>> idle_;  // of each target
  u32 open_ = 0;
  u32 untold_requests_ = 0;
  std::shared_ptr<net::TlsClient> tls_;  // made with the first connection that needs it
  std::weak_ptr<Pool> heir_;             // of succeed_by; may end before this one
  std::vector<Connection*> retired_;     // closed, waiting for their operations to end
  Http2Pool http2_;
  std::vector<u32> with_room_;  // targets for offer_room()
  net::Deferred room_call_;
};

}  // namespace gw::upstream
