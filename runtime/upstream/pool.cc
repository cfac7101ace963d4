#include "runtime/upstream/pool.h"

#include <algorithm>

#include "runtime/net/tls_stream.h"
#include "runtime/upstream/start_tls.h"

namespace gw::upstream {

Pool::Pool(net::EventLoop& loop, Random& random, Connector& connector, UpstreamConfig config)
    : loop_(loop),
      random_(random),
      connector_(connector),
      config_(std::move(config)),
      targets_(config_.targets.size()),
      http2_(loop, *this, config_.targets.size()) {
  if (config_.state == nullptr) config_.state = std::make_shared<UpstreamState>();
  for (const TargetConfig& target : config_.targets) total_weight_ += target.weight;
}

Pool::~Pool() {
  shut_down();
  GW_CHECK(retired_.empty());
}

u32 Pool::choose() {
  if (total_weight_ == 0) return ~u32{0};
  if (targets_.size() == 1) return 0;
  return config_.balance == Balance::RoundRobin ? choose_round_robin() : choose_least_request();
}

// Each target gains its weight; the richest is chosen and pays the sum of all.
u32 Pool::choose_round_robin() {
  u32 best = ~u32{0};
  for (u32 i = 0; i < targets_.size(); ++i) {
    const u32 weight = config_.targets[i].weight;
    if (weight == 0) continue;
    targets_[i].current_weight += weight;
    if (best == ~u32{0} || targets_[i].current_weight > targets_[best].current_weight) best = i;
  }
  targets_[best].current_weight -= static_cast<i64>(total_weight_);
  return best;
}

u32 Pool::draw_by_weight() {
  u64 at = random_.next() % total_weight_;
  for (u32 i = 0; i < targets_.size(); ++i) {
    const u32 weight = config_.targets[i].weight;
    if (at < weight) return i;
    at -= weight;
  }
  return 0;
}

u32 Pool::choose_least_request() {
  const u32 first = draw_by_weight();
  const u32 second = draw_by_weight();
  return targets_[second].in_flight < targets_[first].in_flight ? second : first;
}

Connection* Pool::take_idle(u32 target, bool looked_at) {
  if (!retired_.empty()) sweep();
  auto& idle = targets_[target].idle;
  while (looked_at && !idle.empty() && idle.back()->is_stale()) drop_idle(*idle.back());
  if (idle.empty()) return nullptr;
  Connection* connection = idle.back();  // the warmest; the others may grow old
  idle.pop_back();
  connection->stop_idle();
  return connection;
}

// Requests of HTTP/2 share connections; where none has room, one of them makes another and the
// others wait for it.
Task<Result<TargetStream*>> Pool::connect(u32 target, TimePoint due) {
  if (config_.protocol == Protocol::Http1) co_return co_await connect_anew(target, due);
  while (true) {
    if (TargetStream* stream = http2_.take(target)) co_return stream;
    if (!http2_.is_connecting(target)) break;
    const bool in_time = co_await http2_.wait(target, due);
    if (!in_time) {
      co_return fail(Error{.code = Errc::UpstreamTimeout,
                           .origin = Origin::Upstream,
                           .retry = Retry::Safe,
                           .what = "connecting took too long"});
    }
  }
  http2_.begin_connecting(target);
  auto made = co_await connect_anew(target, due);
  http2_.end_connecting(target);
  co_return made;
}

Task<Result<TargetStream*>> Pool::connect_anew(u32 target, TimePoint due) {
  auto& count = config_.state->connections;
  const u32 before = count.fetch_add(1, std::memory_order_relaxed);
  if (config_.limits.connections != 0 && before >= config_.limits.connections) {
    count.fetch_sub(1, std::memory_order_relaxed);
    co_return fail(Error{.code = Errc::UpstreamOverflow,
                         .origin = Origin::Upstream,
                         .retry = Retry::Safe,
                         .what = "connection limit"});
  }
  ++open_;
  auto stream = co_await connector_.connect(config_.targets[target], due);
  Error error = stream ? Error{} : stream.error();
  if (stream && config_.targets[target].tls) {
    const auto secured = co_await secure(*stream, config_.targets[target], due);
    if (!secured) error = secured.error();
  }
  if (error.code != Errc::None) {
    --open_;
    count.fetch_sub(1, std::memory_order_relaxed);
    co_return fail(error);
  }
  const bool tls = config_.targets[target].tls;
  // In plain text nothing is agreed on: the target is known to speak it.
  const bool http2 = config_.protocol == Protocol::Http2 &&
                     (!tls || static_cast<net::TlsStream&>(**stream).alpn() == "h2");
  if (http2) co_return http2_.add(std::move(*stream), target, tls, config_.limits.idle_timeout_ms);
  TargetStream* made = new Connection(loop_, *this, std::move(*stream), target);
  co_return made;
}

Task<Result<void>> Pool::secure(std::unique_ptr<net::ByteStream>& stream,
                                const TargetConfig& target, TimePoint due) {
  if (tls_ == nullptr) {
    static const net::TlsClientOptions kDefault;
    std::string problem;  // make_publication() has seen these options before
    auto made = net::TlsClient::make(config_.tls == nullptr ? kDefault : *config_.tls, problem);
    if (!made) {
      stream->close(true);
      co_return fail(made.error());
    }
    tls_ = *std::move(made);
  }
  co_return co_await start_tls(stream, *tls_, target.server_name, loop_, due);
}

void Pool::give(Connection& connection, bool reusable) {
  auto& idle = targets_[connection.target()].idle;
  if (!reusable || idle.size() >= config_.limits.idle_connections) {
    retire(connection);
    return;
  }
  idle.push_back(&connection);
  connection.wait_idle(config_.limits.idle_timeout_ms, &Pool::on_idle_broken);
}

void Pool::on_idle_broken(Connection& connection) { connection.pool().drop_idle(connection); }

void Pool::drop_idle(Connection& connection) {
  std::erase(targets_[connection.target()].idle, &connection);
  connection.stop_idle();
  retire(connection);
}

void Pool::retire(Connection& connection) {
  connection.close();
  retired_.push_back(&connection);
  config_.state->connections.fetch_sub(1, std::memory_order_relaxed);
  --open_;
}

void Pool::sweep() {
  std::erase_if(retired_, [](Connection* connection) {
    if (!connection->at_rest()) return false;
    delete connection;
    return true;
  });
}

bool Pool::admit() {
  const u32 limit = config_.limits.requests;
  if (limit == 0) return true;
  auto& count = config_.state->requests;
  if (count.fetch_add(1, std::memory_order_relaxed) < limit) return true;
  count.fetch_sub(1, std::memory_order_relaxed);
  return false;
}

void Pool::leave() {
  if (config_.limits.requests == 0) return;
  config_.state->requests.fetch_sub(1, std::memory_order_relaxed);
}

u32 Pool::idle_count() const {
  size_t count = 0;
  for (const TargetState& target : targets_) count += target.idle.size();
  return static_cast<u32>(count);
}

bool Pool::shut_down() {
  for (TargetState& target : targets_) {
    while (!target.idle.empty()) drop_idle(*target.idle.back());
  }
  sweep();
  const bool none_left = http2_.shut_down();
  return none_left && retired_.empty() && open_ == 0;
}

Task<Result<void>> PoolFetcher::fetch(Exchange& exchange, const http::RequestHead& request,
                                      http::BodySource* body, const FetchOptions& options,
                                      Responder* responder, Fetched& out) {
  GW_CHECK(options.upstream < pools_.size());
  Pool& pool = *pools_[options.upstream];
  exchange.upstream = options.upstream;
  if (!pool.admit()) {
    co_return fail(Error{.code = Errc::UpstreamOverflow,
                         .origin = Origin::Upstream,
                         .retry = Retry::Safe,
                         .what = "request limit"});
  }
  Call call(exchange, request, options);
  call.responder = responder;
  if (body != nullptr) {
    call.has_whole = body->take_buffered(call.whole);
    if (!call.has_whole) call.body = body;
  }
  out.connection = nullptr;
  out.body = nullptr;
  out.channel = nullptr;
  auto outcome = co_await try_once(call, pool, out, false);
  // The pooled connection was closed by the target as we wrote. Once more, on a new one; only for
  // what may be sent twice, and while all of it is still at hand.
  // So may any request that the target has refused by HTTP/2 before it looked at it.
  const Error failure = outcome ? Error{} : outcome.error();
  const bool again = (failure.retry == Retry::Reused && options.replay_safe) ||
                     (failure.retry == Retry::Safe && failure.code == Errc::UpstreamClosed);
  if (again && call.body == nullptr) {
    outcome = co_await try_once(call, pool, out, true);
  }
  if (!outcome) pool.leave();
  co_return outcome;
}

Task<Result<void>> PoolFetcher::try_once(Call& call, Pool& pool, Fetched& out, bool fresh) {
  const u32 target = pool.choose();
  if (target == ~u32{0}) {
    co_return fail(Error{.code = Errc::ConnectFailed,
                         .origin = Origin::Upstream,
                         .retry = Retry::Safe,
                         .what = "no target"});
  }
  Exchange& exchange = call.exchange;
  TryRecord spare;
  TryRecord& record = exchange.try_count < kMaxTries ? exchange.tries[exchange.try_count++] : spare;
  record = {};
  record.target = pool.config().targets[target].address;
  call.path_prefix = pool.config().targets[target].path_prefix;
  call.target = pool.config().targets[target].address;
  const TimePoint start = loop_.now();
  Error error;
  const bool once_only = !call.options.replay_safe || call.body != nullptr;
  TargetStream* connection = fresh ? nullptr : pool.take_idle(target, once_only);
  if (connection == nullptr) {
    TimePoint due = call.options.deadline;
    if (call.options.connect_timeout_ms != 0) {
      due = std::min(due, start + std::chrono::milliseconds(call.options.connect_timeout_ms));
    }
    auto connected = co_await pool.connect(target, due);
    if (connected && exchange.client_gone) {
      (*connected)->finish();
      (*connected)->give_back(false);
      error.code = Errc::Cancelled;
      error.origin = Origin::Downstream;
      error.what = "client has gone";
    } else if (connected) {
      connection = *connected;
    } else {
      error = connected.error();
    }
  }
  if (connection != nullptr) {
    pool.begin_request(target);
    auto answered = co_await connection->round_trip(call, out.head);
    if (answered) {
      out.connection = connection;
      out.body = connection->response_body();
      out.channel = connection->channel();
      record.status = out.head.status;
    } else {
      error = answered.error();
      pool.end_request(target);
      connection->finish();
      connection->give_back(false);
    }
  }
  const auto spent = loop_.now() - start;
  record.microseconds =
      static_cast<u32>(std::chrono::duration_cast<std::chrono::microseconds>(spent).count());
  record.error = error.code;
  if (error.code == Errc::None) co_return Result<void>();
  co_return fail(error);
}

void PoolFetcher::release(Fetched& out) noexcept {
  TargetStream* connection = stream_of(out);
  if (connection == nullptr) return;
  out.connection = nullptr;
  out.body = nullptr;
  out.channel = nullptr;
  Pool& pool = connection->pool();
  pool.end_request(connection->target());
  pool.leave();
  connection->give_back(connection->finish());
}

}  // namespace gw::upstream
