// The body of an HTTP/1 message, pulled from its connection. The same for both sides.
#pragma once
#include "runtime/http/body.h"
#include "runtime/http/http1_chunked.h"
#include "runtime/http/http1_input.h"
#include "runtime/http/message.h"

namespace gw::http {

/// Told what the body needs of its connection, and how to name its errors.
class Http1BodyHost {
 public:
  /// Called before each read for more bytes: sets the deadline, and sends 100 where it is due. An
  /// error ends the body instead.
  virtual Result<void> before_body_read() = 0;
  /// Called when a read has failed with `error_number` (0: end of the stream).
  virtual Error body_read_error(int error_number) = 0;
  virtual void body_bytes_read(u64 bytes) = 0;

 protected:
  ~Http1BodyHost() = default;
};

class Http1Body final : public BodySource {
 public:
  Http1Body(net::ByteStream& stream, Http1Input& input, Http1BodyHost& host, Origin origin)
      : stream_(stream), input_(input), host_(host), origin_(origin) {}

  /// A new message whose body begins at the unread bytes. `arena` holds its trailers.
  void begin(Framing framing, u64 content_length, Arena& arena);

  Task<Result<BodyChunk>> next(size_t max_bytes) override;
  bool take_buffered(BodyChunk& out) override;
  bool must_wait() const override {
    return !end_ && decoded_.empty() && input_.empty() && decoder_.problem().empty();
  }
  u64 remaining_bytes() const override;
  /// A waiting next() returns before cancel() does; the read goes on for whoever comes next.
  void cancel() noexcept override;
  /// After cancel(), when nobody waits any more: next() gives what is left.
  void resume() { cancelled_ = false; }

  /// Decodes what has come of a chunked body already, as its first reader would. False: it is
  /// broken. To be called before any next().
  bool look_ahead();
  /// The last byte of the message has been consumed.
  bool at_end() const { return end_; }
  bool failed() const { return failed_; }
  /// A next() is waiting.
  bool waiting() const { return waiting_; }

 private:
  enum class Piece : u8 { Ready, NeedMore, Broken };
  Piece take_piece(size_t max_bytes, BodyChunk& chunk);
  Piece take_chunked(size_t max_bytes, BodyChunk& chunk);
  Unexpected<Error> fail_with(Error error);

  net::ByteStream& stream_;
  Http1Input& input_;
  Http1BodyHost& host_;
  Origin origin_;
  Framing framing_ = Framing::None;
  u64 left_ = 0;
  bool end_ = true;
  bool failed_ = false;
  bool cancelled_ = false;
  bool waiting_ = false;
  Bytes decoded_;  // of a chunked body: taken out of its framing, not yet handed out
  ChunkedDecoder decoder_;
  Arena* arena_ = nullptr;
  FieldList* trailers_ = nullptr;
};

}  // namespace gw::http
