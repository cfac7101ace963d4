#include "runtime/upstream/pool.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "runtime/http/proxy_protocol.h"
#include "runtime/net/tls_stream.h"
#include "runtime/upstream/send_ahead.h"
#include "runtime/upstream/start_tls.h"

namespace gw::upstream {
namespace {

// The same states for who has none: in tests, and in tools that run one worker.
UpstreamConfig with_state(UpstreamConfig config) {
  const auto has_state = [](const TargetConfig& target) { return target.state != nullptr; };
  if (config.state == nullptr || !std::ranges::all_of(config.targets, has_state)) {
    attach_new_state(config);
  }
  return config;
}

// A connection is passed on at most so often while somebody waits elsewhere, and a stream of
// HTTP/2. After that the other has the permit, and must connect anew: dear, so not each time.
constexpr u32 kMostHandOvers = 8;
constexpr u32 kMostStreamHandOvers = 128;
// Connections beyond those that may be kept wait this long. With more requests at a time than
// `idle_connections`, closing them at once would make a part of the requests connect anew for ever.
constexpr u32 kSurplusIdleMs = 1'000;

Error gone() {
  return Error{.code = Errc::Cancelled, .origin = Origin::Downstream, .what = "client has gone"};
}

Error overflow(std::string_view what) {
  return Error{.code = Errc::UpstreamOverflow,
               .origin = Origin::Upstream,
               .retry = Retry::Safe,
               .what = what};
}

}  // namespace

Pool::Pool(net::EventLoop& loop, Random& random, Connector& connector, UpstreamConfig config,
           observe::SeriesUse<observe::UpstreamCounters> counters)
    : loop_(loop),
      random_(random),
      connector_(connector),
      config_(with_state(std::move(config))),
      counters_(std::move(counters)),
      balancer_(config_, random),
      idle_(config_.targets.size()),
      http2_(loop, *this, config_.targets.size()),
      room_call_(&Pool::on_room, this) {
  const std::lock_guard lock(config_.state->mutex);
  config_.state->members.push_back({&loop_, this});
}

Pool::~Pool() {
  shut_down();
  {
    const std::lock_guard lock(config_.state->mutex);
    std::erase_if(config_.state->members, [&](const auto& member) { return member.pool == this; });
  }
  GW_CHECK(retired_.empty());
}

Connection* Pool::take_idle(u32 target, bool looked_at) {
  if (!retired_.empty()) sweep();
  auto& idle = idle_[target];
  while (looked_at && !idle.empty() && idle.back()->is_stale()) drop_idle(*idle.back());
  if (idle.empty()) return nullptr;
  Connection* connection = idle.back();  // the warmest; the others may grow old
  idle.pop_back();
  connection->stop_idle();
  return connection;
}

// Requests of HTTP/2 share connections; where none has room, one of them makes another and the
// others wait for it.
Task<Result<TargetStream*>> Pool::connect(Exchange& exchange, u32 target, TimePoint due) {
  while (true) {
    if (TargetStream* stream = http2_.take(target)) co_return stream;
    if (http2_.is_connecting(target)) {
      const bool in_time = co_await http2_.wait(target, due);
      if (in_time) continue;
      co_return fail(Error{.code = Errc::UpstreamTimeout,
                           .origin = Origin::Upstream,
                           .retry = Retry::Safe,
                           .what = "connecting took too long"});
    }
    if (config_.state->connections.try_take()) break;
    auto waited = co_await wait_for_permit(exchange, target, due);
    if (!waited) co_return fail(waited.error());
    if (*waited != nullptr && !(*waited)->is_stale()) co_return *waited;
    if (*waited != nullptr) {
      (*waited)->give_back(false);
      continue;
    }
    // Others may have been given permits meanwhile, and one connection is enough.
    if (!http2_.has_room(target) && !http2_.is_connecting(target)) break;
    config_.state->connections.give();
  }
  ++open_;
  if (config_.protocol == Protocol::Http1) co_return co_await connect_anew(exchange, target, due);
  http2_.begin_connecting(target);
  auto made = co_await connect_anew(exchange, target, due);
  http2_.end_connecting(target);
  if (made) http2_has_room(target);
  co_return made;
}

// A permit, and null; or the stream of a connection that has one.
Task<Result<TargetStream*>> Pool::wait_for_permit(Exchange& exchange, u32 target, TimePoint due) {
  Permits& permits = config_.state->connections;
  TargetStream* offered = nullptr;
  if (yield_idle() && permits.try_take()) co_return offered;
  const Permits::Waited waited = co_await wait_for(permits, exchange, due, target);
  switch (waited.outcome) {
    case Permits::Outcome::Cancelled:
      co_return fail(gone());
    case Permits::Outcome::TimedOut:
      co_return fail(overflow("no connection became free"));
    case Permits::Outcome::Granted:
    case Permits::Outcome::Offered:
      break;
  }
  offered = static_cast<TargetStream*>(waited.offered);
  co_return offered;
}

Task<Result<void>> Pool::wait_for_admission(Exchange& exchange, TimePoint due) {
  const Permits::Waited waited = co_await wait_for(config_.state->requests, exchange, due, 0);
  switch (waited.outcome) {
    case Permits::Outcome::Cancelled:
      co_return fail(gone());
    case Permits::Outcome::TimedOut:
      co_return fail(overflow("request limit"));
    case Permits::Outcome::Granted:
    case Permits::Outcome::Offered:
      break;
  }
  co_return Result<void>();
}

// TimedOut also at once, where as many wait as may.
Task<Permits::Waited> Pool::wait_for(Permits& permits, Exchange& exchange, TimePoint due,
                                     u32 target) {
  Permits::Waited waited;
  auto& pending = config_.state->pending;
  if (pending.fetch_add(1, std::memory_order_relaxed) < config_.limits.pending) {
    Permits::Claim waiting = claim(target);
    if (&permits == &config_.state->connections) waiting.on_waiting = &Pool::ask_for_idle;
    waited = co_await permits.wait(loop_, exchange, due, waiting);
  }
  pending.fetch_sub(1, std::memory_order_relaxed);
  co_return waited;
}

// Other workers, and pools of older tables, may keep connections that nobody uses.
void Pool::ask_for_idle(void* asking) {
  const auto* self = static_cast<Pool*>(asking);
  const std::shared_ptr<UpstreamState>& state = self->config_.state;
  const std::lock_guard lock(state->mutex);
  for (const UpstreamState::Member& member : state->members) {
    if (member.pool == self) continue;
    member.loop->post([state, pool = member.pool] {
      {
        const std::lock_guard still_there(state->mutex);
        const auto& members = state->members;
        const bool known = std::ranges::any_of(
            members, [&](const UpstreamState::Member& other) { return other.pool == pool; });
        if (!known) return;
      }
      pool->yield_idle();  // it ends on this thread only
    });
  }
}

// Closes a connection that nobody uses, of a target the one that has been idle for longest. False:
// there is none.
bool Pool::yield_idle() {
  for (auto& idle : idle_) {
    if (idle.empty()) continue;
    drop_idle(*idle.front());
    return true;
  }
  return http2_.retire_idle();
}

// Its connection may be in the middle of something.
void Pool::http2_has_room(u32 target) {
  if (!config_.state->connections.has_waiters()) return;
  with_room_.push_back(target);
  loop_.defer(room_call_);
}

void Pool::on_room(void* context) {
  auto* self = static_cast<Pool*>(context);
  for (const u32 target : std::exchange(self->with_room_, {})) self->offer_room(target);
}

void Pool::offer_room(u32 target) {
  Permits& permits = config_.state->connections;
  while (permits.has_waiters()) {
    Http2Stream* stream = http2_.take(target);
    if (stream == nullptr) return;
    const auto answer =
        permits.offer(claim(target), static_cast<TargetStream*>(stream), kMostStreamHandOvers);
    if (answer == Permits::Offer::Taken) continue;
    http2_.put_back(*stream);
    // Others wait: busy connections may stay for a while, idle ones not.
    if (answer == Permits::Offer::Overdue) {
      http2_.retire_one(target);
    } else {
      http2_.retire_idle();
    }
    return;
  }
}

void Pool::tell_requests() {
  const u32 count = std::exchange(untold_requests_, 0);
  config_.state->retries.add_requests(count, to_ms(loop_.now()));
}

bool Pool::may_retry(u32 budget_bp) {
  tell_requests();
  return config_.state->retries.take(budget_bp, to_ms(loop_.now()));
}

void Pool::leave_breaker(Breaker::Pass pass, Breaker::Result result) {
  if (config_.breaker.failures_bp == 0) return;
  const auto change =
      config_.state->breaker.leave(config_.breaker, pass, result, to_ms(loop_.now()));
  if (change == Breaker::Change::None) return;
  const bool opened = change == Breaker::Change::Opened;
  const std::string reason =
      opened ? fmt::format("too many failures, nothing is sent for {} ms", config_.breaker.open_ms)
             : std::string("probes have succeeded");
  config_.state->tell(
      {.kind = opened ? HealthChange::Kind::BreakerOpened : HealthChange::Kind::BreakerClosed,
       .upstream = config_.name,
       .target = {},
       .reason = reason});
}

// With a permit, and counted in open_.
Task<Result<TargetStream*>> Pool::connect_anew(const Exchange& exchange, u32 target,
                                               TimePoint due) {
  auto stream = co_await connector_.connect(config_.targets[target], due);
  Error error = stream ? Error{} : stream.error();
  if (stream && config_.proxy_version != 0) {
    const auto announced = co_await announce(**stream, exchange, due);
    if (!announced) error = announced.error();
  }
  if (error.code == Errc::None && config_.targets[target].tls) {
    const auto secured = co_await secure(*stream, config_.targets[target], due);
    if (!secured) error = secured.error();
  }
  if (error.code != Errc::None) {
    let_go();
    co_return fail(error);
  }
  const bool tls = config_.targets[target].tls;
  // In plain text nothing is agreed on: the target is known to speak it.
  const bool http2 = config_.protocol == Protocol::Http2 &&
                     (!tls || static_cast<net::TlsStream&>(**stream).alpn() == "h2");
  if (!http2 && config_.http2_only) {
    (*stream)->close(true);
    let_go();
    co_return fail(Error{.code = Errc::TlsFailed,
                         .origin = Origin::Upstream,
                         .retry = Retry::Safe,
                         .what = "the target does not speak HTTP/2"});
  }
  if (http2) {
    Http2Options options;
    options.secure = tls;
    options.ping_ms = config_.limits.ping_ms;
    if (config_.limits.idle_timeout_ms != 0) options.idle_ms = config_.limits.idle_timeout_ms;
    co_return http2_.add(std::move(*stream), target, options);
  }
  TargetStream* made = new Connection(loop_, *this, std::move(*stream), target);
  co_return made;
}

// The PROXY header tells the target whom the connection is for.
Task<Result<void>> Pool::announce(net::ByteStream& stream, const Exchange& exchange,
                                  TimePoint due) {
  const std::string header =
      http::write_proxy_header(config_.proxy_version, exchange.client, exchange.local);
  co_return co_await send_ahead(stream, header, loop_, due);
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
  if (const auto heir = reusable ? last_heir() : nullptr) {
    if (!pass_on(connection, *heir, false)) retire(connection);
    return;
  }
  auto& idle = idle_[connection.target()];
  // One that has named its client to the target is of no use to another.
  if (!reusable || config_.proxy_version != 0) {
    retire(connection);
    return;
  }
  if (config_.state->connections.has_waiters()) {
    const auto answer = config_.state->connections.offer(
        claim(connection.target()), static_cast<TargetStream*>(&connection), kMostHandOvers);
    if (answer != Permits::Offer::Taken) retire(connection);
    return;
  }
  const UpstreamLimits& limits = config_.limits;
  if (limits.idle_connections == 0) {
    retire(connection);
    return;
  }
  const bool surplus = idle.size() >= limits.idle_connections;
  idle.push_back(&connection);
  connection.wait_idle(
      surplus ? std::min(limits.idle_timeout_ms, kSurplusIdleMs) : limits.idle_timeout_ms,
      &Pool::on_idle_broken);
}

void Pool::on_idle_broken(Connection& connection) { connection.pool().drop_idle(connection); }

void Pool::drop_idle(Connection& connection) {
  std::erase(idle_[connection.target()], &connection);
  connection.stop_idle();
  retire(connection);
}

void Pool::retire(Connection& connection) {
  connection.close();
  retired_.push_back(&connection);
  let_go();
}

void Pool::sweep() {
  std::erase_if(retired_, [](Connection* connection) {
    if (!connection->at_rest()) return false;
    delete connection;
    return true;
  });
}

u32 Pool::idle_count() const {
  size_t count = 0;
  for (const auto& idle : idle_) count += idle.size();
  return static_cast<u32>(count);
}

bool Pool::shut_down() {
  for (auto& idle : idle_) {
    while (!idle.empty()) drop_idle(*idle.back());
  }
  sweep();
  const bool none_left = http2_.shut_down();
  return none_left && retired_.empty() && open_ == 0;
}

}  // namespace gw::upstream
