// The outside world as an exchange sees it. The server gives it sockets and the real clock; tests
// and `gwctl explain` give it scripts and a fake one.
#pragma once
#include <chrono>
#include <span>
#include <string_view>

#include "runtime/base/result.h"
#include "runtime/base/task.h"
#include "runtime/http/body.h"
#include "runtime/http/exchange.h"
#include "runtime/http/message.h"

namespace gw {

struct IdentityEnv;
namespace cache {
struct CacheEnv;
}
class LongStreams;
namespace policies {
struct ComposeRecord;
struct RetryCauseRecord;
}  // namespace policies
namespace limits {
class CounterStore;
struct LimitOutcome;
}  // namespace limits
namespace observe {
class Tracer;
}
namespace trust {
class ExplainTokens;
}

/// Time. now() may be up to a millisecond old within one turn of the event loop.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint now() const = 0;
  /// Wall time in milliseconds since 1970, for logs and Date.
  virtual i64 unix_ms() const = 0;
  virtual Task<void> sleep_until(TimePoint when) = 0;
};

/// Not for secrets.
class Random {
 public:
  virtual ~Random() = default;
  virtual u64 next() = 0;
};

/// One end of a connection whose protocol was switched: bytes both ways, without framing. One
/// read() and one write() at a time; one thread. Errors: PeerClosed, RequestTimeout after the
/// deadline, Cancelled after abort().
class Channel {
 public:
  /// Waits for bytes, valid until the next read(). Empty: the peer has ended its direction.
  virtual Task<Result<Bytes>> read() = 0;
  /// Returns when `bytes` may be reused.
  virtual Task<Result<void>> write(Bytes bytes) = 0;
  /// No more is written; the peer sees the end and may go on sending.
  virtual void finish_writing() noexcept = 0;
  /// What waits fails soon, and so does every call from now on. Idempotent.
  virtual void abort() noexcept = 0;
  /// abort() at `due`, unless it is moved. Moving it later costs one store.
  virtual void set_deadline(TimePoint due) = 0;

 protected:
  ~Channel() = default;
};

/// Where an exchange writes its answer. Order: inform*, head, data*, end; reset at any time.
/// Errors: PeerClosed, RequestTimeout (the client does not read), Cancelled.
class Responder {
 public:
  virtual ~Responder() = default;
  /// Sends a 1xx head (100 is sent by the server by itself, when the body is first read).
  virtual Task<Result<void>> inform(const http::ResponseHead& head) = 0;
  /// Takes the final head, which must stay until the first data() or end() has returned: it is
  /// written together with those. The head's
  /// `framing` says what is known of the body: Length, None, or anything else for unknown. The
  /// responder adds Date, Connection and framing fields, and drops the body of HEAD, 204, 304.
  virtual void head(const http::ResponseHead& head) = 0;
  /// Returns when `bytes` may be reused.
  virtual Task<Result<void>> data(Bytes bytes) = 0;
  /// Ends the body, `last` being its last bytes (most often all of it).
  virtual Task<Result<void>> end(Bytes last, const http::FieldList* trailers) = 0;
  /// Sends a 101 in place of head() and gives the connection behind it, including what the client
  /// sent ahead. The use of it ends with end() or reset(). Error besides the usual ones:
  /// NotImplemented, where a connection cannot be switched.
  virtual Task<Result<Channel*>> upgrade(const http::ResponseHead& head) {
    static_cast<void>(head);
    co_return fail(Errc::NotImplemented, "connection cannot be switched");
  }
  /// The exchange goes on for long and needs its table no more: all that views into it has been
  /// written. Its owner may set exchange.table to null.
  virtual void let_go_of_table() {}
  /// The answer cannot be completed: make that visible to the client (close, RST_STREAM).
  virtual void reset() noexcept = 0;
  virtual bool head_sent() const = 0;
  /// Completes when the client has gone away; used to cancel work. May never complete.
  virtual bool client_gone() const = 0;
};

/// An answer that is being fetched. Reused by reset().
struct Fetched {
  explicit Fetched(Arena& arena) : head(arena) {}
  http::ResponseHead head;
  http::BodySource* body = nullptr;  // null: none. Owned by the fetcher until release()
  Channel* channel = nullptr;        // of status 101 only
  void* connection = nullptr;        // the fetcher's own
  u64 target_token = 0;              // of a sticky upstream: stands for the target that answered
  u32 retry_after_seconds = 0;       // of a failed fetch: when it may do to come again; 0: unknown
};

/// What a fetch needs besides the head and the body.
struct FetchOptions {
  u32 upstream = 0;                       // index of the upstream record
  TimePoint deadline = TimePoint::max();  // of the whole exchange
  bool clients_deadline = false;          // the client has named it: it is no measure of a target
  u32 connect_timeout_ms = 0;             // 0: none
  u32 try_timeout_ms = 0;                 // from connect to the response head; 0: none
  u32 idle_timeout_ms = 0;                // between two pieces of a body; 0: none
  bool replay_safe = false;               // idempotent: may be sent again
  u32 retry_times = 0;                    // tries beyond the first
  u32 retry_budget_bp = 2'000;            // of the upstream's requests, in hundredths of a percent
  u32 retry_backoff_ms = 25;              // of the first repetition, at most
  u64 retry_buffer_bytes = 0;             // bodies up to this are read whole to be sent again
  u32 retry_cause_count = 0;              // 0: connect, reset, refused
  const policies::RetryCauseRecord* retry_causes = nullptr;
  bool hashed = false;   // balance_hash is set
  u64 balance_hash = 0;  // of the balancing key: equal ones meet the same target
  u64 sticky_token = 0;  // target_token that the client has brought; 0: none
};

/// Gets answers: from an upstream pool, a mock, a cache, a script.
class Fetcher {
 public:
  virtual ~Fetcher() = default;
  /// Sends `request` with `body` (null: none) and waits for the final head. `body` goes on being
  /// sent while the answer is read. A request that fails is sent again as `options` say. One with
  /// `upgrade` may be answered with 101, and out.channel then. 1xx answers but 101 go to
  /// `responder->inform` when it is not null. Errors: ConnectFailed, UpstreamClosed,
  /// UpstreamInvalid, UpstreamTimeout, UpstreamOverflow, CircuitOpen, Cancelled, and those of
  /// `body` with Origin::Downstream.
  virtual Task<Result<void>> fetch(Exchange& exchange, const http::RequestHead& request,
                                   http::BodySource* body, const FetchOptions& options,
                                   Responder* responder, Fetched& out) = 0;
  /// Ends the use of `out`: its connection goes back to the pool when its body was read to the
  /// end, and is closed otherwise. Must be called once for each successful fetch.
  virtual void release(Fetched& out) noexcept = 0;
};

/// Told once per exchange by its owner (not by run(): some requests are answered before it), after
/// the last byte or the break.
class ExchangeObserver {
 public:
  virtual ~ExchangeObserver() = default;
  virtual void finished(const Exchange& exchange) = 0;
  /// The route of a client's request is known. Not every exchange comes so far.
  virtual void routed(Exchange& exchange) { static_cast<void>(exchange); }
  /// The head of its answer is about to be written; later its fields may be gone, as what has
  /// brought them is.
  virtual void answering(Exchange& exchange) { static_cast<void>(exchange); }
  /// Limits have been asked, whatever they have said.
  virtual void limits_asked(const limits::LimitOutcome* outcomes, u32 count) {
    static_cast<void>(outcomes), static_cast<void>(count);
  }
  /// A call of a composition is over; its answer has not been used yet.
  virtual void part_finished(const Exchange& part) { static_cast<void>(part); }
  /// The table of a long exchange is about to go: keeps in its arena what finished() needs of it.
  virtual void detach(Exchange& exchange) { static_cast<void>(exchange); }
};

/// Sends copies of requests beside the exchanges that they are copies of.
class Mirrors {
 public:
  virtual ~Mirrors() = default;
  /// Sends a copy of exchange.upstream_request with `body`, as `options` say; its answer is thrown
  /// away. Copies what it needs, and does nothing else before it returns. Does nothing at all when
  /// too many are under way: a mirror that is slow must not hold up who is mirrored.
  virtual void send(const Exchange& exchange, const FetchOptions& options, Bytes body) = 0;
};

/// How a call of a composition has ended. Passed: the client was answered with what it brought.
enum class CallEnd : u8 { None, Present, Skipped, Missing, TimedOut, Passed };

/// Looks on at compositions; for tests.
class CompositionWatcher {
 public:
  virtual ~CompositionWatcher() = default;
  /// `ends`: of its calls, in the order of the record, which is one of the exchange's table.
  virtual void composed(const policies::ComposeRecord& record, std::span<const CallEnd> ends) = 0;
};

struct Env {
  Clock& clock;
  Random& random;
  Fetcher& fetcher;
  ExchangeObserver& observer;
  Mirrors* mirrors = nullptr;                  // null: none are sent
  limits::CounterStore* counters = nullptr;    // null: what is limited is refused
  LongStreams* streams = nullptr;              // null: nobody ends one before its time
  IdentityEnv* identity = nullptr;             // null: where no operation asks for authentication
  CompositionWatcher* compositions = nullptr;  // null: nobody looks on
  cache::CacheEnv* cache = nullptr;            // null: nothing is kept
  observe::Tracer* tracer = nullptr;           // null: fields of traces pass as they are
  const trust::ExplainTokens* explain = nullptr;  // null: nothing is explained while it is served
};

/// Runs one exchange from its request head to the last byte of the answer: routing, plan, action.
/// All answers go to `responder`, errors included; nothing is returned since nothing is left to
/// decide, except by exchange.error for the log. The one entry for everything (HTTP/1, HTTP/2,
/// composition, explain, test).
Task<void> run(Exchange& exchange, Env& env, Responder& responder);

/// The rest of an exchange whose request side has come to `exchange.last_step`: of a copy that
/// fetches an answer anew for the cache. Nothing before it is asked again.
Task<void> run_rest(Exchange& exchange, Env& env, Responder& responder);

}  // namespace gw
