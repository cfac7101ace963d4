#include "runtime/upstream/start_tls.h"

#include "runtime/net/tls_stream.h"
#include "runtime/upstream/stream_deadline.h"

namespace gw::upstream {
namespace {

Error tls_error(const Error& from) {
  Error error{.code = Errc::TlsFailed,
              .origin = Origin::Upstream,
              .retry = Retry::Safe,
              .sys = from.sys,
              .what = "TLS handshake with the target failed"};
  if (from.code == Errc::Cancelled) {
    error.code = Errc::UpstreamTimeout;
    error.what = "TLS handshake with the target took too long";
  } else if (from.code == Errc::PeerClosed) {
    error.code = Errc::ConnectFailed;
    error.what = "target closed while shaking hands";
  }
  return error;
}

}  // namespace

Task<Result<void>> start_tls(std::unique_ptr<net::ByteStream>& stream, net::TlsClient& client,
                             const std::string& host, net::EventLoop& loop, net::TimePoint due) {
  net::SslHandle ssl = client.connect(host);
  if (ssl == nullptr) {
    stream->close(true);
    co_return fail(tls_error(Error{.code = Errc::TlsFailed}));
  }
  auto made = std::make_unique<net::TlsStream>(std::move(stream), std::move(ssl), loop.buffers);
  net::TlsStream& tls = *made;
  stream = std::move(made);
  const StreamDeadline deadline(loop, tls, due);
  const auto agreed = co_await tls.handshake();
  if (agreed) co_return Result<void>();
  tls.close(true);
  co_return fail(tls_error(agreed.error()));
}

}  // namespace gw::upstream
