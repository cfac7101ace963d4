// One client connection of HTTP/2 (RFC 9113): frames by nghttp2, requests as streams side by side.
#pragma once
#include <nghttp2/nghttp2.h>

#include <memory>
#include <vector>

#include "runtime/server/http2_abuse.h"
#include "runtime/server/http2_stream.h"
#include "runtime/server/session_host.h"

namespace gw::server {

/// Streams that are served at a time, those included whose client has reset them and whose
/// exchange has not ended yet; REFUSED_STREAM beyond.
inline constexpr u32 kMaxConcurrentStreams = 100;
/// Body bytes of all streams together that wait to be read. With what small pieces waste, the
/// bodies of a connection take at most 1 MiB and two buffers of 16 KiB per stream.
inline constexpr u32 kConnectionWindowBytes = 1024 * 1024;

/// The bytes that begin a connection with prior knowledge (RFC 9113 section 3.4).
inline constexpr std::string_view kHttp2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What the HTTP/2 sessions of one worker share.
class Http2Shared {
 public:
  Http2Shared();
  Http2Shared(const Http2Shared&) = delete;
  ~Http2Shared();

  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_option* options = nullptr;
  std::unique_ptr<Http2Stream> take_stream();
  void give_stream(std::unique_ptr<Http2Stream> stream);

 private:
  std::vector<std::unique_ptr<Http2Stream>> free_streams_;
};

/// Without a coroutine of its own: reads and writes end in callbacks. Whatever is resumed is
/// resumed by settle(), never within a call of nghttp2.
class Http2Session final : public Session {
 public:
  Http2Session(SessionHost& host, ClientConnection connection);
  ~Http2Session() override;

  void start() override;
  bool done() const override { return done_; }
  void drain() override;
  void abort() override;

  // By the streams -------------------------------------------------------------------------------
  SessionHost& host() { return host_; }
  nghttp2_session* h2() { return h2_; }
  const ClientConnection& connection() const override { return connection_; }
  std::string_view peer_text() const { return {peer_text_, peer_text_bytes_}; }
  /// Of a TLS connection: whether it may carry requests for `host`.
  bool serves(std::string_view host) const;
  /// attend() is due, at the latest at the end of the turn.
  void attend_later(Http2Stream& stream);
  /// Frames are there to be written.
  void want_flush();

 private:
  friend struct Http2Callbacks;
  enum class State : u8 { Open, Ending, Lingering, Closed };

  // Reading.
  void read_on();
  void read_finished();
  void take_bytes(Bytes bytes);
  void take_error(int error);
  static void on_read(void* context);

  // Writing.
  bool fill();
  void flush();
  void written();
  size_t out_room() const { return out_.capacity - out_bytes_; }
  void append(Bytes bytes);
  void patch_settings();
  static void on_written(void* context);

  // Streams.
  Http2Stream* open_stream(i32 id);
  void settle();
  void attend_due();
  void sweep_streams();
  static void on_turn(void* context);

  // Ends.
  void go_away();
  void terminate(u32 code);
  void calm(Http2Abuse abuse);
  void end_if_idle();
  void linger();
  void close(bool hard);
  void lose_streams(const Error& why);
  void check_done();

  static void on_idle(void* context);
  static void on_unfinished(void* context);
  static void on_settings_late(void* context);
  static void on_write_stalled(void* context);
  static void on_drain_timer(void* context);
  static void on_watch(void* context);
  void set_timer(net::Timer& timer, u32 milliseconds);

  SessionHost& host_;
  Http2Shared& shared_;
  ClientConnection connection_;  // without the stream
  std::unique_ptr<net::ByteStream> stream_;
  nghttp2_session* h2_ = nullptr;
  Http2FrameMeter meter_;
  std::vector<std::unique_ptr<Http2Stream>> streams_;
  std::vector<Http2Stream*> due_;
  std::vector<Http2Stream*> attending_;
  std::vector<Http2Stream*> over_;  // to be given back
  net::Deferred turn_;
  net::Timer idle_timer_;
  net::Timer unfinished_timer_;
  net::Timer settings_timer_;
  net::Timer write_timer_;
  net::Timer drain_timer_;
  net::Timer watch_timer_;

  static constexpr size_t kIdleReadBytes = 512;
  char idle_in_[kIdleReadBytes];
  net::Buffer in_;  // while streams are served
  net::Buffer out_;
  size_t out_bytes_ = 0;
  size_t lingered_bytes_ = 0;
  char peer_text_[46];
  u8 peer_text_bytes_ = 0;

  State state_ = State::Open;
  Http2Abuse abuse_ = Http2Abuse::None;  // found while nghttp2 was at work
  bool large_read_ = false;
  bool read_into_large_ = false;
  bool read_ready_ = false;  // a read has finished and was not looked at
  bool looking_ = false;     // the pending read was cancelled to look for an unnoticed end
  bool settings_patched_ = false;
  bool greeted_ = false;  // SETTINGS of the client have come
  bool drain_begun_ = false;
  bool gone_away_ = false;
  bool settling_ = false;
  bool done_ = false;
};

}  // namespace gw::server
