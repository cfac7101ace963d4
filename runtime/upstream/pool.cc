#include "runtime/upstream/pool.h"

#include <algorithm>

#include "runtime/net/tls_stream.h"
#include "runtime/upstream/outlier.h"
#include "runtime/upstream/retry.h"
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

Error no_target() {
  return Error{.code = Errc::ConnectFailed,
               .origin = Origin::Upstream,
               .retry = Retry::Never,
               .what = "no target can be used"};
}

// Whether a failed fetch says something about the target.
bool is_targets_fault(const Error& error) {
  return error.origin == Origin::Upstream && error.retry != Retry::Reused &&
         error.code != Errc::UpstreamOverflow && error.code != Errc::Cancelled;
}

}  // namespace

Pool::Pool(net::EventLoop& loop, Random& random, Connector& connector, UpstreamConfig config)
    : loop_(loop),
      random_(random),
      connector_(connector),
      config_(with_state(std::move(config))),
      balancer_(config_, random),
      idle_(config_.targets.size()),
      http2_(loop, *this, config_.targets.size()) {}

Pool::~Pool() {
  shut_down();
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
  auto& idle = idle_[connection.target()];
  if (!reusable || idle.size() >= config_.limits.idle_connections) {
    retire(connection);
    return;
  }
  idle.push_back(&connection);
  connection.wait_idle(config_.limits.idle_timeout_ms, &Pool::on_idle_broken);
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
  auto& count = config_.state->requests;
  if (count.fetch_add(1, std::memory_order_relaxed) < limit || limit == 0) return true;
  count.fetch_sub(1, std::memory_order_relaxed);
  return false;
}

void Pool::leave() { config_.state->requests.fetch_sub(1, std::memory_order_relaxed); }

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
  if (call.body != nullptr && options.retry_buffer_bytes != 0) {
    const auto read = co_await read_body(call, *body);
    if (!read) {
      pool.leave();
      co_return fail(read.error());
    }
  }
  auto outcome = co_await try_once(call, pool, out, false);
  if (!outcome || out.head.status >= 400) outcome = co_await try_again(call, pool, out, outcome);
  if (!outcome) pool.leave();
  co_return outcome;
}

// Takes a body into memory, so that it can be sent a second time. One that is too long, or whose
// length nobody knows, stays a stream.
Task<Result<void>> PoolFetcher::read_body(Call& call, http::BodySource& body) {
  const FetchOptions& options = call.options;
  const bool wanted = options.retry_times != 0 && options.replay_safe;
  const u64 bytes = call.request.content_length;
  if (!wanted || call.request.framing != http::Framing::Length ||
      bytes > options.retry_buffer_bytes) {
    co_return Result<void>();
  }
  auto whole = co_await http::read_whole(body, bytes, call.exchange.arena);
  if (!whole) co_return fail(whole.error());
  call.whole = {.bytes = *whole, .end = true, .trailers = nullptr};
  call.has_whole = true;
  call.body = nullptr;
  co_return Result<void>();
}

// Goes on after a first try that was no success. What comes back is the last outcome.
Task<Result<void>> PoolFetcher::try_again(Call& call, Pool& pool, Fetched& out,
                                          const Result<void>& first) {
  const FetchOptions& options = call.options;
  Result<void> outcome = first;
  RetryPermit permit(*pool.config().state);
  u32 retries = 0;
  bool was_fresh = false;
  for (;;) {
    const bool body_kept = call.body == nullptr;
    // The pooled connection was closed by the target as we wrote. Once more, on a new one; only for
    // what may be sent twice, and while all of it is still at hand. So may any request that the
    // target has refused by HTTP/2 before it looked at it. Neither is overload: no permit.
    const Error failure = outcome ? Error{} : outcome.error();
    const bool unseen = (failure.retry == Retry::Reused && options.replay_safe) ||
                        (failure.retry == Retry::Safe && failure.code == Errc::UpstreamClosed);
    if (unseen && !was_fresh && body_kept) {
      was_fresh = true;
      outcome = co_await try_once(call, pool, out, true);
      continue;
    }
    if (retries == options.retry_times || call.exchange.client_gone) break;
    const FailedTry failed{.error = outcome ? Error{} : outcome.error(),
                           .answer_begun = call.answer_begun,
                           .body_kept = body_kept};
    const bool wanted =
        outcome ? may_retry(options, out.head.status, body_kept) : may_retry(options, failed);
    if (!wanted || !permit.take(options.retry_budget_bp)) break;
    const TimePoint when = loop_.now() + pause_before(options, retries, pool.random());
    if (when >= options.deadline) break;
    if (outcome) {
      // Its body goes unread; a short one has come with the head, and leaves the connection usable.
      http::BodyChunk rest;
      if (out.body != nullptr) out.body->take_buffered(rest);
      give_back(out);
      out.head.fields.clear();
    }
    co_await loop_.sleep_until(when);
    if (call.exchange.client_gone) {
      co_return fail(
          Error{.code = Errc::Cancelled, .origin = Origin::Downstream, .what = "client has gone"});
    }
    ++retries;
    was_fresh = false;
    outcome = co_await try_once(call, pool, out, false);
  }
  co_return outcome;
}

Task<Result<void>> PoolFetcher::try_once(Call& call, Pool& pool, Fetched& out, bool fresh) {
  const Choice choice{.hash = call.options.balance_hash,
                      .sticky = call.options.sticky_token,
                      .tried = call.tried,
                      .hashed = call.options.hashed};
  const u32 target = pool.choose(choice);
  if (target == Balancer::kNone) co_return fail(no_target());
  Exchange& exchange = call.exchange;
  TryRecord spare;
  TryRecord& record = exchange.try_count < kMaxTries ? exchange.tries[exchange.try_count++] : spare;
  record = {};
  record.target = pool.config().targets[target].address;
  call.path_prefix = pool.config().targets[target].path_prefix;
  call.target = pool.config().targets[target].address;
  const TimePoint start = loop_.now();
  Error error;
  call.answer_begun = false;
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
      if (pool.config().sticky) out.target_token = target_token(pool.config().targets[target]);
    } else {
      error = answered.error();
      call.answer_begun = connection->answer_begun();
      pool.end_request(target);
      connection->finish();
      connection->give_back(false);
    }
  }
  const auto spent = loop_.now() - start;
  record.microseconds =
      static_cast<u32>(std::chrono::duration_cast<std::chrono::microseconds>(spent).count());
  record.error = error.code;
  if (error.code == Errc::None && record.status < 400) {
    report_success(pool.config(), target);
    co_return Result<void>();
  }
  // A connection that had grown stale says nothing about its target.
  if (error.retry != Retry::Reused && target < 64) call.tried |= u64{1} << target;
  // Nobody may take a target out by asking it for answers within a millisecond.
  const bool impatient = error.code == Errc::UpstreamTimeout && call.options.clients_deadline &&
                         loop_.now() >= call.options.deadline;
  if (error.code == Errc::None ? record.status >= 500 : is_targets_fault(error) && !impatient) {
    report_failure(pool.config(), target, loop_.now());
  } else if (error.code == Errc::None) {
    report_success(pool.config(), target);
  }
  if (error.code == Errc::None) co_return Result<void>();
  co_return fail(error);
}

void PoolFetcher::release(Fetched& out) noexcept {
  TargetStream* connection = stream_of(out);
  if (connection == nullptr) return;
  connection->pool().leave();
  give_back(out);
}

void PoolFetcher::give_back(Fetched& out) noexcept {
  TargetStream* connection = stream_of(out);
  out.connection = nullptr;
  out.body = nullptr;
  out.channel = nullptr;
  Pool& pool = connection->pool();
  pool.end_request(connection->target());
  connection->give_back(connection->finish());
}

}  // namespace gw::upstream
