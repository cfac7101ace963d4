#include "runtime/http/stream_channel.h"

#include <cerrno>
#include <utility>

namespace gw::http {
namespace {

// So long after the last bytes a quiet connection is looked at.
constexpr std::chrono::milliseconds kQuiet{10};

}  // namespace

StreamChannel::StreamChannel(net::EventLoop& loop, net::ByteStream& stream, Http1Input& input,
                             Origin origin)
    : loop_(loop),
      stream_(stream),
      input_(input),
      origin_(origin),
      timer_(&StreamChannel::on_deadline, this),
      look_timer_(&StreamChannel::on_quiet, this) {}

void StreamChannel::on_deadline(void* context) {
  auto* self = static_cast<StreamChannel*>(context);
  self->timed_out_ = true;
  self->abort();
}

// An end of stream that came together with the last bytes goes unnoticed by the reactor. To look
// for one before each read would cost each message a system call; once, when nothing follows, is
// enough.
void StreamChannel::look_when_quiet() {
  if (stream_.reading.pending) loop_.set_timer(look_timer_, loop_.now() + kQuiet);
}

void StreamChannel::on_quiet(void* context) {
  auto* self = static_cast<StreamChannel*>(context);
  net::ByteStream& stream = self->stream_;
  // cancel() would end a write, too.
  if (stream.writing.pending) self->look_when_quiet();
  if (!stream.reading.pending || stream.writing.pending || !stream.has_input()) return;
  self->looking_ = true;
  stream.cancel();
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
  while (input_.empty()) {
    if (ending_) stream_.look_again();  // the peer's end is likely to come with its last bytes
    if (!input_.start_fill()) co_return fail(Errc::Internal, "no room in a switched connection");
    look_when_quiet();
    co_await net::IoWait(stream_.reading);
    look_timer_.clear();
    const i64 read = input_.finish_fill();
    const bool was_ended = std::exchange(looking_, false) && read == -ECANCELED;
    if (was_ended && !aborted_) {
      stream_.look_again();
      continue;
    }
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
  ending_ = true;
  if (!aborted_) stream_.shutdown_write();
}

}  // namespace gw::http
