// One HTTP/1.1 connection to a target: a request goes out, an answer comes back.
#pragma once
#include <memory>

#include "runtime/http/http1_body.h"
#include "runtime/http/http1_head.h"
#include "runtime/http/stream_channel.h"
#include "runtime/net/event_loop.h"
#include "runtime/upstream/call.h"

namespace gw::upstream {

/// Belongs to one worker and one pool. Between requests a read is pending, so that a target that
/// closes is noticed at once.
class Connection final : public TargetStream, public CancelListener, public http::Http1BodyHost {
 public:
  Connection(net::EventLoop& loop, Pool& pool, std::unique_ptr<net::ByteStream> stream, u32 target);
  ~Connection();

  Task<Result<void>> round_trip(Call& call, http::ResponseHead& out) override;
  http::BodySource* response_body() override {
    return wire_.framing == http::Framing::None ? nullptr : &body_;
  }
  Channel* channel() override { return switched_ ? &channel_ : nullptr; }
  bool finish() override;
  void give_back(bool reusable) override;

  /// Keeps a read pending while nobody uses the connection; `on_broken` is called when it
  /// is closed, gets bytes that nobody asked for, or has waited `idle_ms`.
  void wait_idle(u32 idle_ms, void (*on_broken)(Connection& self));
  void stop_idle();
  /// Looks whether the target has closed, or spoken out of turn, unnoticed: an end of stream that
  /// came together with the last answer is. A system call.
  bool was_used() const override { return used_; }
  bool is_stale() override { return stream_->has_input(); }
  void close();
  bool answer_begun() const override { return any_byte_; }
  /// No operation is pending and no coroutine runs: it may be destroyed.
  bool at_rest() const;
  std::string_view http_version() const override { return "1.1"; }
  u32 target() const override { return target_; }
  Pool& pool() const override { return *pool_; }
  const net::ByteStream& stream() const override { return *stream_; }
  /// It belongs to `pool` from now on, as a connection to `target` there.
  void move_to(Pool& pool, u32 target) {
    pool_ = &pool;
    target_ = target;
  }

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
  Pool* pool_;
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
  bool read_anew_ = false;                    // the idle read was ended to look once more
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
