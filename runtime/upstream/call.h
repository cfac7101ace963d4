// One request to a target, whatever the version of HTTP on the wire.
#pragma once
#include "runtime/http/env.h"
#include "runtime/net/byte_stream.h"

namespace gw::upstream {

class Pool;

/// A request on its way. All of it outlives the fetch.
struct Call {
  Call(Exchange& owner, const http::RequestHead& head, const FetchOptions& fetch_options)
      : exchange(owner), request(head), options(fetch_options) {}
  Exchange& exchange;
  const http::RequestHead& request;
  const FetchOptions& options;
  http::BodySource* body = nullptr;  // null: none, or all of it is in `whole`
  http::BodyChunk whole;
  std::string_view path_prefix;  // of the chosen target
  std::string_view target;       // its address: Host of a request that came without one
  bool has_whole = false;
  Responder* responder = nullptr;
  u64 tried = 0;              // bit i: target i has failed; of the first 64
  TimePoint not_before{};     // as targets that were tried say: none of them is asked again sooner
  bool answer_begun = false;  // of the last try: something of an answer has come
};

/// The use of a connection for one request: the whole connection with HTTP/1, a stream of it with
/// HTTP/2. Belongs to the pool; given back once.
class TargetStream {
 public:
  /// Sends the request and waits for the final head, which is put into `out`; its views live until
  /// the use ends. The rest of the request body goes on being sent. Errors as Fetcher::fetch;
  /// Retry::Reused when a used connection died before the first byte of an answer.
  virtual Task<Result<void>> round_trip(Call& call, http::ResponseHead& out) = 0;
  /// Null when the answer has no body.
  virtual http::BodySource* response_body() = 0;
  /// After an answer of 101; null after any other.
  virtual Channel* channel() { return nullptr; }
  /// Something of an answer to the last request has come.
  virtual bool answer_begun() const = 0;
  /// Ends the use for an exchange: nothing of it is touched afterwards. True: the connection is
  /// ready for the next one.
  virtual bool finish() = 0;
  /// After finish(): it is the pool's again, and may be gone on return.
  virtual void give_back(bool reusable) = 0;
  /// Its connection has carried an answer, or the whole of another request.
  virtual bool was_used() const = 0;
  /// Not in use: the target has closed it, or spoken out of turn, unnoticed. May cost a system
  /// call.
  virtual bool is_stale() { return false; }
  /// `1.1`, `2`: what it speaks.
  virtual std::string_view http_version() const = 0;
  /// What it speaks through.
  virtual const net::ByteStream& stream() const = 0;
  virtual u32 target() const = 0;
  virtual Pool& pool() const = 0;

 protected:
  ~TargetStream() = default;
};

}  // namespace gw::upstream
