#include "runtime/http/stream_channel.h"

#include <cerrno>

namespace gw::http {

StreamChannel::StreamChannel(net::EventLoop& loop, net::ByteStream& stream, Http1Input& input,
                             Origin origin)
    : loop_(loop),
      stream_(stream),
      input_(input),
      origin_(origin),
      timer_(&StreamChannel::on_deadline, this) {}

void StreamChannel::on_deadline(void* context) {
  auto* self = static_cast<StreamChannel*>(context);
  self->timed_out_ = true;
  self->abort();
}

void StreamChannel::abort() noexcept {
  aborted_ = true;
  stream_.cancel();
}

Error StreamChannel::broken(int error_number) const {
  Error error{.code = Errc::PeerClosed,
              .origin = origin_,
              .sys = error_number,
              .what = "switched connection broke off"};
  if (timed_out_) {
    error.code = Errc::RequestTimeout;
    error.what = "switched connection was idle, or at the end of its life";
  } else if (aborted_) {
    error.code = Errc::Cancelled;
    error.what = "switched connection was given up";
  }
  return error;
}

Task<Result<Bytes>> StreamChannel::read() {
  if (aborted_) co_return fail(broken(ECANCELED));
  if (input_.empty()) {
    // An end of stream that came together with the last bytes must not go unnoticed.
    stream_.look_again();
    if (!input_.start_fill()) co_return fail(Errc::Internal, "no room in a switched connection");
    co_await net::IoWait(stream_.reading);
    const i64 read = input_.finish_fill();
    if (aborted_ || read < 0) co_return fail(broken(static_cast<int>(-read)));
    if (read == 0) co_return Bytes();
  }
  const Bytes bytes = as_bytes(input_.unread());
  input_.consume(bytes.size());
  co_return bytes;
}

Task<Result<void>> StreamChannel::write(Bytes bytes) {
  if (aborted_) co_return fail(broken(ECANCELED));
  stream_.start_write(&bytes, 1);
  co_await net::IoWait(stream_.writing);
  if (stream_.writing.error != 0) co_return fail(broken(stream_.writing.error));
  co_return Result<void>();
}

void StreamChannel::finish_writing() noexcept {
  if (!aborted_) stream_.shutdown_write();
}

}  // namespace gw::http
