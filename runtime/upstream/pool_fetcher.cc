#include "runtime/upstream/pool_fetcher.h"

#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>

#include "runtime/base/descriptor_shortage.h"
#include "runtime/base/ip_address.h"
#include "runtime/cache/retry_after.h"
#include "runtime/observe/trace.h"
#include "runtime/upstream/outlier.h"
#include "runtime/upstream/retry.h"

namespace gw::upstream {
namespace {

// When somebody who met a limit may come again: one does not know.
constexpr u32 kOverflowRetryAfterSeconds = 1;

std::string_view authority_of(const TargetConfig& target) {
  return target.authority.empty() ? target.address : target.authority;
}

Error no_target() {
  return Error{.code = Errc::ConnectFailed,
               .origin = Origin::Upstream,
               .retry = Retry::Never,
               .what = "no target can be used"};
}

Error circuit_open() {
  return Error{.code = Errc::CircuitOpen,
               .origin = Origin::Upstream,
               .retry = Retry::Never,
               .what = "the circuit breaker is open"};
}

// How often a request is sent again because its connection has ended: a target that does not keep
// them for long may end the next one as well.
constexpr u32 kMostEnded = 3;

// A connection that ended between two requests says nothing about its target; one that never
// carried an answer does.
bool has_ended(const Error& error, bool used) {
  return used && (error.retry == Retry::Reused || error.retry == Retry::Unseen);
}

// Whether a failed fetch says something about the target.
bool is_targets_fault(const Error& error, bool used) {
  return error.origin == Origin::Upstream && !has_ended(error, used) &&
         error.code != Errc::UpstreamOverflow && error.code != Errc::Cancelled &&
         !is_shortage(error.sys);
}

// What a try says of the target and of the upstream.
Breaker::Result judge(const Error& error, u32 status, bool used) {
  if (error.code == Errc::None) {
    return status >= 500 ? Breaker::Result::Failure : Breaker::Result::Success;
  }
  return is_targets_fault(error, used) ? Breaker::Result::Failure : Breaker::Result::Neither;
}

void count_try(const Pool& pool, const TryRecord& record) {
  observe::UpstreamCounters* counters = pool.counters();
  if (counters == nullptr) return;
  const observe::TryOutcome outcome = observe::try_outcome_of(record.status, record.error);
  counters->tries[static_cast<size_t>(outcome)].add(1);
  counters->duration.add(record.microseconds);
  if (record.status == 0) return;
  counters->answers[static_cast<size_t>(observe::status_class_of(record.status))].add(1);
}

// As `10.0.0.1:80`; empty: it has no address, or cannot tell it.
std::string_view peer_text(const net::ByteStream& stream, Arena& arena) {
  sockaddr_storage peer{};
  if (!stream.peer(peer)) return {};
  if (peer.ss_family != AF_INET && peer.ss_family != AF_INET6) return {};
  const bool v6 = peer.ss_family == AF_INET6;
  const u16 port = ntohs(v6 ? reinterpret_cast<const sockaddr_in6&>(peer).sin6_port
                            : reinterpret_cast<const sockaddr_in&>(peer).sin_port);
  const std::string ip = format_ip(from_sockaddr(peer));
  return arena.copy(v6 ? fmt::format("[{}]:{}", ip, port) : fmt::format("{}:{}", ip, port));
}

// Asking whom a connection leads to costs a system call: only where somebody will read it.
void note_connection(Exchange& exchange, u32 index, const TargetStream& connection) {
  if (exchange.trace == nullptr || !exchange.trace->sampled) return;
  exchange.trace->connected(index, connection.http_version(),
                            peer_text(connection.stream(), exchange.arena));
}

// A fetch that came to no try.
void count_refusal(const Pool& pool, observe::TryOutcome outcome) {
  observe::UpstreamCounters* counters = pool.counters();
  if (counters != nullptr) counters->tries[static_cast<size_t>(outcome)].add(1);
}

}  // namespace

Task<Result<void>> PoolFetcher::fetch(Exchange& exchange, const http::RequestHead& request,
                                      http::BodySource* body, const FetchOptions& options,
                                      Responder* responder, Fetched& out) {
  GW_CHECK(options.upstream < pools_.size());
  Pool& pool = *pools_[options.upstream];
  exchange.upstream = options.upstream;
  out.connection = nullptr;
  out.body = nullptr;
  out.channel = nullptr;
  out.retry_after_seconds = 0;
  if (!pool.try_admit()) {
    const auto admitted = co_await pool.wait_for_admission(exchange, connect_due(options));
    if (!admitted) {
      count_refusal(pool, observe::try_outcome_of(0, admitted.error().code));
      out.retry_after_seconds = kOverflowRetryAfterSeconds;
      co_return fail(admitted.error());
    }
  }
  Call call(exchange, request, options);
  call.responder = responder;
  if (body != nullptr) {
    call.has_whole = body->take_buffered(call.whole);
    if (!call.has_whole) call.body = body;
  }
  if (call.body != nullptr && options.retry_buffer_bytes != 0) {
    const auto read = co_await read_body(call, *body);
    if (!read) {
      pool.leave();
      co_return fail(read.error());
    }
  }
  auto outcome = co_await try_once(call, pool, out, false);
  if (!outcome || out.head.status >= 400) outcome = co_await try_again(call, pool, out, outcome);
  if (!outcome) {
    pool.leave();
    if (outcome.error().code == Errc::UpstreamOverflow) {
      out.retry_after_seconds = kOverflowRetryAfterSeconds;
    }
  }
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
  u32 retries = 0;
  u32 ended = 0;
  bool was_refused = false;
  for (;;) {
    const bool body_kept = call.body == nullptr;
    // The pooled connection was closed by the target as we wrote: again, on a new one; only what
    // may be sent twice, and while all of it is still at hand. So may any request that the target
    // has not looked at when it ended the connection by HTTP/2, and, once, one that it has refused.
    // None of that is overload: no permit.
    const Error failure = outcome ? Error{} : outcome.error();
    const bool was_ended =
        failure.retry == Retry::Unseen || (failure.retry == Retry::Reused && options.replay_safe);
    const bool refused = failure.retry == Retry::Safe && failure.code == Errc::UpstreamClosed;
    if (body_kept && ((was_ended && ended < kMostEnded) || (refused && !was_refused))) {
      if (was_ended) ++ended;
      if (refused) was_refused = true;
      outcome = co_await try_once(call, pool, out, true);
      continue;
    }
    if (retries == options.retry_times || call.exchange.client_gone) break;
    const FailedTry failed{.error = outcome ? Error{} : outcome.error(),
                           .answer_begun = call.answer_begun,
                           .body_kept = body_kept};
    const bool wanted =
        outcome ? may_retry(options, out.head.status, body_kept) : may_retry(options, failed);
    if (!wanted) break;
    if (outcome) note_retry_after(call, out.head);
    const auto when = time_of_repetition(call, pool, retries);
    if (!when || !pool.may_retry(options.retry_budget_bp)) break;
    if (outcome) {
      // Its body goes unread; a short one has come with the head, and leaves the connection usable.
      http::BodyChunk rest;
      if (out.body != nullptr) out.body->take_buffered(rest);
      give_back(out);
      out.head.fields.clear();
    }
    co_await loop_.sleep_until(*when);
    if (call.exchange.client_gone) {
      co_return fail(
          Error{.code = Errc::Cancelled, .origin = Origin::Downstream, .what = "client has gone"});
    }
    ++retries;
    if (pool.counters() != nullptr) pool.counters()->retries.add(1);
    ended = 0;
    was_refused = false;
    outcome = co_await try_once(call, pool, out, false);
  }
  co_return outcome;
}

void PoolFetcher::note_retry_after(Call& call, const http::ResponseHead& head) const {
  const std::string_view asked = head.fields.value(http::FieldId::RetryAfter);
  if (asked.empty()) return;
  const auto wait = cache::read_retry_after(asked, loop_.unix_ms());
  if (wait) call.not_before = std::max(call.not_before, loop_.now() + *wait);
}

// After a pause, and at a target that was tried not before it wants to be asked again. Nothing:
// that is too late for the request, or longer than one waits.
std::optional<TimePoint> PoolFetcher::time_of_repetition(const Call& call, Pool& pool,
                                                         u32 number) const {
  const FetchOptions& options = call.options;
  const TimePoint now = loop_.now();
  TimePoint when = now + pause_before(options, number, pool.random());
  if (call.not_before > now && !pool.has_untried(call.tried)) {
    if (call.not_before - now > longest_wait(options)) return std::nullopt;
    when = std::max(when, call.not_before);
  }
  if (when >= options.deadline) return std::nullopt;
  return when;
}

Task<Result<void>> PoolFetcher::try_once(Call& call, Pool& pool, Fetched& out, bool fresh) {
  const Breaker::Entry entry = pool.enter_breaker();
  if (entry.pass == Breaker::Pass::Refused) {
    out.retry_after_seconds = (entry.retry_after_ms + 999) / 1000;
    count_refusal(pool, observe::TryOutcome::CircuitOpen);
    co_return fail(circuit_open());
  }
  const Choice choice{.hash = call.options.balance_hash,
                      .sticky = call.options.sticky_token,
                      .tried = call.tried,
                      .hashed = call.options.hashed};
  const u32 target = pool.choose(choice);
  if (target == Balancer::kNone) {
    pool.leave_breaker(entry.pass, Breaker::Result::Neither);
    count_refusal(pool, observe::TryOutcome::NoTarget);
    co_return fail(no_target());
  }
  Exchange& exchange = call.exchange;
  const TargetConfig& chosen = pool.config().targets[target];
  TryRecord spare;
  const u32 index = exchange.try_count;
  TryRecord& record = index < kMaxTries ? exchange.tries[exchange.try_count++] : spare;
  record = {};
  record.target = chosen.address;
  if (exchange.trace != nullptr) exchange.trace->begin_try(index, chosen.tls, chosen.path_prefix);
  call.path_prefix = chosen.path_prefix;
  call.target = authority_of(chosen);
  const TimePoint start = loop_.now();
  Error error;
  call.answer_begun = false;
  bool used = false;
  const bool once_only = !call.options.replay_safe || call.body != nullptr;
  TargetStream* connection = fresh ? nullptr : pool.take_idle(target, once_only);
  if (connection == nullptr) {
    auto connected = co_await connect(call, pool, target);
    if (connected) {
      connection = *connected;
    } else {
      error = connected.error();
    }
  }
  if (connection != nullptr) {
    note_connection(exchange, index, *connection);
    pool.begin_request(target);
    auto answered = co_await connection->round_trip(call, out.head);
    if (answered) {
      out.connection = connection;
      out.body = connection->response_body();
      out.channel = connection->channel();
      record.status = out.head.status;
      if (pool.config().sticky) out.target_token = target_token(chosen);
    } else {
      error = answered.error();
      used = connection->was_used();
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
  count_try(pool, record);
  // Nobody may take a target out by asking it for answers within a millisecond.
  const bool impatient = error.code == Errc::UpstreamTimeout && call.options.clients_deadline &&
                         loop_.now() >= call.options.deadline;
  const Breaker::Result result =
      impatient ? Breaker::Result::Neither : judge(error, record.status, used);
  pool.leave_breaker(entry.pass, result);
  if (result == Breaker::Result::Success) report_success(pool.config(), target);
  if (result == Breaker::Result::Failure) report_failure(pool.config(), target, loop_.now());
  const bool bad = error.code != Errc::None ? !has_ended(error, used) : record.status >= 400;
  if (bad && target < 64) call.tried |= u64{1} << target;
  if (error.code == Errc::None) co_return Result<void>();
  co_return fail(error);
}

TimePoint PoolFetcher::connect_due(const FetchOptions& options) const {
  if (options.connect_timeout_ms == 0) return options.deadline;
  return std::min(options.deadline,
                  loop_.now() + std::chrono::milliseconds(options.connect_timeout_ms));
}

Task<Result<TargetStream*>> PoolFetcher::connect(Call& call, Pool& pool, u32 target) {
  auto connected = co_await pool.connect(call.exchange, target, connect_due(call.options));
  if (!connected || !call.exchange.client_gone) co_return connected;
  (*connected)->finish();
  (*connected)->give_back(false);
  co_return fail(
      Error{.code = Errc::Cancelled, .origin = Origin::Downstream, .what = "client has gone"});
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
