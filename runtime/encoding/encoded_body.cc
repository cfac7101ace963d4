#include "runtime/encoding/encoded_body.h"

#include <algorithm>

#include "runtime/encoding/head.h"

namespace gw::encoding {
namespace {

constexpr size_t kPieceBytes = 64 * 1024;

Error broken() { return {.code = Errc::Internal, .what = "body cannot be encoded"}; }

}  // namespace

bool EncodedBody::begin(Coding coding, Level level, http::BodySource& inner) {
  inner_ = &inner;
  const u64 bytes = inner.remaining_bytes();
  flushes_ = bytes == ~u64{0};
  encoder_ = EncoderLease(coding, level, bytes);
  return static_cast<bool>(encoder_);
}

void EncodedBody::take_piece(const http::BodyChunk& piece) {
  input_ = piece.bytes;
  encoded_ = false;
  flush_ = Flush::None;
  if (flushes_ && inner_->must_wait()) flush_ = Flush::Sync;
  if (!piece.end) return;
  inner_ended_ = true;
  flush_ = Flush::Finish;
  trailers_ = trailers_without_bytes(piece.trailers);
}

// Encodes what there is, as far as the buffer goes. False: it has failed.
bool EncodedBody::fill() {
  const MutableBytes buffer = encoder_->buffer();
  while (!encoded_ && filled_ + kLeastRoom <= buffer.size()) {
    const Result<Progress> step = encoder_->encode(input_, buffer.subspan(filled_), flush_);
    failed_ = !step;
    if (failed_) return false;
    filled_ += step->written;
    encoded_ = step->done;
  }
  return true;
}

http::BodyChunk EncodedBody::hand_out(size_t max_bytes) {
  const MutableBytes buffer = encoder_->buffer();
  http::BodyChunk chunk;
  chunk.bytes = Bytes(buffer).subspan(handed_, std::min(max_bytes, filled_ - handed_));
  handed_ += chunk.bytes.size();
  // Its memory stays until the source is destroyed: the last piece lies there as well.
  chunk.end = inner_ended_ && encoded_ && handed_ == filled_;
  if (chunk.end) chunk.trailers = trailers_;
  return chunk;
}

Task<Result<http::BodyChunk>> EncodedBody::next(size_t max_bytes) {
  if (handed_ == filled_) {
    handed_ = 0;
    filled_ = 0;
    bool fine = fill();
    // Small pieces are put together, unless somebody waits for them.
    while (fine && encoded_ && !inner_ended_ && (filled_ == 0 || flush_ == Flush::None)) {
      Result<http::BodyChunk> piece = co_await inner_->next(kPieceBytes);
      if (!piece) co_return fail(piece.error());
      take_piece(*piece);
      fine = fill();
    }
    if (!fine) co_return fail(broken());
  }
  co_return hand_out(max_bytes);
}

bool EncodedBody::take_buffered(http::BodyChunk& out) {
  if (failed_) return false;
  if (!inner_ended_) {
    http::BodyChunk piece;
    if (!encoded_ || !inner_->take_buffered(piece)) return false;
    piece.end = true;
    take_piece(piece);
  }
  const bool begun = handed_ != 0;
  if (begun && handed_ == filled_) handed_ = filled_ = 0;
  if (!fill() || !encoded_) return false;
  out = hand_out(filled_ - handed_);
  return true;
}

bool EncodedBody::must_wait() const {
  const bool has_some = handed_ != filled_ || !encoded_ || inner_ended_;
  // One of known length comes at once, and its head need not leave before it.
  return flushes_ && !has_some && inner_->must_wait();
}

}  // namespace gw::encoding
