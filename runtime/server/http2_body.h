// The body of a request on an HTTP/2 stream: what has come and nobody has read yet.
#pragma once
#include <array>
#include <coroutine>

#include "runtime/http/body.h"
#include "runtime/net/buffer_pool.h"

namespace gw::server {

/// The window of a stream: what a client may send beyond what was read (RFC 9113 section 5.2).
inline constexpr u32 kStreamWindowBytes = 64 * 1024;

/// Told what the body needs of its stream.
class Http2BodyHost {
 public:
  /// A reader begins to wait: sets the deadline, and asks for the body where the client waits.
  virtual void body_waits() = 0;
  virtual void body_wait_over() = 0;
  /// `bytes` were read and are out of memory: the client may send as many more.
  virtual void body_consumed(size_t bytes) = 0;

 protected:
  ~Http2BodyHost() = default;
};

/// Holds at most kStreamWindowBytes, in buffers of the pool; flow control sees to it. Calls of
/// next() do not overlap; one thread.
class Http2Body final : public http::BodySource {
 public:
  explicit Http2Body(Http2BodyHost& host) : host_(host) {}
  ~Http2Body() override { reset(); }

  /// As new, for the next stream; `pool` outlives the use. Nobody waits.
  void begin(net::BufferPool& pool);
  /// Gives all memory back without a word to the host.
  void reset();

  // By the stream. None of them resumes the reader: wake() does, when the caller can bear it.
  void expect(u64 content_length) { expected_ = content_length; }
  /// False: more than the window allows; nothing of it is taken.
  bool append(Bytes bytes);
  void end(const http::FieldList* trailers);
  /// What next() returns once all that came before has been read.
  void fail(const Error& error);
  void wake();

  /// Received and not consumed.
  size_t held_bytes() const { return held_bytes_; }
  u64 received_bytes() const { return received_bytes_; }
  bool has_ended() const { return ended_; }
  bool failed() const { return error_.code != Errc::None; }
  /// END_STREAM came and was read.
  bool at_end() const { return finished_; }
  bool is_waiting() const { return static_cast<bool>(waiter_); }

  Task<Result<http::BodyChunk>> next(size_t max_bytes) override;
  bool take_buffered(http::BodyChunk& out) override;
  bool must_wait() const override { return held_bytes_ == lent_bytes_ && !ended_ && !failed(); }
  u64 remaining_bytes() const override;
  /// A waiting next() returns within this call.
  void cancel() noexcept override;

 private:
  // Partly read at its front and partly filled at its back, the window spans one more.
  static constexpr size_t kMaxBuffers = kStreamWindowBytes / http::kReadBufferBytes + 2;

  struct Waiting {
    Http2Body& body;
    bool await_ready() const { return !body.must_wait() || body.cancelled_; }
    void await_suspend(std::coroutine_handle<> waiter) { body.waiter_ = waiter; }
    void await_resume() const {}
  };

  void give_back();
  Bytes front_bytes() const;

  Http2BodyHost& host_;
  net::BufferPool* pool_ = nullptr;
  std::array<net::Buffer, kMaxBuffers> buffers_;
  size_t count_ = 0;  // buffers in use, from the front
  size_t begin_ = 0;  // of the first one
  size_t end_ = 0;    // of the last one
  size_t held_bytes_ = 0;
  size_t lent_bytes_ = 0;  // at the front, with the reader until its next call
  u64 received_bytes_ = 0;
  u64 expected_ = ~u64{0};
  const http::FieldList* trailers_ = nullptr;
  bool ended_ = false;
  bool finished_ = false;
  bool cancelled_ = false;
  Error error_;
  std::coroutine_handle<> waiter_;
};

}  // namespace gw::server
