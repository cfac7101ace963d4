// A bound on what is waited for on a connection that is being made.
#pragma once
#include "runtime/net/byte_stream.h"
#include "runtime/net/event_loop.h"

namespace gw::upstream {

/// Cancels what `stream` waits for at `due`, unless it is destroyed before. `stream` outlives it.
class StreamDeadline {
 public:
  StreamDeadline(net::EventLoop& loop, net::ByteStream& stream, net::TimePoint due)
      : stream_(stream), timer_(&StreamDeadline::on_due, this) {
    loop.set_timer(timer_, due);
  }
  bool passed() const { return passed_; }

 private:
  static void on_due(void* context) {
    auto* self = static_cast<StreamDeadline*>(context);
    self->passed_ = true;
    self->stream_.cancel();
  }

  net::ByteStream& stream_;
  net::Timer timer_;
  bool passed_ = false;
};

}  // namespace gw::upstream
