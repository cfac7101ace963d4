// The engine between two buffers. Reading: ciphertext comes from the stream below into `in_`,
// SSL_read() takes it from there. Writing: SSL_write() puts records into `out_`; what has gathered
// there is handed down as one piece. Nothing else blocks, so each operation is a loop of "let the
// engine work, then move what it needs or made".
#include "runtime/net/tls_stream.h"

#include <openssl/bio.h>
#include <openssl/err.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "runtime/base/check.h"

namespace gw::net {
namespace {

constexpr size_t kRecordBytes = 16 * 1024;  // RFC 8446 section 5.1
constexpr size_t kRecordOverhead = 512;  // header, nonce, tag, padding: more than any suite needs
// Records are made until so much waits to be sent.
constexpr size_t kSendBytes = 64 * 1024;
// A peer that makes the engine answer (key updates) and does not read is cut off here.
constexpr size_t kMaxWaitingBytes = 256 * 1024;

Error tls_error(Errc code, std::string_view what, int sys = 0) {
  return Error{.code = code, .sys = sys, .what = what};
}

bool looks_like_http(const char* text, size_t bytes) {
  static constexpr std::string_view kMethods[] = {"GET ",    "HEAD ",    "POST ",  "PUT ",
                                                  "DELETE ", "OPTIONS ", "PATCH ", "PRI * "};
  const std::string_view start(text, bytes);
  return std::any_of(std::begin(kMethods), std::end(kMethods),
                     [&](std::string_view method) { return start.starts_with(method); });
}

}  // namespace

TlsStream::TlsStream(std::unique_ptr<ByteStream> inner, SslHandle ssl, BufferPool& buffers)
    : inner_(std::move(inner)), buffers_(buffers), ssl_(std::move(ssl)) {
  BIO* bio = BIO_new(bio_method());
  GW_CHECK(bio != nullptr);
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);  // owned by the SSL from here on
}

TlsStream::~TlsStream() {
  GW_CHECK(!inner_->reading.pending && !inner_->writing.pending);
  // OpenSSL forgets the session of a connection that was not shut down by both sides, which HTTP
  // peers rarely do; that says nothing against the session.
  SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  ssl_.reset();
  release_input();
  buffers_.give(std::move(out_));
  buffers_.give(std::move(sending_));
  buffers_.give(std::move(staging_));
}

// The engine's view of the wire --------------------------------------------------------------

const BIO_METHOD* TlsStream::bio_method() {
  static const BIO_METHOD* const kMethod = [] {
    BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "gwctl stream");
    GW_CHECK(method != nullptr);
    BIO_meth_set_read(method, &TlsStream::bio_read);
    BIO_meth_set_write(method, &TlsStream::bio_write);
    BIO_meth_set_ctrl(method, &TlsStream::bio_control);
    return method;
  }();
  return kMethod;
}

int TlsStream::bio_read(BIO* bio, char* to, int bytes) {
  auto* self = static_cast<TlsStream*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (self->in_left_ == 0) {
    if (self->in_ended_ || self->in_error_ != 0) return 0;
    BIO_set_retry_read(bio);
    return -1;
  }
  const size_t taken = std::min(self->in_left_, static_cast<size_t>(bytes));
  std::memcpy(to, self->in_at_, taken);
  self->in_at_ += taken;
  self->in_left_ -= taken;
  return static_cast<int>(taken);
}

int TlsStream::bio_write(BIO* bio, const char* from, int bytes) {
  auto* self = static_cast<TlsStream*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  const size_t needed = self->out_bytes_ + static_cast<size_t>(bytes);
  if (needed > kMaxWaitingBytes || self->out_failed_) return -1;
  if (needed > self->out_.capacity) {
    Buffer larger = needed <= http::kLargeBufferBytes
                        ? self->buffers_.take(needed)
                        : Buffer{std::unique_ptr<char[]>(new char[needed * 2]), needed * 2};
    if (self->out_bytes_ > 0) {
      std::memcpy(larger.data.get(), self->out_.data.get(), self->out_bytes_);
    }
    self->buffers_.give(std::move(self->out_));
    self->out_ = std::move(larger);
  }
  std::memcpy(self->out_.data.get() + self->out_bytes_, from, static_cast<size_t>(bytes));
  self->out_bytes_ = needed;
  return bytes;
}

long TlsStream::bio_control(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

// Ciphertext in -------------------------------------------------------------------------------

void TlsStream::release_input() {
  buffers_.give(std::move(in_));
  in_ = {};
}

// Starts a read below. `wanted` is what the reader has room for: a connection that idles reads into
// little, and so does this. True: it has finished already.
bool TlsStream::start_fill(size_t wanted) {
  GW_CHECK(in_left_ == 0 && !inner_->reading.pending);
  // The rest of a record that has begun comes in one go.
  const bool idle = wanted <= kIdleBytes && fill_count_++ == 0;
  if (idle) {
    release_input();
  } else if (in_.data == nullptr) {
    in_ = buffers_.take(http::kReadBufferBytes);
  }
  char* to = idle ? idle_in_ : in_.data.get();
  in_at_ = to;
  inner_->start_read(
      {reinterpret_cast<std::byte*>(to), idle ? kIdleBytes : static_cast<size_t>(in_.capacity)});
  if (inner_->reading.pending) return false;
  take_fill();
  return true;
}

void TlsStream::take_fill() {
  if (inner_->reading.error != 0) {
    in_error_ = inner_->reading.error;
    return;
  }
  in_left_ = inner_->reading.bytes;
  in_ended_ = in_left_ == 0;
}

// Ciphertext out ------------------------------------------------------------------------------

// Hands down what waits. True: nothing waits any more, or the stream below has failed.
bool TlsStream::send_pending() {
  while (out_bytes_ > 0 && !out_failed_) {
    if (inner_->writing.pending) return false;
    std::swap(sending_, out_);
    const Bytes piece{reinterpret_cast<const std::byte*>(sending_.data.get()), out_bytes_};
    out_bytes_ = 0;
    inner_->start_write(&piece, 1);
    if (inner_->writing.pending) return false;
    out_failed_ = inner_->writing.error != 0;
  }
  if (inner_->writing.pending) return false;
  buffers_.give(std::move(sending_));
  buffers_.give(std::move(out_));
  sending_ = {};
  out_ = {};
  return true;
}

void TlsStream::take_unread(std::string_view ciphertext) {
  if (ciphertext.empty()) return;
  GW_CHECK(in_left_ == 0 && ciphertext.size() <= http::kReadBufferBytes);
  in_ = buffers_.take(http::kReadBufferBytes);
  std::memcpy(in_.data.get(), ciphertext.data(), ciphertext.size());
  in_at_ = in_.data.get();
  in_left_ = ciphertext.size();
}

// Handshake -----------------------------------------------------------------------------------

Task<Result<void>> TlsStream::handshake() {
  bool first = true;
  while (true) {
    ERR_clear_error();
    const int outcome = SSL_do_handshake(ssl_.get());
    const int kind = SSL_get_error(ssl_.get(), outcome);
    while (!send_pending()) co_await IoWait(inner_->writing);
    if (outcome == 1) break;
    if (out_failed_) co_return fail(tls_error(Errc::PeerClosed, "closed while shaking hands"));
    if (kind != SSL_ERROR_WANT_READ) {
      if (in_ended_) co_return fail(tls_error(Errc::PeerClosed, "closed while shaking hands"));
      co_return fail(tls_error(Errc::TlsFailed, "TLS handshake failed"));
    }
    const bool filled = start_fill(~size_t{0});
    if (!filled) {
      co_await IoWait(inner_->reading);
      take_fill();
    }
    if (in_error_ == ECANCELED) {
      in_error_ = 0;
      co_return fail(tls_error(Errc::Cancelled, "TLS handshake took too long", ECANCELED));
    }
    if (in_error_ != 0) {
      co_return fail(tls_error(Errc::PeerClosed, "closed while shaking hands", in_error_));
    }
    if (first && looks_like_http(in_at_, in_left_)) {
      speaks_http_ = true;
      co_return fail(tls_error(Errc::TlsFailed, "plain HTTP where TLS is spoken"));
    }
    first = false;
  }
  established_ = true;
  inner_->reading.on_done = &TlsStream::on_inner_read;
  inner_->reading.context = this;
  inner_->writing.on_done = &TlsStream::on_inner_write;
  inner_->writing.context = this;
  co_return Result<void>();
}

std::string_view TlsStream::alpn() const {
  const unsigned char* name = nullptr;
  unsigned bytes = 0;
  SSL_get0_alpn_selected(ssl_.get(), &name, &bytes);
  return {reinterpret_cast<const char*>(name), bytes};
}

// Reading -------------------------------------------------------------------------------------

void TlsStream::start_read(MutableBytes into) {
  reading.bytes = 0;
  reading.error = 0;
  if (!is_open() || !established_) {
    reading.error = ECANCELED;
    return;
  }
  into_ = into;
  fill_count_ = 0;
  reading.pending = !advance_read();
}

void TlsStream::finish_read(size_t bytes, int error) {
  reading.bytes = bytes;
  reading.error = error;
}

// True: the read has finished, with reading.bytes and reading.error set.
bool TlsStream::advance_read() {
  while (true) {
    if (in_error_ != 0) {
      finish_read(0, std::exchange(in_error_, 0));
      return true;
    }
    if (broken_) {
      finish_read(0, EPROTO);
      return true;
    }
    ERR_clear_error();
    size_t bytes = 0;
    const int outcome = SSL_read_ex(ssl_.get(), into_.data(), into_.size(), &bytes);
    // The engine may have answered something (a key update): that goes out by itself.
    if (out_bytes_ > 0 && !writing.pending) send_pending();
    if (outcome == 1) {
      finish_read(bytes, 0);
      return true;
    }
    switch (SSL_get_error(ssl_.get(), outcome)) {
      case SSL_ERROR_WANT_READ:
        if (!start_fill(into_.size())) return false;
        continue;
      case SSL_ERROR_ZERO_RETURN:
        finish_read(0, 0);
        return true;
      default:
        broken_ = !in_ended_;
        finish_read(0, in_ended_ ? ECONNRESET : EPROTO);
        return true;
    }
  }
}

void TlsStream::on_inner_read(void* context) {
  auto* self = static_cast<TlsStream*>(context);
  if (!self->reading.pending) return;
  self->take_fill();
  if (!self->advance_read()) return;
  self->reading.finish(self->reading.bytes, self->reading.error);
}

// Writing -------------------------------------------------------------------------------------

void TlsStream::start_write(const Bytes* pieces, size_t count) {
  writing.bytes = 0;
  writing.error = 0;
  if (!is_open() || !established_) {
    writing.error = ECANCELED;
    return;
  }
  GW_CHECK(count <= kMaxWritePieces && !writing.pending);
  std::copy(pieces, pieces + count, pieces_);
  piece_count_ = count;
  piece_at_ = 0;
  write_total_ = 0;
  for (size_t i = 0; i < count; ++i) write_total_ += pieces[i].size();
  writing.pending = !advance_write();
}

// The plaintext of the next record: part of a large piece where it lies, or small ones put
// together. 0: nothing is left.
size_t TlsStream::take_plain(const std::byte*& from) {
  while (piece_at_ < piece_count_ && pieces_[piece_at_].empty()) ++piece_at_;
  if (piece_at_ == piece_count_) return 0;
  Bytes& piece = pieces_[piece_at_];
  if (piece.size() >= kRecordBytes || piece_at_ + 1 == piece_count_) {
    const size_t bytes = std::min(piece.size(), kRecordBytes);
    from = piece.data();
    piece = piece.subspan(bytes);
    return bytes;
  }
  if (staging_.data == nullptr) staging_ = buffers_.take(kRecordBytes);
  size_t staged = 0;
  for (size_t i = piece_at_; i < piece_count_ && staged < kRecordBytes; ++i) {
    const size_t bytes = std::min(pieces_[i].size(), kRecordBytes - staged);
    if (bytes == 0) continue;
    std::memcpy(staging_.data.get() + staged, pieces_[i].data(), bytes);
    pieces_[i] = pieces_[i].subspan(bytes);
    staged += bytes;
  }
  from = reinterpret_cast<const std::byte*>(staging_.data.get());
  return staged;
}

// Makes records until enough of them wait, or the plaintext is used up. False: the engine failed.
bool TlsStream::encrypt_some() {
  while (out_bytes_ + kRecordBytes + kRecordOverhead <= kSendBytes) {
    const std::byte* from = nullptr;
    const size_t bytes = take_plain(from);
    if (bytes == 0) return true;
    ERR_clear_error();
    size_t written = 0;
    if (SSL_write_ex(ssl_.get(), from, bytes, &written) != 1 || written != bytes) return false;
  }
  return true;
}

// True: the write has finished. The bytes are done with only when the stream below has taken the
// last record, so that a peer that does not read holds the writer back.
bool TlsStream::advance_write() {
  while (true) {
    if (out_failed_) {
      writing.error = inner_->writing.error != 0 ? inner_->writing.error : EPIPE;
      break;
    }
    if (!encrypt_some()) {
      broken_ = true;
      writing.error = EPROTO;
      break;
    }
    if (out_bytes_ == 0 && !inner_->writing.pending) {
      writing.bytes = write_total_;
      break;
    }
    if (!send_pending()) return false;
  }
  buffers_.give(std::move(staging_));
  staging_ = {};
  return true;
}

void TlsStream::on_inner_write(void* context) {
  auto* self = static_cast<TlsStream*>(context);
  // Whatever the reason, part of a record may be missing on the wire now.
  self->out_failed_ |= self->inner_->writing.error != 0;
  if (!self->writing.pending) {
    self->send_pending();
    if (self->shutdown_due_ && self->out_bytes_ == 0) self->inner_->shutdown_write();
    return;
  }
  if (!self->is_open()) {
    self->writing.finish(0, ECANCELED);
    return;
  }
  if (!self->advance_write()) return;
  self->writing.finish(self->writing.bytes, self->writing.error);
}

void TlsStream::shutdown_write() noexcept {
  if (!is_open() || !established_) return;
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
  shutdown_due_ = true;
  if (send_pending()) inner_->shutdown_write();
}

void TlsStream::close(bool hard) noexcept {
  if (!is_open()) return;
  if (established_ && !hard && !broken_ && !shutdown_due_) {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
    send_pending();  // as much as goes at once; who closes does not wait
  }
  // What the stream below still has to finish is what the owner waits for.
  if (established_ && inner_->writing.pending) writing.pending = true;
  inner_->close(hard);
}

}  // namespace gw::net
