// TLS over another ByteStream, by OpenSSL.
#pragma once
#include <openssl/ssl.h>

#include <memory>
#include <string_view>

#include "runtime/base/result.h"
#include "runtime/base/task.h"
#include "runtime/net/buffer_pool.h"
#include "runtime/net/byte_stream.h"

namespace gw::net {

struct SslDeleter {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};
using SslHandle = std::unique_ptr<SSL, SslDeleter>;

/// One TLS connection. OpenSSL never sees the socket: it reads from and writes into buffers here,
/// so that a flight of records is one system call, and tests need no socket. One thread.
///
/// An end of stream without close_notify is an error (ECONNRESET), since anybody on the way could
/// have made it (RFC 8446 section 6.1). Renegotiation is off. After warm-up nothing is allocated
/// here; OpenSSL allocates its record buffers as it likes.
class TlsStream final : public ByteStream {
 public:
  /// `ssl` is in accept or connect state. `buffers` outlives the stream.
  TlsStream(std::unique_ptr<ByteStream> inner, SslHandle ssl, BufferPool& buffers);
  ~TlsStream() override;

  /// Before the handshake: what has been read from the stream below already, at most 16 KiB.
  void take_unread(std::string_view ciphertext);
  /// Before anything else. The deadline is the caller's: cancel() ends it. Errors: TlsFailed (the
  /// peer has been told by an alert; `what` says at which side it failed), PeerClosed, Cancelled.
  Task<Result<void>> handshake();
  /// After a failed handshake: what came first was an HTTP request in plain text; nothing was sent.
  bool peer_speaks_http() const { return speaks_http_; }
  /// The protocol agreed on by ALPN; empty: none.
  std::string_view alpn() const;
  SSL* ssl() const { return ssl_.get(); }
  /// The stream below, after close(), or to say something in plain text after a failed handshake.
  ByteStream& inner() { return *inner_; }

  void start_read(MutableBytes into) override;
  void start_write(const Bytes* pieces, size_t count) override;
  void cancel() noexcept override { inner_->cancel(); }
  void look_again() noexcept override { inner_->look_again(); }
  // A session ticket is input, too: then a connection is given up that was still good.
  bool has_input() noexcept override { return inner_->has_input(); }
  bool peer(sockaddr_storage& out) const noexcept override { return inner_->peer(out); }
  void shutdown_write() noexcept override;
  void close(bool hard) noexcept override;
  bool is_open() const override { return inner_->is_open(); }

 private:
  static constexpr size_t kIdleBytes = 512;

  // What OpenSSL calls in place of a socket.
  static const BIO_METHOD* bio_method();
  static int bio_read(BIO* bio, char* to, int bytes);
  static int bio_write(BIO* bio, const char* from, int bytes);
  static long bio_control(BIO* bio, int command, long number, void* pointer);

  static void on_inner_read(void* context);
  static void on_inner_write(void* context);
  bool advance_read();
  bool advance_write();
  bool encrypt_some();
  size_t take_plain(const std::byte*& from);
  bool start_fill(size_t wanted);
  void take_fill();
  bool send_pending();
  void release_input();
  void finish_read(size_t bytes, int error);

  std::unique_ptr<ByteStream> inner_;
  BufferPool& buffers_;
  SslHandle ssl_;

  // Ciphertext that has come and not been decrypted. Small while the connection idles.
  char idle_in_[kIdleBytes];
  Buffer in_;
  const char* in_at_ = nullptr;
  size_t in_left_ = 0;
  bool in_ended_ = false;
  u32 fill_count_ = 0;  // reads below for the read that is under way
  int in_error_ = 0;

  // Ciphertext to be sent: `sending_` is with the stream below, `out_` waits behind it.
  Buffer out_;
  size_t out_bytes_ = 0;
  Buffer sending_;
  bool out_failed_ = false;

  MutableBytes into_;  // of the pending read
  Bytes pieces_[kMaxWritePieces];
  size_t piece_count_ = 0;
  size_t piece_at_ = 0;
  size_t write_total_ = 0;
  Buffer staging_;  // small pieces become one record
  bool established_ = false;
  bool speaks_http_ = false;
  bool shutdown_due_ = false;
  bool broken_ = false;
};

}  // namespace gw::net
