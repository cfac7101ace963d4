#include "runtime/upstream/send_ahead.h"

namespace gw::upstream {
namespace {

struct Deadline {
  net::ByteStream* stream = nullptr;
  bool passed = false;
  static void fire(void* context) {
    auto* self = static_cast<Deadline*>(context);
    self->passed = true;
    self->stream->cancel();
  }
};

}  // namespace

Task<Result<void>> send_ahead(net::ByteStream& stream, const std::string& header,
                              net::EventLoop& loop, net::TimePoint due) {
  const Bytes piece = as_bytes(header);
  stream.start_write(&piece, 1);
  Deadline deadline{&stream};
  net::Timer timer(&Deadline::fire, &deadline);
  if (stream.writing.pending) loop.set_timer(timer, due);
  co_await net::IoWait(stream.writing);
  const int error = stream.writing.error;
  if (error == 0) co_return Result<void>();
  stream.close(true);
  co_return fail(Error{
      .code = deadline.passed ? Errc::UpstreamTimeout : Errc::ConnectFailed,
      .origin = Origin::Upstream,
      .retry = Retry::Safe,
      .sys = error,
      .what = deadline.passed ? "the target takes no bytes" : "target closed before it was asked"});
}

}  // namespace gw::upstream
