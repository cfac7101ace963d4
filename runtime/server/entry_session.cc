#include "runtime/server/entry_session.h"

#include <cerrno>

#include "runtime/http/proxy_protocol.h"

namespace gw::server {
namespace {

constexpr u32 kMaxLingerReads = 128;

constexpr std::string_view kPlainOnTlsHead =
    "HTTP/1.1 400 Bad Request\r\nContent-Type: application/problem+json\r\nConnection: close\r\n"
    "Content-Length: 107\r\n\r\n";
constexpr std::string_view kPlainOnTlsBody =
    R"({"type":"urn:gwctl:problem:bad-request","title":"Bad Request","status":400,)"
    R"("detail":"this port speaks TLS"})";
static_assert(kPlainOnTlsBody.size() == 107);

}  // namespace

EntrySession::EntrySession(SessionHost& host, ClientConnection connection)
    : host_(host), connection_(std::move(connection)), timer_(&EntrySession::on_timer, this) {}

EntrySession::~EntrySession() = default;

void EntrySession::start() {
  host_.loop.set_timer(timer_,
                       host_.loop.now() + std::chrono::milliseconds(host_.options.head_timeout_ms));
  task_ = enter();
  task_.start();
}

void EntrySession::on_timer(void* context) { static_cast<EntrySession*>(context)->abort(); }

void EntrySession::abort() {
  if (connection_.stream != nullptr) connection_.stream->close(true);
}

Task<void> EntrySession::enter() {
  bool good = true;
  if (connection_.listener->proxy_protocol) good = co_await read_proxy_header();
  if (good && connection_.listener->tls != nullptr) good = co_await shake_hands();
  timer_.clear();
  if (good) {
    host_.start_http(std::move(connection_));
  } else {
    ++host_.counters.refused;
    connection_.stream->close(false);
    while (connection_.stream->reading.pending) co_await net::IoWait(connection_.stream->reading);
    while (connection_.stream->writing.pending) co_await net::IoWait(connection_.stream->writing);
  }
  done_ = true;
  host_.session_finished();
}

Task<bool> EntrySession::read_proxy_header() {
  net::ByteStream& stream = *connection_.stream;
  char piece[http::kMaxProxyHeaderBytes];
  while (true) {
    const http::ProxyHeader header = http::parse_proxy_header(connection_.unread);
    if (header.state == http::ProxyHeader::State::Invalid) co_return false;
    if (header.state == http::ProxyHeader::State::Complete) {
      if (header.known) connection_.peer = header.client;
      connection_.unread.erase(0, header.bytes);
      stream.look_again();
      co_return true;
    }
    // Not beyond the longest header, so that little has to be handed on.
    stream.start_read(
        {reinterpret_cast<std::byte*>(piece), sizeof piece - connection_.unread.size()});
    co_await net::IoWait(stream.reading);
    if (stream.reading.error != 0 || stream.reading.bytes == 0) co_return false;
    connection_.unread.append(piece, stream.reading.bytes);
  }
}

// Who asks in plain text gets an answer that he can read. What he still sends is read for a moment,
// since a close with unread bytes would take the answer back.
Task<void> EntrySession::answer_plain(net::ByteStream& stream) {
  const Bytes answer[] = {as_bytes(kPlainOnTlsHead), as_bytes(kPlainOnTlsBody)};
  stream.start_write(answer, 2);
  co_await net::IoWait(stream.writing);
  stream.shutdown_write();
  stream.look_again();
  host_.loop.set_timer(timer_,
                       host_.loop.now() + std::chrono::milliseconds(host_.options.linger_ms));
  char piece[512];
  for (u32 i = 0; i < kMaxLingerReads; ++i) {
    stream.start_read({reinterpret_cast<std::byte*>(piece), sizeof piece});
    co_await net::IoWait(stream.reading);
    if (stream.reading.error != 0 || stream.reading.bytes == 0) break;
  }
}

Task<bool> EntrySession::shake_hands() {
  connection_.tls = connection_.listener->tls;
  net::SslHandle ssl = connection_.tls->accept();
  if (ssl == nullptr) co_return false;
  auto made = std::make_unique<net::TlsStream>(std::move(connection_.stream), std::move(ssl),
                                               host_.loop.buffers);
  net::TlsStream& stream = *made;
  stream.take_unread(connection_.unread);
  connection_.unread.clear();
  connection_.stream = std::move(made);
  const auto agreed = co_await stream.handshake();
  if (!agreed) {
    ++host_.counters.tls_failed;
    if (stream.peer_speaks_http()) co_await answer_plain(stream.inner());
    co_return false;
  }
  connection_.certificate = net::describe_peer(*stream.ssl());
  co_return true;
}

}  // namespace gw::server
