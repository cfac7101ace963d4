#include "runtime/upstream/testing/tls_target.h"

#include "runtime/base/check.h"

namespace gw::upstream::testing {

using net::MemoryPeer;
using net::VirtualLoop;

namespace {

Task<void> pump(net::ByteStream& from, net::ByteStream& to) {
  std::byte buffer[4096];
  while (true) {
    from.look_again();
    from.start_read(buffer);
    co_await net::IoWait(from.reading);
    if (from.reading.error != 0 || from.reading.bytes == 0) break;
    const Bytes piece(buffer, from.reading.bytes);
    to.start_write(&piece, 1);
    co_await net::IoWait(to.writing);
    if (to.writing.error != 0) break;
  }
  to.shutdown_write();
}

}  // namespace

TlsTarget::TlsTarget(VirtualLoop& loop, net::SslHandle ssl, MemoryPeer gateway)
    : loop_(loop), gateway_(std::move(gateway)) {
  auto raw = net::make_memory_stream(loop, server_);
  tls_ = std::make_unique<net::TlsStream>(std::move(raw), std::move(ssl), loop.buffers);
  plain_ = net::make_memory_stream(loop, inside);
  carry(gateway_, server_);
  carry(server_, gateway_);
  task_ = serve();
  task_.start();
}

TlsTarget::~TlsTarget() {
  inside.on_change(nullptr);
  gateway_.on_change(nullptr);
  server_.on_change(nullptr);
  tls_->close(true);
  plain_->close(true);
  loop_.run();
  GW_CHECK(task_.done() && in_.done() && out_.done());
}

void TlsTarget::carry(MemoryPeer& from, MemoryPeer& to) {
  from.on_change([&from, &to] {
    const std::string bytes = from.take();
    if (!bytes.empty()) to.send(bytes);
    if (from.got_end()) to.finish();
  });
}

Task<void> TlsTarget::serve() {
  const auto agreed = co_await tls_->handshake();
  if (!agreed) co_return;
  in_ = pump(*tls_, *plain_);
  out_ = pump(*plain_, *tls_);
  in_.start();
  out_.start();
}

}  // namespace gw::upstream::testing
