// What all sessions of one worker share.
#pragma once
#include <array>
#include <memory>
#include <vector>

#include "runtime/http/env.h"
#include "runtime/http/forwarding.h"
#include "runtime/http/long_stream.h"
#include "runtime/net/byte_stream.h"
#include "runtime/net/event_loop.h"
#include "runtime/server/http2_abuse.h"
#include "runtime/server/session.h"

namespace gw::server {

struct SessionOptions {
  http::ForwardingOptions forwarding;
  PathOptions path;
  u32 head_timeout_ms = 10'000;   // from the first byte of a head (or the accept) to its end
  u32 body_stall_ms = 60'000;     // between two pieces of a request body
  u32 write_stall_ms = 60'000;    // a client that does not read
  u32 idle_timeout_ms = 180'000;  // between two requests
  u32 drain_idle_ms = 1'000;      // while draining: between two requests
  u32 linger_ms = 2'000;          // reading on after an answer to a request that was not read
  u32 shrink_after_ms = 2'000;    // idle connections give their buffer back
  u32 watch_after_ms = 10;        // without an answer: look whether the client is still there
  const trust::ExplainTokens* explain = nullptr;  // outlives the sessions; may be null
  u32 half_close_ms = 1'000;  // from the client's end of stream to taking it for gone
};

/// A table with what exchanges on one worker need to run by it. Pinned by each exchange.
struct Generation {
  Generation(const BoundTable* bound_table, Clock& clock, Random& random, Fetcher& fetcher,
             ExchangeObserver& observer)
      : table(bound_table), env{clock, random, fetcher, observer} {
    env.streams = &streams;
  }
  const BoundTable* table;
  const LiveData* live = nullptr;                       // of the table
  const http::ForwardingOptions* forwarding = nullptr;  // of the table; null: the host's
  LongStreams streams;                                  // that run by it, or have let go of it
  Env env;
  u32 pins = 0;   // exchanges that run by it; counted by one thread
  u32 loose = 0;  // long ones that have let go of the table, and use `env` alone
};

using RunFunction = Task<void> (*)(Exchange&, Env&, Responder&);

struct SessionCounters {
  u64 accepted = 0;
  u64 requests = 0;
  u64 refused = 0;  // answered before routing
  u64 broken = 0;   // exchanges that were cut off
  u64 tls_failed = 0;
  u64 http2_connections = 0;
  u64 http2_streams = 0;
  u64 http2_refused_streams = 0;  // beyond the number that a client may have at a time
  std::array<u64, kHttp2AbuseCount> http2_abuse{};  // connections ended, by Http2Abuse
};

class Http2Shared;

/// Lives as long as its sessions. One thread.
class SessionHost {
 public:
  SessionHost(net::EventLoop& loop, Random& random, const SessionOptions& options, RunFunction run);
  SessionHost(const SessionHost&) = delete;
  SessionHost& operator=(const SessionHost&) = delete;
  ~SessionHost();

  net::EventLoop& loop;
  Random& random;
  const SessionOptions& options;
  const RunFunction run;
  Generation* current = nullptr;  // by which new exchanges run; null: 503
  SessionCounters counters;

  /// Takes a connection as it was accepted; the session ends by itself.
  void start(ClientConnection connection);
  void start(std::unique_ptr<net::ByteStream> stream, const PeerAddress& peer, u16 local_port);
  /// The same for one that HTTP begins on.
  void start_http(ClientConnection connection);
  /// The same for one that HTTP/2 begins on: its preface is yet to be read.
  void start_http2(ClientConnection connection);
  /// Probes say from now on that it takes no requests, though it still does, until drain().
  void leave() { leaving_ = true; }
  /// The same, until it is taken back.
  void hold(bool held) { held_ = held; }
  /// No further request on any connection: idle ones close, the others after their answer.
  void drain();
  /// The same for the connections of one listener.
  void drain(u32 listener_id);
  /// Closes everything at once.
  void abort();
  bool draining() const { return draining_; }
  bool ready() const { return !leaving_ && !held_ && !draining_; }
  size_t open_sessions() const { return sessions_.size() - finished_; }

  /// What HTTP/2 sessions share; made with the first of them.
  Http2Shared& http2();
  const http::ForwardingOptions& forwarding(const Generation* generation) const {
    const bool given = generation != nullptr && generation->forwarding != nullptr;
    return given ? *generation->forwarding : options.forwarding;
  }
  std::unique_ptr<Exchange> take_exchange();
  void give_exchange(std::unique_ptr<Exchange> exchange);
  /// Tells `exchange` who asks, over what and when. `peer_text` lives as long as the connection.
  void describe_client(Exchange& exchange, const ClientConnection& connection,
                       std::string_view peer_text) const;
  void unpin(Generation& generation);
  /// `exchange` needs its table no more: its pin becomes a loose one, which let_go() ends.
  /// Idempotent.
  void detach(Exchange& exchange, Generation& generation);
  void let_go(Generation& generation);
  /// Said by a session when it is done.
  void session_finished();
  /// Called when a generation that is no longer current has no pins left, and again when it has no
  /// loose ones either.
  void (*on_generation_unused)(void* context, Generation& generation) = nullptr;
  void* context = nullptr;

 private:
  static void sweep(void* context);
  void add(std::unique_ptr<Session> session);

  std::unique_ptr<Http2Shared> http2_;  // outlives the sessions
  std::vector<std::unique_ptr<Session>> sessions_;
  size_t finished_ = 0;
  bool leaving_ = false;
  bool held_ = false;
  bool draining_ = false;
  std::vector<std::unique_ptr<Exchange>> free_exchanges_;
  net::Timer sweep_timer_;
};

}  // namespace gw::server
