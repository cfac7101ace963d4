// The life of a connection: bytes are metered, decoded by nghttp2, and what the callbacks noted is
// then attended to; frames are gathered and written as one piece. One read and one write are under
// way at most. A connection that ends says why by GOAWAY, and reads on for a moment, since a close
// with unread bytes would take that back.
#include "runtime/server/http2_session.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "runtime/http/forwarding.h"
#include "runtime/http/limits.h"
#include "runtime/net/tls_stream.h"
#include "runtime/server/http2_callbacks.h"

namespace gw::server {
namespace {

constexpr size_t kKeepStreams = 256;
constexpr size_t kMaxLingerBytes = 1024 * 1024;
constexpr u32 kWatchAgainMs = 100;
constexpr u32 kDrainRoundTripMs = 1000;
// nghttp2 ends the connection of a client that has more streams open than this, counting those that
// are closed as soon as our frame is written. Between the two numbers we refuse them one by one.
constexpr u32 kHardStreamLimit = 2 * kMaxConcurrentStreams;
// A frame of nghttp2's own buffers, CONTINUATION frames apart.
constexpr size_t kMaxFrameBytes = 17 * 1024;
constexpr u8 kDrainPing[8] = {'g', 'w', 'd', 'r', 'a', 'i', 'n', 0};

Error connection_gone(std::string_view what) {
  return Error{.code = Errc::PeerClosed, .origin = Origin::Downstream, .what = what};
}

}  // namespace

// Shared -----------------------------------------------------------------------------------------

Http2Shared::Http2Shared() {
  GW_CHECK(nghttp2_session_callbacks_new(&callbacks) == 0);
  GW_CHECK(nghttp2_option_new(&options) == 0);
  Http2Callbacks::set(callbacks);
  nghttp2_option_set_no_auto_window_update(options, 1);
  nghttp2_option_set_no_closed_streams(options, 1);
  // Ours are tighter and say which limit it was; these are the second line.
  nghttp2_option_set_max_continuations(options, kMaxContinuations);
}

Http2Shared::~Http2Shared() {
  nghttp2_session_callbacks_del(callbacks);
  nghttp2_option_del(options);
}

std::unique_ptr<Http2Stream> Http2Shared::take_stream() {
  if (free_streams_.empty()) return std::make_unique<Http2Stream>();
  auto stream = std::move(free_streams_.back());
  free_streams_.pop_back();
  return stream;
}

void Http2Shared::give_stream(std::unique_ptr<Http2Stream> stream) {
  if (free_streams_.size() < kKeepStreams) free_streams_.push_back(std::move(stream));
}

// Session ----------------------------------------------------------------------------------------

Http2Session::Http2Session(SessionHost& host, ClientConnection connection)
    : host_(host),
      shared_(host.http2()),
      connection_(std::move(connection)),
      stream_(std::move(connection_.stream)),
      turn_(&Http2Session::on_turn, this),
      idle_timer_(&Http2Session::on_idle, this),
      unfinished_timer_(&Http2Session::on_unfinished, this),
      settings_timer_(&Http2Session::on_settings_late, this),
      write_timer_(&Http2Session::on_write_stalled, this),
      drain_timer_(&Http2Session::on_drain_timer, this),
      watch_timer_(&Http2Session::on_watch, this) {
  peer_text_bytes_ = static_cast<u8>(http::address_text(connection_.peer, peer_text_).size());
}

Http2Session::~Http2Session() {
  GW_CHECK(!stream_->reading.pending && !stream_->writing.pending && streams_.empty());
  nghttp2_session_del(h2_);
}

void Http2Session::set_timer(net::Timer& timer, u32 milliseconds) {
  host_.loop.set_timer(timer, host_.loop.now() + std::chrono::milliseconds(milliseconds));
}

void Http2Session::start() {
  ++host_.counters.http2_connections;
  stream_->reading.on_done = &Http2Session::on_read;
  stream_->reading.context = this;
  stream_->writing.on_done = &Http2Session::on_written;
  stream_->writing.context = this;
  GW_CHECK(nghttp2_session_server_new2(&h2_, shared_.callbacks, this, shared_.options) == 0);
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, kHardStreamLimit},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kStreamWindowBytes},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<u32>(http::kMaxHeadBytes)},
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
  };
  nghttp2_submit_settings(h2_, NGHTTP2_FLAG_NONE, settings, std::size(settings));
  nghttp2_session_set_local_window_size(h2_, NGHTTP2_FLAG_NONE, 0,
                                        static_cast<i32>(kConnectionWindowBytes));
  set_timer(idle_timer_, host_.options.head_timeout_ms);
  set_timer(settings_timer_, host_.options.head_timeout_ms);
  if (host_.draining()) drain();
  const std::string unread = std::move(connection_.unread);
  connection_.unread.clear();
  if (!unread.empty()) {
    take_bytes(as_bytes(unread));
    if (state_ == State::Open && streams_.empty()) set_timer(watch_timer_, kWatchAgainMs);
  }
  settle();
  read_on();
  check_done();
}

bool Http2Session::serves(std::string_view host) const {
  if (connection_.tls == nullptr) return true;
  const SSL& ssl = *static_cast<const net::TlsStream&>(*stream_).ssl();
  return connection_.tls->serves(ssl, host);
}

// Reading ----------------------------------------------------------------------------------------

void Http2Session::read_on() {
  if (state_ == State::Closed || stream_->reading.pending || read_ready_) return;
  MutableBytes into{reinterpret_cast<std::byte*>(idle_in_), kIdleReadBytes};
  read_into_large_ = large_read_ || !streams_.empty();
  if (read_into_large_) {
    if (in_.data == nullptr) in_ = host_.loop.buffers.take(1);
    into = {reinterpret_cast<std::byte*>(in_.data.get()), in_.capacity};
  } else {
    host_.loop.buffers.give(std::move(in_));
  }
  stream_->start_read(into);
  if (stream_->reading.pending) return;
  // More is there: other connections come first.
  read_ready_ = true;
  host_.loop.defer(turn_);
}

void Http2Session::on_read(void* context) {
  auto* self = static_cast<Http2Session*>(context);
  self->read_finished();
  self->settle();
  self->read_on();
  self->check_done();
}

void Http2Session::read_finished() {
  read_ready_ = false;
  const net::IoOperation& reading = stream_->reading;
  if (reading.error == ECANCELED && std::exchange(looking_, false)) {
    stream_->look_again();
    return;
  }
  looking_ = false;
  if (reading.error != 0 || reading.bytes == 0) {
    take_error(reading.error);
    return;
  }
  const char* const data = read_into_large_ ? in_.data.get() : idle_in_;
  large_read_ = !read_into_large_ && reading.bytes == kIdleReadBytes;
  take_bytes(as_bytes({data, reading.bytes}));
  if (state_ == State::Open && streams_.empty()) set_timer(watch_timer_, kWatchAgainMs);
}

void Http2Session::take_error(int error) {
  if (state_ == State::Closed) return;
  close(error != 0);
}

void Http2Session::take_bytes(Bytes bytes) {
  if (state_ == State::Lingering) {
    lingered_bytes_ += bytes.size();
    if (lingered_bytes_ > kMaxLingerBytes) close(false);
    return;
  }
  if (state_ != State::Open) return;
  const Http2Abuse abuse = meter_.feed(bytes, host_.loop.now());
  if (abuse != Http2Abuse::None) {
    calm(abuse);
    return;
  }
  const ssize_t taken =
      nghttp2_session_mem_recv(h2_, reinterpret_cast<const u8*>(bytes.data()), bytes.size());
  if (abuse_ != Http2Abuse::None) {
    calm(abuse_);
  } else if (taken == NGHTTP2_ERR_FLOODED || taken == NGHTTP2_ERR_TOO_MANY_SETTINGS) {
    calm(Http2Abuse::Settings);
  } else if (taken < 0) {
    terminate(taken == NGHTTP2_ERR_BAD_CLIENT_MAGIC ? NGHTTP2_PROTOCOL_ERROR
                                                    : NGHTTP2_INTERNAL_ERROR);
  }
  if (!meter_.is_unfinished()) {
    unfinished_timer_.clear();
  } else if (unfinished_timer_.due() == net::TimePoint::max()) {
    set_timer(unfinished_timer_, host_.options.head_timeout_ms);
  }
}

// Writing ----------------------------------------------------------------------------------------

void Http2Session::append(Bytes bytes) {
  GW_CHECK(bytes.size() <= out_room());
  if (bytes.empty()) return;
  std::memcpy(out_.data.get() + out_bytes_, bytes.data(), bytes.size());
  out_bytes_ += bytes.size();
}

// The client is told a smaller number of streams than nghttp2 (kHardStreamLimit).
void Http2Session::patch_settings() {
  constexpr size_t kFrameHeadBytes = 9;
  constexpr size_t kEntryBytes = 6;
  settings_patched_ = true;
  GW_CHECK(out_bytes_ >= kFrameHeadBytes + kEntryBytes);
  auto* const entry = reinterpret_cast<u8*>(out_.data.get() + kFrameHeadBytes);
  GW_CHECK(entry[1] == NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS && entry[5] == kHardStreamLimit);
  entry[5] = kMaxConcurrentStreams;
}

// Gathers frames while there is room. False: the session is of no more use.
bool Http2Session::fill() {
  while (true) {
    if (out_.data == nullptr) out_ = host_.loop.buffers.take(http::kLargeBufferBytes);
    if (out_room() < kMaxFrameBytes) return true;
    const u8* data = nullptr;
    const ssize_t bytes = nghttp2_session_mem_send(h2_, &data);
    if (bytes < 0) return false;
    if (bytes == 0) return true;
    append(as_bytes({reinterpret_cast<const char*>(data), static_cast<size_t>(bytes)}));
    if (!settings_patched_) patch_settings();
  }
}

void Http2Session::flush() {
  while (state_ != State::Closed && state_ != State::Lingering && !stream_->writing.pending) {
    if (!fill()) {
      close(true);
      return;
    }
    // Whoever waited for his piece to be taken may have the next one.
    if (!due_.empty() && out_room() >= kMaxFrameBytes) {
      attend_due();
      continue;
    }
    if (out_bytes_ == 0) break;
    const Bytes all = as_bytes({out_.data.get(), out_bytes_});
    stream_->start_write(&all, 1);
    if (stream_->writing.pending) {
      set_timer(write_timer_, host_.options.write_stall_ms);
      return;
    }
    written();
  }
  if (!stream_->writing.pending && out_bytes_ == 0) host_.loop.buffers.give(std::move(out_));
}

void Http2Session::written() {
  write_timer_.clear();
  out_bytes_ = 0;
  if (stream_->writing.error != 0) close(true);
}

void Http2Session::on_written(void* context) {
  auto* self = static_cast<Http2Session*>(context);
  self->written();
  self->settle();
  self->read_on();
  self->check_done();
}

void Http2Session::want_flush() {
  if (!settling_) host_.loop.defer(turn_);
}

// Streams ----------------------------------------------------------------------------------------

Http2Stream* Http2Session::open_stream(i32 id) {
  if (streams_.size() >= kMaxConcurrentStreams) {
    ++host_.counters.http2_refused_streams;
    return nullptr;
  }
  ++host_.counters.http2_streams;
  if (streams_.empty()) {
    idle_timer_.clear();
    set_timer(watch_timer_, host_.options.watch_after_ms);
  }
  auto stream = shared_.take_stream();
  stream->index = streams_.size();
  stream->open(*this, id);
  streams_.push_back(std::move(stream));
  return streams_.back().get();
}

void Http2Session::attend_later(Http2Stream& stream) {
  if (stream.is_due) return;
  stream.is_due = true;
  due_.push_back(&stream);
  if (!settling_) host_.loop.defer(turn_);
}

void Http2Session::attend_due() {
  attending_.swap(due_);
  for (Http2Stream* stream : attending_) {
    stream->is_due = false;
    stream->attend();
    const bool over = stream->is_finished() || (stream->is_closed() && !stream->has_started());
    if (over && !std::exchange(stream->is_over, true)) over_.push_back(stream);
  }
  attending_.clear();
}

// Gives back what has ended; called when no stream is on the stack or due.
void Http2Session::sweep_streams() {
  if (over_.empty()) return;
  for (Http2Stream* over : over_) {
    if (!over->is_closed()) nghttp2_session_set_stream_user_data(h2_, over->id(), nullptr);
    over->release();
    const size_t index = over->index;
    shared_.give_stream(std::move(streams_[index]));
    streams_[index] = std::move(streams_.back());
    streams_.pop_back();
    if (index < streams_.size()) streams_[index]->index = index;
  }
  over_.clear();
  if (!streams_.empty()) return;
  if (state_ == State::Open) set_timer(idle_timer_, host_.options.idle_timeout_ms);
}

void Http2Session::settle() {
  if (settling_) return;
  settling_ = true;
  // Each round writes something, or ends something.
  do {
    attend_due();
    flush();
    if (abuse_ != Http2Abuse::None && state_ == State::Open) {
      calm(abuse_);
      flush();
    }
  } while (!due_.empty());
  sweep_streams();
  end_if_idle();
  settling_ = false;
  if (!due_.empty()) host_.loop.defer(turn_);
}

void Http2Session::on_turn(void* context) {
  auto* self = static_cast<Http2Session*>(context);
  if (self->read_ready_) self->read_finished();
  self->settle();
  self->read_on();
  self->check_done();
}

// Ends -------------------------------------------------------------------------------------------

// First the promise to take what is on its way, then, a round trip later, what was the last
// (RFC 9113 section 6.8).
void Http2Session::drain() {
  if (state_ != State::Open || drain_begun_ || gone_away_) return;
  drain_begun_ = true;
  nghttp2_submit_shutdown_notice(h2_);
  nghttp2_submit_ping(h2_, NGHTTP2_FLAG_NONE, kDrainPing);
  set_timer(drain_timer_, kDrainRoundTripMs);
  want_flush();
}

void Http2Session::on_drain_timer(void* context) {
  auto* self = static_cast<Http2Session*>(context);
  if (self->state_ == State::Lingering) {
    self->close(false);
  } else {
    self->go_away();
  }
  self->check_done();
}

void Http2Session::go_away() {
  if (gone_away_ || state_ != State::Open) return;
  gone_away_ = true;
  drain_timer_.clear();
  const i32 last = nghttp2_session_get_last_proc_stream_id(h2_);
  nghttp2_submit_goaway(h2_, NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR, nullptr, 0);
  want_flush();
}

// A connection error: nothing that comes is looked at any more.
void Http2Session::terminate(u32 code) {
  if (state_ != State::Open) return;
  state_ = State::Ending;
  nghttp2_session_terminate_session(h2_, code);
  want_flush();
}

void Http2Session::calm(Http2Abuse abuse) {
  if (state_ != State::Open) return;
  ++host_.counters.http2_abuse[static_cast<size_t>(abuse)];
  terminate(NGHTTP2_ENHANCE_YOUR_CALM);
}

// Nothing is to be read or written any more: GOAWAY has gone one way or the other, and all streams
// that it spared are closed.
void Http2Session::end_if_idle() {
  if (state_ == State::Closed || state_ == State::Lingering) return;
  if (stream_->writing.pending || out_bytes_ > 0) return;
  if (nghttp2_session_want_write(h2_) != 0 || nghttp2_session_want_read(h2_) != 0) return;
  linger();
}

void Http2Session::linger() {
  state_ = State::Lingering;
  lose_streams(connection_gone("connection ended"));
  idle_timer_.clear();
  unfinished_timer_.clear();
  settings_timer_.clear();
  stream_->shutdown_write();
  stream_->look_again();
  set_timer(drain_timer_, host_.options.linger_ms);
}

void Http2Session::close(bool hard) {
  if (state_ == State::Closed) return;
  state_ = State::Closed;
  lose_streams(connection_gone("client has closed"));
  for (net::Timer* timer : {&idle_timer_, &unfinished_timer_, &settings_timer_, &write_timer_,
                            &drain_timer_, &watch_timer_}) {
    timer->clear();
  }
  stream_->close(hard);
  host_.loop.defer(turn_);
}

void Http2Session::lose_streams(const Error& why) {
  for (const auto& stream : streams_) {
    if (stream->is_closed()) continue;
    if (h2_ != nullptr) nghttp2_session_set_stream_user_data(h2_, stream->id(), nullptr);
    stream->closed(why);
    attend_later(*stream);
  }
}

void Http2Session::abort() { close(true); }

void Http2Session::check_done() {
  if (done_ || state_ != State::Closed || !streams_.empty()) return;
  if (stream_->reading.pending || stream_->writing.pending) return;
  stream_->reading.on_done = nullptr;
  stream_->writing.on_done = nullptr;
  host_.loop.buffers.give(std::move(in_));
  host_.loop.buffers.give(std::move(out_));
  done_ = true;
  host_.session_finished();
}

// Deadlines --------------------------------------------------------------------------------------

void Http2Session::on_idle(void* context) {
  auto* self = static_cast<Http2Session*>(context);
  if (!self->streams_.empty()) return;
  self->go_away();
}

void Http2Session::on_unfinished(void* context) {
  static_cast<Http2Session*>(context)->calm(Http2Abuse::SlowHead);
}

void Http2Session::on_settings_late(void* context) {
  static_cast<Http2Session*>(context)->terminate(NGHTTP2_SETTINGS_TIMEOUT);
}

void Http2Session::on_write_stalled(void* context) {
  static_cast<Http2Session*>(context)->close(true);
}

// An end of stream that came together with the last bytes goes unnoticed by an edge-triggered
// reactor; while requests run it is worth a look, and once behind what comes to a connection at
// rest.
void Http2Session::on_watch(void* context) {
  auto* self = static_cast<Http2Session*>(context);
  if (self->state_ == State::Closed) return;
  net::ByteStream& stream = *self->stream_;
  if (stream.reading.pending && !stream.writing.pending && stream.has_input()) {
    self->looking_ = true;
    stream.cancel();
  }
  const bool again = !self->streams_.empty() || stream.writing.pending;
  if (again) self->set_timer(self->watch_timer_, kWatchAgainMs);
}

}  // namespace gw::server
