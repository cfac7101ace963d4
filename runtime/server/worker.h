// One worker thread of the gateway: loop, listeners, sessions, pools.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "runtime/base/ip_address.h"
#include "runtime/base/random.h"
#include "runtime/cache/memory_store.h"
#include "runtime/cache/use.h"
#include "runtime/identity/services.h"
#include "runtime/net/worker_loop.h"
#include "runtime/observe/access_log.h"
#include "runtime/observe/observer.h"
#include "runtime/server/cache_refresher.h"
#include "runtime/server/listener.h"
#include "runtime/server/mirror_runner.h"
#include "runtime/server/password_pool.h"
#include "runtime/server/session_host.h"
#include "runtime/server/span_exporter.h"
#include "runtime/upstream/pool_fetcher.h"
#include "runtime/upstream/socket_connector.h"

namespace gw::server {

/// A table and what belongs to it, as it is given to the workers. Immutable once published.
struct Publication {
  std::shared_ptr<const BoundTable> table;           // may be null in tests
  std::vector<upstream::UpstreamConfig> upstreams;   // by index of the upstream record
  std::vector<ServerAddress> resolvers;              // asked for names; empty: the system's
  std::shared_ptr<const observe::RouteNames> names;  // for the access log; may be null
  std::shared_ptr<const LiveData> data;              // of the table; null without one
  std::shared_ptr<const http::ForwardingOptions> forwarding;  // null: of SessionOptions
  std::shared_ptr<const observe::LogFormat> log_format;       // null: the standard one
  std::string log_place;                           // as the table says; empty: it says none
  std::optional<observe::TracingOptions> tracing;  // none: fields of traces pass as they are
  CollectorOptions collector;
  u64 edition = 0;  // grows with each table that takes the place of another; by Control
};

/// What one table has to do on one worker, or on all.
struct TableUse {
  const BoundTable* table = nullptr;
  u32 exchanges = 0;  // that run by it
};
/// What a worker has to say of itself.
struct WorkerReport {
  u32 worker = 0;  // its index
  SessionCounters counters;
  u32 sessions = 0;  // connections of clients
  u32 streams = 0;   // tunnels and streams that need no table any more
  std::vector<TableUse> tables;
  cache::CacheCounters cache;
};

/// What all workers keep answers in.
struct SharedCache {
  cache::MemoryStore store;
  cache::Flights flights;
};

/// Owned by the gateway. start() and the destructor are called on its thread; the rest says.
class Worker {
 public:
  /// `access_log` and `observer` may be null. These, and `counters`, `passwords`, `cache` and
  /// `spans`, which all workers share, outlive the worker.
  Worker(const SessionOptions& options, RunFunction run, observe::AccessLogWriter* access_log,
         ExchangeObserver* observer, limits::CounterStore& counters, PasswordPool& passwords,
         SharedCache& cache, observe::SpanQueue& spans);
  ~Worker();

  /// Any thread, as the next two. Takes the descriptor over and accepts on it. A listener may have
  /// several descriptors: settings->id says which it is.
  void add_listener(int descriptor, std::shared_ptr<const ListenerSettings> settings);
  /// Connections that come later get these settings, by their id.
  void set_listener(std::shared_ptr<const ListenerSettings> settings);
  /// Accepts no more there, and ends its connections after what they are at.
  void remove_listener(u32 id);
  void start();
  /// Any thread: new exchanges run by it; old ones finish by what they began with.
  void publish(std::shared_ptr<const Publication> publication);
  /// Any thread: ends the streams of all tables but the one that was published last. `done` is
  /// called on the worker's, with how many there were; never, when that ends.
  void end_older_streams(std::function<void(u32 ended)> done);
  /// Any thread: `done` is called on the worker's.
  void report(std::function<void(WorkerReport)> done);
  /// Any thread: probes say that it takes no requests, though it still does.
  void leave();
  /// Any thread: the same, until it is taken back.
  void hold(bool held);
  /// Any thread: accepts no more, finishes what runs, then the thread ends; after `grace` whatever
  /// is left is cut off. A second call with a shorter grace hurries.
  void drain(std::chrono::milliseconds grace);
  void join();
  /// Any thread: what it has counted since it was made.
  const observe::WorkerCounters& counts() const { return counts_; }
  /// On the worker's thread, by post().
  SessionHost& host() { return host_; }
  net::WorkerLoop& loop() { return loop_; }

 private:
  struct LoopRandom final : Random {
    u64 next() override { return source.next(); }
    Xoshiro source;
  };
  // What one publication needs here. The generation's address is stable.
  struct Live {
    std::shared_ptr<const Publication> publication;
    std::unique_ptr<upstream::PoolFetcher> fetcher;
    std::unique_ptr<observe::AccessLog> access_log;  // null: off
    std::unique_ptr<observe::Tracer> tracer;         // null: off
    std::unique_ptr<observe::Observer> observer;
    std::unique_ptr<IdentityEnv> identity;
    std::unique_ptr<Generation> generation;
    std::unique_ptr<MirrorRunner> mirrors;
    std::unique_ptr<cache::CacheEnv> cache;
    std::unique_ptr<CacheRefresher> refresher;
    u64 edition = 0;  // of the publication, which may be gone
  };

  void take_publication(std::shared_ptr<const Publication> publication);
  std::shared_ptr<upstream::Pool> pool_for(const upstream::UpstreamConfig& config,
                                           size_t upstreams);
  static void on_generation_unused(void* context, Generation& generation);
  static void on_sweep(void* context);
  static void on_drain_step(void* context);
  static void on_log_flush(void* context);
  void sweep_generations();
  void begin_drain(TimePoint until);
  bool wind_up();

  net::WorkerLoop loop_;
  LoopRandom random_;
  upstream::SocketConnector connector_;
  observe::AccessLogWriter* access_log_;
  ExchangeObserver* observer_;
  observe::WorkerCounters counts_;  // outlives the pools and generations
  limits::CounterStore& counters_;
  SharedCache& cache_;
  observe::SpanQueue& spans_;
  cache::CacheCounters cache_counters_;
  SessionHost host_;
  WorkerPasswords passwords_;
  IdentityServices identity_;
  struct Listening {
    std::shared_ptr<const ListenerSettings> settings;
    std::unique_ptr<Listener> listener;
  };
  void open(int descriptor, std::shared_ptr<const ListenerSettings> settings);
  void accept(const Listening& listening, int socket, const PeerAddress& peer,
              const PeerAddress& local);

  std::vector<std::unique_ptr<Listening>> listeners_;     // their addresses are stable
  std::vector<std::unique_ptr<Live>> live_;               // the last one is current
  std::vector<std::shared_ptr<upstream::Pool>> leaving_;  // of old tables, until at rest
  net::Timer sweep_timer_;
  net::Timer drain_timer_;
  net::Timer log_timer_;
  TimePoint drain_until_ = TimePoint::max();
  bool draining_ = false;
  std::thread thread_;
};

}  // namespace gw::server
