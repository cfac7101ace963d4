// A connection behind a switch of protocols, as a channel of bytes.
#pragma once
#include "runtime/http/env.h"
#include "runtime/http/http1_input.h"
#include "runtime/net/event_loop.h"

namespace gw::http {

/// The same for both sides of the gateway. Begins with what `input` holds unread; at most one
/// buffer of `input` is read ahead. Stream and input outlive it; nobody else uses them meanwhile.
class StreamChannel final : public Channel {
 public:
  /// `origin` is the peer, as errors name it.
  StreamChannel(net::EventLoop& loop, net::ByteStream& stream, Http1Input& input, Origin origin);

  Task<Result<Bytes>> read() override;
  Task<Result<void>> write(Bytes bytes) override;
  void finish_writing() noexcept override;
  void abort() noexcept override;
  void set_deadline(TimePoint due) override { loop_.set_timer(timer_, due); }
  /// No deadline; to be called when the use has ended.
  void end() {
    timer_.clear();
    look_timer_.clear();
  }

 private:
  static void on_deadline(void* context);
  static void on_quiet(void* context);
  void look_when_quiet();
  Error broken(int error_number) const;

  net::EventLoop& loop_;
  net::ByteStream& stream_;
  Http1Input& input_;
  Origin origin_;
  net::Timer timer_;
  net::Timer look_timer_;
  bool looking_ = false;  // the pending read was ended to look for an unnoticed end
  bool ending_ = false;   // finish_writing() was called
  bool aborted_ = false;
  bool timed_out_ = false;
};

}  // namespace gw::http
