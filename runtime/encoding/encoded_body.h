// A body that is encoded while it is read.
#pragma once
#include "runtime/encoding/encoder.h"
#include "runtime/http/body.h"

namespace gw::encoding {

/// Gives the bytes of another source, encoded. Whoever reads a stream waits for nothing that has
/// come: when the other source has no length and must wait for its next piece, what came before
/// leaves by a flush. A body of known length is not flushed, since it comes at once.
///
/// Holds a context of its thread from begin() to its end, an error or its destruction, so it
/// belongs into the frame of who runs the exchange, not into its arena. Trailers pass, without
/// digests of the bytes as they were. Errors: of the other source; Internal.
class EncodedBody final : public http::BodySource {
 public:
  EncodedBody() = default;

  /// Once, before anything else. `inner` must outlive this. False: there is no memory for a
  /// context, and `inner` is to be sent as it is.
  bool begin(Coding coding, Level level, http::BodySource& inner);

  Task<Result<http::BodyChunk>> next(size_t max_bytes) override;
  /// A body that is in memory, and that is small when it is encoded, leaves in one piece, whose
  /// length can then be told.
  bool take_buffered(http::BodyChunk& out) override;
  bool must_wait() const override;
  void cancel() noexcept override { inner_->cancel(); }

 private:
  void take_piece(const http::BodyChunk& piece);
  bool fill();
  http::BodyChunk hand_out(size_t max_bytes);

  http::BodySource* inner_ = nullptr;
  EncoderLease encoder_;
  bool flushes_ = false;
  bool inner_ended_ = false;
  bool encoded_ = true;  // nothing is left to do for the piece that came last
  bool failed_ = false;
  Flush flush_ = Flush::None;  // of that piece
  Bytes input_;                // what is left of it
  const http::FieldList* trailers_ = nullptr;
  size_t filled_ = 0;  // bytes of the buffer
  size_t handed_ = 0;  // of these, given away
};

}  // namespace gw::encoding
