#include "runtime/upstream/send_ahead.h"

#include "runtime/upstream/stream_deadline.h"

namespace gw::upstream {
Task<Result<void>> send_ahead(net::ByteStream& stream, const std::string& header,
                              net::EventLoop& loop, net::TimePoint due) {
  const Bytes piece = as_bytes(header);
  stream.start_write(&piece, 1);
  const StreamDeadline deadline(loop, stream, due);
  co_await net::IoWait(stream.writing);
  const int error = stream.writing.error;
  if (error == 0) co_return Result<void>();
  stream.close(true);
  co_return fail(Error{.code = deadline.passed() ? Errc::UpstreamTimeout : Errc::ConnectFailed,
                       .origin = Origin::Upstream,
                       .retry = Retry::Safe,
                       .sys = error,
                       .what = deadline.passed() ? "the target takes no bytes"
                                                 : "target closed before it was asked"});
}

}  // namespace gw::upstream
