#include "runtime/server/worker.h"

#include <openssl/rand.h>
#include <unistd.h>

#include <algorithm>

#include "runtime/base/check.h"
#include "runtime/base/thread_priority.h"
#include "runtime/base/unique_descriptor.h"
#include "runtime/net/socket_stream.h"

namespace gw::server {
namespace {

constexpr std::chrono::milliseconds kDrainStep{20};
constexpr std::chrono::milliseconds kLogFlush{500};

// Of hash tables that hold what clients send.
u64 secret_seed() {
  u64 seed = 0;
  GW_CHECK(RAND_bytes(reinterpret_cast<unsigned char*>(&seed), sizeof seed) == 1);
  return seed;
}

}  // namespace

Worker::Worker(const SessionOptions& options, RunFunction run, observe::AccessLogWriter* access_log,
               ExchangeObserver* observer, limits::CounterStore& counters, PasswordPool& passwords,
               SharedCache& cache, observe::SpanQueue& spans)
    : connector_(loop_),
      access_log_(access_log),
      observer_(observer),
      counters_(counters),
      cache_(cache),
      spans_(spans),
      host_(loop_, random_, options, run),
      passwords_(loop_, passwords),
      identity_(secret_seed(), passwords_),
      sweep_timer_(&Worker::on_sweep, this),
      drain_timer_(&Worker::on_drain_step, this),
      log_timer_(&Worker::on_log_flush, this) {
  host_.on_generation_unused = &Worker::on_generation_unused;
  host_.context = this;
}

Worker::~Worker() { join(); }

void Worker::add_listener(int descriptor, std::shared_ptr<const ListenerSettings> settings) {
  // A message that is never run closes it.
  const auto owned = std::make_shared<UniqueDescriptor>(descriptor);
  loop_.post([this, owned, settings = std::move(settings)] { open(owned->release(), settings); });
}

void Worker::open(int descriptor, std::shared_ptr<const ListenerSettings> settings) {
  if (draining_) {
    ::close(descriptor);
    return;
  }
  auto added = std::make_unique<Listening>();
  added->settings = std::move(settings);
  added->listener = std::make_unique<Listener>(
      loop_, descriptor,
      [this, listening = added.get()](int socket, const PeerAddress& peer,
                                      const PeerAddress& local) {
        accept(*listening, socket, peer, local);
      });
  added->listener->start();
  listeners_.push_back(std::move(added));
}

void Worker::accept(const Listening& listening, int socket, const PeerAddress& peer,
                    const PeerAddress& local) {
  auto stream = std::make_unique<net::SocketStream>(loop_);
  if (!stream->open(socket)) return;
  ClientConnection connection;
  connection.stream = std::move(stream);
  connection.peer = peer;
  connection.local = local;
  connection.listener = listening.settings;
  host_.start(std::move(connection));
}

void Worker::set_listener(std::shared_ptr<const ListenerSettings> settings) {
  loop_.post([this, settings = std::move(settings)] {
    for (const auto& listening : listeners_) {
      if (listening->settings->id == settings->id) listening->settings = settings;
    }
  });
}

void Worker::remove_listener(u32 id) {
  loop_.post([this, id] {
    std::erase_if(listeners_, [id](const auto& listening) {
      if (listening->settings->id != id) return false;
      listening->listener->stop();
      return true;
    });
    host_.drain(id);
  });
}

void Worker::start() {
  thread_ = std::thread([this] {
    ask_for_short_slices();
    loop_.run();
  });
}

void Worker::report(std::function<void(WorkerReport)> done) {
  loop_.post([this, done = std::move(done)] {
    WorkerReport report;
    report.counters = host_.counters;
    report.cache = cache_counters_;
    report.sessions = static_cast<u32>(host_.open_sessions());
    for (const auto& live : live_) {
      report.streams += live->generation->loose;
      if (live->publication == nullptr) continue;
      const BoundTable* table = live->publication->table.get();
      const auto known = std::ranges::find(report.tables, table, &TableUse::table);
      TableUse& use = known != report.tables.end() ? *known : report.tables.emplace_back();
      use.table = table;
      use.exchanges += live->generation->pins;
    }
    done(std::move(report));
  });
}

void Worker::end_older_streams(std::function<void(u32 ended)> done) {
  loop_.post([this, done = std::move(done)] {
    u32 ended = 0;
    // Sweeping is left to a timer, so that the list stays as it is.
    for (const auto& live : live_) {
      if (live->edition < live_.back()->edition) ended += live->generation->streams.end_all();
    }
    done(ended);
  });
}

void Worker::join() {
  if (thread_.joinable()) thread_.join();
}

void Worker::publish(std::shared_ptr<const Publication> publication) {
  loop_.post([this, publication = std::move(publication)]() mutable {
    take_publication(std::move(publication));
  });
}

// Connections to an upstream that both tables have in common are carried over; of one that has
// changed, those that still fit.
std::shared_ptr<upstream::Pool> Worker::pool_for(const upstream::UpstreamConfig& config,
                                                 size_t upstreams) {
  if (!live_.empty() && !config.key.empty()) {
    for (const auto& pool : live_.back()->fetcher->pools()) {
      if (pool->config().key == config.key && pool->config().name == config.name) return pool;
    }
  }
  auto made = std::make_shared<upstream::Pool>(
      loop_, random_, connector_, config,
      observe::SeriesUse<observe::UpstreamCounters>(counts_.upstreams, config.name, upstreams));
  if (live_.empty()) return made;
  for (const auto& pool : live_.back()->fetcher->pools()) {
    if (pool->config().name == config.name) pool->succeed_by(made);
  }
  return made;
}

void Worker::take_publication(std::shared_ptr<const Publication> publication) {
  if (draining_) return;
  std::vector<std::shared_ptr<upstream::Pool>> pools;
  for (const auto& config : publication->upstreams) {
    pools.push_back(pool_for(config, publication->upstreams.size()));
  }
  auto live = std::make_unique<Live>();
  live->fetcher = std::make_unique<upstream::PoolFetcher>(loop_, std::move(pools));
  if (access_log_ != nullptr) {
    live->access_log = std::make_unique<observe::AccessLog>(
        *access_log_,
        publication->log_format ? publication->log_format : observe::LogFormat::standard(), loop_,
        random_, publication->names.get());
    loop_.set_timer(log_timer_, loop_.now() + kLogFlush);
  }
  if (publication->tracing) {
    live->tracer = std::make_unique<observe::Tracer>(*publication->tracing, loop_, random_,
                                                     publication->names.get(), spans_);
  }
  const size_t operations =
      publication->table == nullptr ? 0 : publication->table->view().routes().size();
  live->observer = std::make_unique<observe::Observer>(
      loop_, publication->names.get(), counts_, operations,
      observe::Sinks{
          .log = live->access_log.get(), .tracer = live->tracer.get(), .other = observer_});
  live->generation = std::make_unique<Generation>(publication->table.get(), loop_, random_,
                                                  *live->fetcher, *live->observer);
  if (publication->data != nullptr) {
    live->identity = std::make_unique<IdentityEnv>(identity_, *publication->data);
    live->generation->live = publication->data.get();
    live->generation->env.identity = live->identity.get();
  }
  live->generation->forwarding = publication->forwarding.get();
  live->mirrors = std::make_unique<MirrorRunner>(host_, loop_, *live->generation);
  live->generation->env.mirrors = live->mirrors.get();
  live->generation->env.counters = &counters_;
  live->generation->env.tracer = live->tracer.get();
  live->generation->env.explain = host_.options.explain;
  live->refresher = std::make_unique<CacheRefresher>(host_, loop_, *live->generation);
  live->cache = std::make_unique<cache::CacheEnv>(cache_.store, cache_.flights);
  live->cache->loop = &loop_;
  live->cache->refresher = live->refresher.get();
  live->cache->counters = &cache_counters_;
  live->generation->env.cache = live->cache.get();
  live->edition = publication->edition;
  live->publication = std::move(publication);
  live_.push_back(std::move(live));
  host_.current = live_.back()->generation.get();
  sweep_generations();
}

void Worker::on_generation_unused(void* context, Generation&) {
  auto* self = static_cast<Worker*>(context);
  // Not at once: the exchange that let go of it may still be on the stack.
  self->loop_.set_timer(self->sweep_timer_, self->loop_.now());
}

void Worker::on_sweep(void* context) { static_cast<Worker*>(context)->sweep_generations(); }

void Worker::sweep_generations() {
  for (auto& live : live_) {
    if (live->generation.get() == host_.current || live->generation->pins > 0) continue;
    // Tunnels and streams need their connections and the log, but no table.
    live->publication = nullptr;
    live->generation->table = nullptr;
    live->generation->live = nullptr;
    live->generation->forwarding = nullptr;
    live->generation->env.identity = nullptr;
    live->identity = nullptr;
    if (live->generation->loose > 0) continue;
    for (const auto& pool : live->fetcher->pools()) leaving_.push_back(pool);
    live.reset();
  }
  std::erase(live_, nullptr);
  // A pool that only this list knows can go as soon as its connections are at rest.
  std::erase_if(leaving_,
                [](const auto& pool) { return pool.use_count() > 1 || pool->shut_down(); });
  if (!leaving_.empty()) loop_.set_timer(sweep_timer_, loop_.now() + kDrainStep);
}

void Worker::on_log_flush(void* context) {
  auto* self = static_cast<Worker*>(context);
  for (const auto& live : self->live_) live->access_log->flush();
  self->loop_.set_timer(self->log_timer_, self->loop_.now() + kLogFlush);
}

void Worker::leave() {
  loop_.post([this] { host_.leave(); });
}

void Worker::hold(bool held) {
  loop_.post([this, held] { host_.hold(held); });
}

void Worker::drain(std::chrono::milliseconds grace) {
  loop_.post([this, grace] { begin_drain(loop_.now() + grace); });
}

void Worker::begin_drain(TimePoint until) {
  drain_until_ = std::min(drain_until_, until);
  if (!draining_) {
    draining_ = true;
    for (const auto& listening : listeners_) listening->listener->stop();
    host_.drain();
  }
  on_drain_step(this);
}

void Worker::on_drain_step(void* context) {
  auto* self = static_cast<Worker*>(context);
  if (self->host_.open_sessions() > 0) {
    if (self->loop_.now() >= self->drain_until_) {
      self->host_.abort();
      for (const auto& live : self->live_) live->cache->abort_filling();
    }
  } else if (self->wind_up()) {
    self->loop_.stop();
    return;
  }
  self->loop_.set_timer(self->drain_timer_, self->loop_.now() + kDrainStep);
}

bool Worker::wind_up() {
  bool at_rest = true;
  for (const auto& live : live_) {
    live->mirrors->abort();  // nobody waits for its answers
    at_rest &= live->mirrors->is_idle();
    live->refresher->abort();
    at_rest &= live->refresher->is_idle();
    for (const auto& pool : live->fetcher->pools()) at_rest &= pool->shut_down();
  }
  for (const auto& pool : leaving_) at_rest &= pool->shut_down();
  return at_rest;
}

}  // namespace gw::server
