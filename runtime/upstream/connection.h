// One HTTP/1.1 connection to a target: a request goes out, an answer comes back.
#pragma once
#include <memory>

#include "runtime/http/env.h"
#include "runtime/http/http1_body.h"
#include "runtime/http/http1_head.h"
#include "runtime/http/stream_channel.h"
#include "runtime/net/event_loop.h"

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
};

/// Belongs to one worker and one pool. Between requests a read is pending, so that a target that
/// closes is noticed at once.
class Connection final : public CancelListener, public http::Http1BodyHost {
 public:
  Connection(net::EventLoop& loop, Pool& pool, std::unique_ptr<net::ByteStream> stream, u32 target);
  ~Connection();

  /// Sends the request and waits for the final head, which is put into `out`; its views point into
  /// this connection's buffer. The rest of the request body goes on being sent. Errors as
  /// Fetcher::fetch; Retry::Reused when a used connection died before the first byte of an answer.
  Task<Result<void>> round_trip(Call& call, http::ResponseHead& out);
  /// Null when the answer has no body.
  http::BodySource* response_body() {
    return wire_.framing == http::Framing::None ? nullptr : &body_;
  }

  /// After an answer of 101; null after any other.
  Channel* channel() { return switched_ ? &channel_ : nullptr; }

  /// Ends the use for an exchange: nothing of it is touched afterwards. True: the connection is
  /// ready for the next one.
  bool finish();
  /// Keeps a read pending while nobody uses the connection; `on_broken` is called when it
  /// is closed, gets bytes that nobody asked for, or has waited `idle_ms`.
  void wait_idle(u32 idle_ms, void (*on_broken)(Connection& self));
  void stop_idle();
  /// Looks whether the target has closed, or spoken out of turn, unnoticed: an end of stream that
  /// came together with the last answer is. A system call.
  bool is_stale() { return stream_->has_input(); }
  void close();
  /// No operation is pending and no coroutine runs: it may be destroyed.
  bool at_rest() const;
  u32 target() const { return target_; }
  Pool& pool() const { return pool_; }

  void cancelled() noexcept override;

 private:
  Task<Result<void>> send(Call& call);
  Task<Result<void>> receive(Call& call, http::ResponseHead& out);
  Task<Result<bool>> take_head(Call& call, http::ResponseHead& out);
  Task<void> pump();
  Error broken(int error_number) const;
  void arm(u32 milliseconds, TimePoint deadline);
  static void on_deadline(void* context);
  static void on_idle_read(void* context);

  Result<void> before_body_read() override;
  Error body_read_error(int error_number) override;
  // Between two reads the time is the client's, not the target's.
  void body_bytes_read(u64) override { timer_.clear(); }

  net::EventLoop& loop_;
  Pool& pool_;
  std::unique_ptr<net::ByteStream> stream_;
  http::Http1Input input_;
  http::Http1Body body_;
  http::StreamChannel channel_;
  http::HeadScanner scanner_;
  http::ResponseWire wire_;
  net::Timer timer_;
  u32 target_;
  u32 try_timeout_ms_ = 0;
  u32 idle_timeout_ms_ = 0;
  TimePoint deadline_ = TimePoint::max();
  bool used_ = false;      // has carried a request before
  bool any_byte_ = false;  // of the answer to this request
  bool head_done_ = false;
  bool switched_ = false;  // to another protocol, for good
  bool timed_out_ = false;
  bool gave_up_ = false;                      // cancelled() was called
  bool sending_failed_ = false;               // the target stopped reading
  void (*on_broken_)(Connection&) = nullptr;  // set while idle

  // The part of a request body that is sent while the answer is awaited.
  Task<void> pump_task_;
  http::BodySource* pump_body_ = nullptr;
  bool pump_chunked_ = false;
  bool pump_done_ = true;
  bool pump_stopped_ = false;  // finish() was called: touch nothing of the exchange
  Error pump_error_;
};

}  // namespace gw::upstream
