// Upstreams of one worker: choosing a target, keeping connections, fetching.
#pragma once
#include <list>
#include <memory>
#include <vector>

#include "runtime/http/env.h"
#include "runtime/net/event_loop.h"
#include "runtime/net/tls_client.h"
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
  Pool(net::EventLoop& loop, Random& random, Connector& connector, UpstreamConfig config);
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  ~Pool();

  const UpstreamConfig& config() const { return config_; }
  Random& random() { return random_; }
  /// Balancer::kNone: no target can be used.
  u32 choose(const Choice& choice) { return balancer_.choose(loop_.now(), choice); }
  /// An idle connection to `target`, or null. `looked_at`: one that is not stale, for requests that
  /// cannot be sent a second time; costs a system call for each that is looked at.
  Connection* take_idle(u32 target, bool looked_at);
  /// A new connection, or a stream of one that speaks HTTP/2.
  Task<Result<TargetStream*>> connect(u32 target, TimePoint due);
  /// Takes a connection back; ends it unless `reusable`.
  void give(Connection& connection, bool reusable);

  bool admit();  // counts a request against the limit
  void leave();
  /// A connection of http2() has been closed.
  void http2_closed() {
    config_.state->connections.fetch_sub(1, std::memory_order_relaxed);
    --open_;
  }
  void begin_request(u32 target) { balancer_.begin_request(target); }
  void end_request(u32 target) { balancer_.end_request(target); }
  u32 idle_count() const;
  /// Closes what is idle and frees what is at rest. True: nothing is left.
  bool shut_down();

 private:
  Task<Result<TargetStream*>> connect_anew(u32 target, TimePoint due);
  Task<Result<void>> secure(std::unique_ptr<net::ByteStream>& stream, const TargetConfig& target,
                            TimePoint due);
  static void on_idle_broken(Connection& connection);
  void drop_idle(Connection& connection);
  void retire(Connection& connection);
  void sweep();

  net::EventLoop& loop_;
  Random& random_;
  Connector& connector_;
  UpstreamConfig config_;
  Balancer balancer_;
  std::vector<std::vector<Connection*>> idle_;  // of each target
  u32 open_ = 0;
  std::unique_ptr<net::TlsClient> tls_;  // made with the first connection that needs it
  std::vector<Connection*> retired_;     // closed, waiting for their operations to end
  Http2Pool http2_;
};

/// The fetcher of one table on one worker.
class PoolFetcher final : public Fetcher {
 public:
  PoolFetcher(net::EventLoop& loop, std::vector<std::shared_ptr<Pool>> pools)
      : loop_(loop), pools_(std::move(pools)) {}

  Task<Result<void>> fetch(Exchange& exchange, const http::RequestHead& request,
                           http::BodySource* body, const FetchOptions& options,
                           Responder* responder, Fetched& out) override;
  void release(Fetched& out) noexcept override;
  const std::vector<std::shared_ptr<Pool>>& pools() const { return pools_; }

 private:
  Task<Result<void>> read_body(Call& call, http::BodySource& body);
  Task<Result<void>> try_once(Call& call, Pool& pool, Fetched& out, bool fresh);
  Task<Result<void>> try_again(Call& call, Pool& pool, Fetched& out, const Result<void>& first);
  void give_back(Fetched& out) noexcept;
  TargetStream* stream_of(const Fetched& out) const {
    return static_cast<TargetStream*>(out.connection);
  }

  net::EventLoop& loop_;
  std::vector<std::shared_ptr<Pool>> pools_;
};

}  // namespace gw::upstream
