// What has been read from an HTTP/1 connection and not been used yet.
#pragma once
#include <string_view>

#include "runtime/http/http1_chunked.h"
#include "runtime/net/buffer_pool.h"
#include "runtime/net/byte_stream.h"

namespace gw::http {

/// The read side of one connection. The bytes of the current head stay where they are until
/// next_message(); those behind it move along as the body is consumed. One thread.
class Http1Input {
 public:
  Http1Input(net::ByteStream& stream, net::BufferPool& pool) : stream_(stream), pool_(pool) {}
  Http1Input(const Http1Input&) = delete;
  Http1Input& operator=(const Http1Input&) = delete;
  ~Http1Input() { release(); }

  std::string_view unread() const { return {buffer_.data.get() + begin_, end_ - begin_}; }
  char* unread_data() { return buffer_.data.get() + begin_; }
  bool empty() const { return begin_ == end_; }
  bool has_buffer() const { return buffer_.data != nullptr; }
  void consume(size_t bytes) { begin_ += bytes; }
  /// Everything before the unread bytes must stay (a head with views into it).
  void pin() { pinned_ = begin_; }
  /// The head and the body before are done with; unread bytes are the next message's.
  void next_message();
  /// Puts `text` into an empty input, e.g. what was read into a smaller buffer.
  void append(std::string_view text);

  /// Starts a read behind the unread bytes, unless one is pending. False: there is no room within
  /// the limit of a head. May finish at once (stream.reading.pending tells).
  bool start_fill();
  /// The same without moving or overwriting anything that was read before; for a read ahead while
  /// an exchange runs. False: no room for it.
  bool start_read_ahead();
  /// After the read has finished: takes its bytes. Returns their number, 0 at the end of the
  /// stream, -errno otherwise.
  i64 finish_fill();
  bool filling() const { return filling_; }
  /// Gives the memory back. No read is pending and no view is used any more.
  void release();
  /// The same, unless a read is pending; then only the unread bytes are dropped.
  void release_unless_filling() {
    begin_ = end_;
    if (!filling_) release();
  }

 private:
  bool make_room();
  void start_read();

  net::ByteStream& stream_;
  net::BufferPool& pool_;
  net::Buffer buffer_;
  net::Buffer old_;  // holds the head, when its buffer had no room for a body
  size_t begin_ = 0;
  size_t end_ = 0;
  size_t pinned_ = 0;
  bool filling_ = false;
};

}  // namespace gw::http
