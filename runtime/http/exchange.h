// One request and its answer: what every part of the runtime works on.
//
// The same struct serves a request from an HTTP/1 connection, an HTTP/2 stream, a part of a
// composition, `gwctl explain` and `gwctl test`; it knows no socket.
#pragma once
#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "runtime/base/arena.h"
#include "runtime/base/error.h"
#include "runtime/base/types.h"
#include "runtime/http/body.h"
#include "runtime/http/message.h"
#include "runtime/identity/identity.h"
#include "runtime/router/capture.h"

namespace gw {

class BoundTable;
struct LiveData;
namespace cache {
struct Use;
enum class Outcome : u8;
}  // namespace cache
namespace http {
struct ForwardingOptions;
}
namespace limits {
struct ExchangeLimits;
struct LimitOverride;
}  // namespace limits
namespace engine {
struct MessageValues;
}
namespace observe {
struct OperationCounters;
struct Trace;
}  // namespace observe
struct MessageValuesDeleter {
  void operator()(engine::MessageValues* values) const noexcept;
};

using TimePoint = std::chrono::steady_clock::time_point;

/// The peer, in network byte order; IPv4 as mapped IPv6 (::ffff:a.b.c.d).
struct PeerAddress {
  u8 bytes[16] = {};
  u16 port = 0;
};

/// What a client has proved about itself by a TLS certificate.
struct PeerCertificate {
  std::string subject;      // RFC 2253
  std::string san;          // DNS, mail, URI and IP names, separated by commas
  std::string fingerprint;  // SHA-256 of the certificate, hexadecimal
};

/// Why an upstream takes a request.
enum class UpstreamChoice : u8 {
  Named,      // it is the only one
  Condition,  // of `force`
  Share,      // of a split
  Rest,       // that the shares leave
};

/// What one try at an upstream cost; for the access log.
struct TryRecord {
  std::string_view target;  // text of the address; lives as long as the table
  u16 status = 0;           // 0: no head came
  Errc error = Errc::None;
  u32 microseconds = 0;
};
inline constexpr u32 kMaxTries = 8;

/// How a call of a composition has gone; for the access log. Texts live as long as the table.
struct PartRecord {
  std::string_view name;
  std::string_view upstream;  // that was asked, of a list by its last item; empty: none
  std::string_view outcome;   // a word: `ok`, `fallback`
  u16 status = 0;             // that came, of a list the highest; 0: none
  u32 items = 0;              // of a list: the requests that it made
  u32 tries = 0;              // at upstreams
  u32 microseconds = 0;       // from its first request to its end
};

/// Names for the log of an exchange that has let go of its table. Views into its arena.
struct ExchangeNames {
  std::string_view operation;
  std::string_view path_template;
  std::string_view upstream;
  std::string_view consumer;
  std::string_view policy;       // that has answered in the place of the action
  std::string_view source_file;  // where the operation is declared
  u32 source_line = 0;
  u32 secret_captures = 0;  // a bit for each capture whose value is a secret
};

struct Exchange;

/// What holding a message to its description has come to; views into the arena. A fault is told as
/// its place, a name and a keyword: `query limit: maximum`.
struct Validation {
  Bytes body;  // of the request, when it was read whole
  bool body_read = false;
  bool body_decoded = false;  // `body` is not what the request has sent, but what that stands for
  Error body_error;           // why it could not be
  u32 request_faults = 0;
  u32 response_faults = 0;
  std::string_view request_fault;  // the first
  std::string_view response_fault;
};

/// Told when the client of an exchange has gone away, so that work for it can stop. Links itself
/// into the outermost exchange; leaves the list when destroyed. One thread.
class CancelListener {
 public:
  CancelListener() = default;
  CancelListener(const CancelListener&) = delete;
  CancelListener& operator=(const CancelListener&) = delete;
  virtual void cancelled() noexcept = 0;
  void link(Exchange& exchange) noexcept;
  void unlink() noexcept;

 protected:
  ~CancelListener();

 private:
  friend struct Exchange;
  CancelListener* next_ = nullptr;
  CancelListener** at_ = nullptr;  // what points to this
};

/// Owned by whoever runs it (a session, a test) and reused for the next request after reset().
/// Views in the heads point into buffers of the owner that do not move while it runs, or into the
/// arena. One thread.
struct Exchange {
  Exchange() : request(arena), upstream_request(arena), response(arena) {}
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  Arena arena;
  const BoundTable* table = nullptr;  // pinned by the owner as long as the exchange needs it
  const LiveData* live = nullptr;     // of the table, with it
  http::RequestHead request;
  http::RequestHead upstream_request;        // what is (to be) sent upstream
  http::ResponseHead response;               // what is (to be) sent to the client
  std::string_view local_body;               // of an answer that the gateway makes itself
  http::BodySource* request_body = nullptr;  // null: none

  PeerAddress peer;              // of the connection
  PeerAddress client;            // after trusted proxies
  std::string_view client_text;  // `client` without port, as text
  std::string_view peer_text;
  PeerAddress local;  // what the client has connected to; zeros for a Unix socket
  bool tls = false;
  const PeerCertificate* client_certificate = nullptr;  // null: none; the connection's
  const http::ForwardingOptions* forwarding = nullptr;  // null: no forwarding fields are added
  std::string_view request_id;
  bool detached = false;  // `table` is gone; `names` holds what the log needs of it
  ExchangeNames names;

  // Set by the router.
  u32 route = ~u32{0};  // index into routes; ~0: none
  u32 plan = ~u32{0};
  std::string_view client_class;  // name; empty: the gateway has no classes
  Capture captures[kMaxCaptures];
  u32 capture_count = 0;
  bool preflight = false;   // of CORS: answered here, for the route of the request to come
  u32 last_step = ~u32{0};  // of its plan: where the request side ended, by an answer or the
                            // action; ~0: before the first. For explain and tests

  // What limits have said, in the arena; null: none was asked. Measures of the consumer and its
  // plan take the place of an operation's, by name of the limit; the first of a name holds.
  limits::ExchangeLimits* limits = nullptr;
  std::span<const limits::LimitOverride> limit_overrides;

  // What the cache has to do with it, in the arena; null: nothing, or it is over.
  cache::Use* cache = nullptr;
  cache::Outcome cache_outcome{};
  // Others wait for what it fetches: cancel_all() does nothing until that is over.
  bool fetch_is_shared = false;

  Identity identity;
  Validation* validation = nullptr;                                     // null: nothing to tell
  std::unique_ptr<engine::MessageValues, MessageValuesDeleter> values;  // null: no body was read

  observe::OperationCounters* counters = nullptr;  // of its operation; null: not routed yet
  observe::Trace* trace = nullptr;                 // in the arena; null: nobody traces

  // Progress, for logs and deadlines.
  TimePoint started{};
  TimePoint upstream_asked{};               // zero: it was not
  TimePoint upstream_head{};                // when its final head came; zero: it did not
  TimePoint deadline = TimePoint::max();    // of the whole exchange
  bool clients_deadline = false;            // the client has named it
  TimePoint stream_end = TimePoint::max();  // of one that streams: `maxStreamAge`
  bool stream_ended = false;                // it was told to end (long_stream.h)
  bool streams = false;                     // either side may be silent while the other speaks
  u32 idle_ms = 0;                          // of such a one: silence of both; 0: any
  u64 request_bytes = 0;                    // body bytes read from the client
  u64 response_bytes = 0;                   // body bytes given to the responder
  u32 upstream = ~u32{0};                   // index of the chosen upstream
  u32 drawn_upstream = ~u32{0};             // of a split, when it was drawn before: for the cache
  UpstreamChoice upstream_choice = UpstreamChoice::Named;
  TryRecord tries[kMaxTries];
  u32 try_count = 0;
  std::span<PartRecord> parts;  // of a composed answer, in the arena
  Error error;                  // why a local error answer was made, or the exchange broke off
  bool client_gone = false;
  const Exchange* parent = nullptr;
  u32 depth = 0;                 // 0: from a client; parts of compositions are deeper
  u32 expected_route = ~u32{0};  // of a part: the operation that is meant; ~0: any
  u32 part_budget = 4096;        // calls that compositions may still make for it, all in all
  bool cancels_alone = false;    // what is linked to it is told by its own cancel_all() alone

  /// Back to the state of a new one; keeps the arena's first block.
  void reset();
  /// Tells every listener once. Called by the owner when the client has gone. Not while
  /// fetch_is_shared. What is told may go on at once, so that the exchange may have ended by then.
  void cancel_all() noexcept;

 private:
  friend class CancelListener;
  CancelListener* cancel_listeners_ = nullptr;
  bool* cancel_over_ = nullptr;  // of a cancel_all() that is under way: the exchange has ended
};

}  // namespace gw
