#include "runtime/upstream/socket_connector.h"

#include <cerrno>

#include "runtime/base/descriptor_shortage.h"
#include "runtime/net/socket_stream.h"
#include "runtime/upstream/stream_deadline.h"

namespace gw::upstream {
namespace {

Error connect_error(int error_number, bool timed_out) {
  return Error{.code = timed_out ? Errc::UpstreamTimeout : Errc::ConnectFailed,
               .origin = Origin::Upstream,
               .retry = Retry::Safe,
               .sys = error_number,
               .what = timed_out                   ? "connecting took too long"
                       : is_shortage(error_number) ? "no descriptor is left for a connection"
                                                   : "cannot connect"};
}

}  // namespace

Task<Result<std::unique_ptr<net::ByteStream>>> SocketConnector::connect(const TargetConfig& target,
                                                                        net::TimePoint due) {
  int last_error = EHOSTUNREACH;
  for (const SocketAddress& address : target.addresses) {
    const int descriptor =
        ::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0) {
      last_error = errno;
      if (is_shortage(last_error)) note_shortage(ShortageAt::Connect, last_error);
      continue;
    }
    const auto* to = reinterpret_cast<const sockaddr*>(&address.storage);
    const int status = ::connect(descriptor, to, address.length);
    const int error = status == 0 ? 0 : errno;
    auto stream = std::make_unique<net::SocketStream>(loop_);
    if (!stream->open(descriptor)) {
      last_error = errno;
      continue;
    }
    if (error == EINPROGRESS) {
      const StreamDeadline deadline(loop_, *stream, due);
      stream->start_connect();
      co_await net::IoWait(stream->writing);
      if (deadline.passed()) co_return fail(connect_error(ETIMEDOUT, true));
      last_error = stream->writing.error;
    } else {
      last_error = error;
    }
    if (last_error == 0) co_return std::unique_ptr<net::ByteStream>(std::move(stream));
  }
  co_return fail(connect_error(last_error, false));
}

}  // namespace gw::upstream
