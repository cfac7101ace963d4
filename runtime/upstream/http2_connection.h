// One HTTP/2 connection to a target (RFC 9113, the client's side), shared by many requests.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "runtime/net/byte_stream.h"
#include "runtime/net/event_loop.h"
#include "runtime/upstream/http2_stream.h"

struct nghttp2_session;

namespace gw::upstream {

class Http2Pairs;

struct Http2Options {
  bool secure = false;   // what :scheme says
  u32 idle_ms = 60'000;  // a connection without streams ends after so long
  u32 ping_ms = 10'000;  // with streams, the target is asked after so long a silence; 0: never
};

/// Belongs to one worker and one pool. Bytes are pulled off the socket all the time; what a stream
/// may hold unread is bounded by its window, so that a slow reader of one answer does not stop the
/// others. A target that floods the connection with frames of no use loses it.
class Http2Connection {
 public:
  /// The preface goes out with the first request.
  Http2Connection(net::EventLoop& loop, Pool& pool, std::unique_ptr<net::ByteStream> stream,
                  u32 target, const Http2Options& options);
  ~Http2Connection();
  Http2Connection(const Http2Connection&) = delete;
  Http2Connection& operator=(const Http2Connection&) = delete;

  /// Begins to read.
  void start();
  /// Takes one more request: within the target's limit, and it has not said good-bye.
  bool has_room() const;
  Http2Stream& open_stream();
  /// Takes no more requests; closes when the last has ended.
  void retire();
  void close();
  /// Writes what is due, resumes who has something to do, until nothing is left.
  void settle();
  bool is_open() const { return open_; }
  /// Open, and nobody uses it.
  bool is_idle() const { return open_ && !going_away_ && streams_.empty(); }
  bool is_going_away() const { return going_away_; }
  /// Closed, no stream is left and no operation is pending: it may be destroyed.
  bool at_rest();
  u32 target() const { return target_; }
  Pool& pool() const { return *pool_; }
  const net::ByteStream& stream() const { return *stream_; }
  /// It belongs to `pool` from now on, as a connection to `target` there, its streams included.
  void move_to(Pool& pool, u32 target) {
    pool_ = &pool;
    target_ = target;
  }

 private:
  friend class Http2Stream;
  friend struct Http2Callbacks;

  // Of streams.
  nghttp2_session* session() { return session_; }
  net::EventLoop& loop() { return loop_; }
  void wake_later(Http2Stream& stream) { woken_.push_back(&stream); }
  bool was_used() const { return used_; }
  bool is_secure() const { return options_.secure; }
  /// Queues the head; the body is asked of `body` (null: none). The id, or a negative number.
  i32 submit(const Http2Pairs& pairs, Http2Stream* body, Http2Stream& stream);

  void read_on();
  void take_read();
  void write_out();
  void wake_streams();
  void sweep();
  void after_settling();
  /// The target has not given back the window of what it was sent, and nobody sends more.
  bool is_starved() const;
  void lose(const Error& error);
  bool count_frame(bool useful);
  Http2Stream* find(i32 id);
  static void on_read(void* context);
  static void on_written(void* context);
  static void on_idle(void* context);
  void watch_silence();
  void note_progress();
  void ask_whether_there();
  static void on_silence(void* context);

  net::EventLoop& loop_;
  Pool* pool_;
  std::unique_ptr<net::ByteStream> stream_;
  nghttp2_session* session_ = nullptr;
  net::Buffer input_;
  std::string output_;
  std::vector<std::unique_ptr<Http2Stream>> streams_;
  std::vector<Http2Stream*> woken_;
  net::Timer idle_timer_;
  net::Timer silence_timer_;
  TimePoint heard_at_;  // bytes have come, or the first stream since then has begun
  TimePoint asked_at_;  // the last PING
  Http2Options options_;
  u32 target_;
  u32 idle_frames_ = 0;  // in a row, that brought nothing forward
  u64 idle_bytes_ = 0;   // read meanwhile
  bool open_ = true;
  bool going_away_ = false;  // no new streams
  bool short_wait_ = false;  // idle_timer_ looks whether the window has come back
  bool used_ = false;        // has carried an answer
  bool owes_ = false;        // a stream has begun since bytes have come
  bool asking_ = false;      // no byte has come since a PING
  bool has_asked_ = false;   // nothing of an answer has come since a PING
  bool settling_ = false;
  bool settle_again_ = false;
};

}  // namespace gw::upstream
