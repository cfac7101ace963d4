// A codec (nghttp2) between a socket and streams. Three things happen, always in this order and
// never within each other: the codec takes bytes, or gives bytes; what it had to say has been noted
// by the streams; then coroutines are resumed. They may use the codec again, so it goes round until
// nothing is left to do (settle).
//
// The window of the connection is opened as bytes come, those of streams as their readers read: so
// one answer that nobody reads holds its own window and nothing else.
#include "runtime/upstream/http2_connection.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <utility>

#include "runtime/http/limits.h"
#include "runtime/upstream/http2_pairs.h"
#include "runtime/upstream/pool.h"

namespace gw::upstream {
namespace {

constexpr size_t kInputBytes = 16 * 1024;
constexpr size_t kOutputBytes = 64 * 1024;               // put together before a write
constexpr i32 kConnectionWindowBytes = 1024 * 1024;      // of all streams together
constexpr u32 kMaxStreams = 1000;                        // whatever a target allows
constexpr i32 kStarvedBytes = 16 * 1024;                 // less window than this is none
constexpr u32 kStarvedMs = 1'000;                        // for a window to come back
constexpr std::chrono::milliseconds kPingAnswer{5'000};  // for any byte to come after a PING
// Servers of gRPC count a PING as abuse when less has passed since the one before and they have
// sent nothing of an answer meanwhile; at the third they leave (gRPC proposal A8).
constexpr std::chrono::minutes kPingApart{5};
// PING, SETTINGS, PRIORITY, WINDOW_UPDATE, empty DATA and unknown frames between two that bring an
// answer or a request forward.
constexpr u32 kMaxIdleFrames = 2'000;
// The same in bytes, for frames that the codec drops by itself. A head or a piece is smaller.
constexpr u64 kMaxIdleBytes = 256 * 1024;

Error lost(Errc code, std::string_view what, int sys = 0) {
  return Error{.code = code, .origin = Origin::Upstream, .sys = sys, .what = what};
}

}  // namespace

struct Http2Callbacks {
  static Http2Connection& self(void* context) { return *static_cast<Http2Connection*>(context); }
  static Http2Stream* stream_of(nghttp2_session* session, i32 id) {
    return static_cast<Http2Stream*>(nghttp2_session_get_stream_user_data(session, id));
  }

  // Our first SETTINGS say that nothing may be pushed.
  static int on_begin_frame(nghttp2_session*, const nghttp2_frame_hd* head, void*) {
    return head->type == NGHTTP2_PUSH_PROMISE ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
  }

  static int on_begin_headers(nghttp2_session* session, const nghttp2_frame* frame, void*) {
    Http2Stream* stream = stream_of(session, frame->hd.stream_id);
    if (stream != nullptr) stream->begin_head();
    return 0;
  }

  static int on_header(nghttp2_session* session, const nghttp2_frame* frame, const u8* name,
                       size_t name_bytes, const u8* value, size_t value_bytes, u8, void*) {
    Http2Stream* stream = stream_of(session, frame->hd.stream_id);
    if (stream == nullptr) return 0;
    const bool taken = stream->take_field({reinterpret_cast<const char*>(name), name_bytes},
                                          {reinterpret_cast<const char*>(value), value_bytes});
    return taken ? 0 : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }

  static int on_frame(nghttp2_session* session, const nghttp2_frame* frame, void* context) {
    Http2Connection& connection = self(context);
    const bool ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    Http2Stream* stream = stream_of(session, frame->hd.stream_id);
    bool useful = false;
    switch (frame->hd.type) {
      case NGHTTP2_HEADERS:
        useful = true;
        connection.note_progress();
        connection.used_ = true;
        if (stream == nullptr) break;
        if (!stream->end_head(ends)) {
          nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                    NGHTTP2_PROTOCOL_ERROR);
        } else if (ends) {
          stream->end_of_stream();
        }
        break;
      case NGHTTP2_DATA:
        useful = ends || frame->hd.length > frame->data.padlen;
        if (stream != nullptr && ends) stream->end_of_stream();
        break;
      case NGHTTP2_GOAWAY:
        connection.going_away_ = true;
        break;
      case NGHTTP2_RST_STREAM:
        useful = true;  // each stream has one at most
        break;
      default:
        break;
    }
    return connection.count_frame(useful) ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
  }

  static int on_data(nghttp2_session* session, u8, i32 id, const u8* bytes, size_t count,
                     void* context) {
    nghttp2_session_consume_connection(session, count);
    self(context).note_progress();
    Http2Stream* stream = stream_of(session, id);
    if (stream == nullptr) {
      nghttp2_session_consume_stream(session, id, count);
    } else {
      stream->take_data(as_bytes({reinterpret_cast<const char*>(bytes), count}));
    }
    return 0;
  }

  static int on_stream_close(nghttp2_session* session, i32 id, u32 error_code, void*) {
    Http2Stream* stream = stream_of(session, id);
    if (stream != nullptr) stream->closed(error_code);
    return 0;
  }

  // A request that was still queued when the target said good-bye.
  static int on_not_sent(nghttp2_session*, const nghttp2_frame* frame, int, void* context) {
    const bool is_request =
        frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST;
    Http2Stream* stream = is_request ? self(context).find(frame->hd.stream_id) : nullptr;
    if (stream != nullptr) stream->refused();
    return 0;
  }

  static int on_frame_sent(nghttp2_session*, const nghttp2_frame* frame, void* context) {
    if (frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS) {
      self(context).count_frame(true);
    }
    return 0;
  }

  static int on_invalid(nghttp2_session* session, const nghttp2_frame* frame, int, void*) {
    Http2Stream* stream = stream_of(session, frame->hd.stream_id);
    if (stream != nullptr) stream->mark_invalid("answer breaks the rules of HTTP/2");
    return 0;
  }

  static int on_invalid_header(nghttp2_session* session, const nghttp2_frame* frame, const u8*,
                               size_t, const u8*, size_t, u8, void*) {
    Http2Stream* stream = stream_of(session, frame->hd.stream_id);
    if (stream != nullptr) stream->mark_invalid("malformed field");
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }

  static ssize_t read_body(nghttp2_session* session, i32 id, u8* to, size_t room, u32* flags,
                           nghttp2_data_source* source, void*) {
    auto* stream = static_cast<Http2Stream*>(source->ptr);
    // The exchange has gone, or the stream with it.
    if (stream_of(session, id) != stream) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    bool end = false;
    bool trailers = false;
    const i64 given = stream->give_data(to, room, end, trailers);
    if (given < 0) return NGHTTP2_ERR_DEFERRED;
    if (end) *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (trailers && stream->send_trailers()) *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    return static_cast<ssize_t>(given);
  }

  static nghttp2_session* make_session(Http2Connection& connection) {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_option* option = nullptr;
    GW_CHECK(nghttp2_session_callbacks_new(&callbacks) == 0 && nghttp2_option_new(&option) == 0);
    nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, on_begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, on_not_sent);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_sent);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, on_invalid);
    nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, on_invalid_header);
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_no_closed_streams(option, 1);
    nghttp2_session* session = nullptr;
    GW_CHECK(nghttp2_session_client_new2(&session, callbacks, &connection, option) == 0);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    return session;
  }
};

Http2Connection::Http2Connection(net::EventLoop& loop, Pool& pool,
                                 std::unique_ptr<net::ByteStream> stream, u32 target,
                                 const Http2Options& options)
    : loop_(loop),
      pool_(&pool),
      stream_(std::move(stream)),
      idle_timer_(&Http2Connection::on_idle, this),
      silence_timer_(&Http2Connection::on_silence, this),
      options_(options),
      target_(target) {}

Http2Connection::~Http2Connection() {
  GW_CHECK(at_rest());
  loop_.buffers.give(std::move(input_));
  nghttp2_session_del(session_);
}

void Http2Connection::start() {
  session_ = Http2Callbacks::make_session(*this);
  input_ = loop_.buffers.take(kInputBytes);
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<u32>(http::kMaxHeadBytes)},
  };
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, std::size(settings));
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, kConnectionWindowBytes);
  stream_->reading.on_done = &Http2Connection::on_read;
  stream_->reading.context = this;
  stream_->writing.on_done = &Http2Connection::on_written;
  stream_->writing.context = this;
  read_on();
}

bool Http2Connection::has_room() const {
  if (!open_ || going_away_ || nghttp2_session_check_request_allowed(session_) == 0) return false;
  const u32 limit = std::min(kMaxStreams, nghttp2_session_get_remote_settings(
                                              session_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS));
  if (is_starved()) return false;
  const auto running = std::ranges::count_if(
      streams_, [](const auto& stream) { return !stream->finished_ && !stream->closed_; });
  return static_cast<u32>(running) < limit;
}

// Some targets (HAProxy 2.6) do not give back the window of a body that they have answered without
// reading it. The next body would wait for it until its deadline.
bool Http2Connection::is_starved() const {
  if (nghttp2_session_get_remote_window_size(session_) >= kStarvedBytes) return false;
  return std::ranges::none_of(
      streams_, [](const auto& stream) { return !stream->finished_ && !stream->has_sent_all(); });
}

Http2Stream& Http2Connection::open_stream() {
  idle_timer_.clear();
  watch_silence();
  streams_.push_back(std::make_unique<Http2Stream>(*this));
  return *streams_.back();
}

i32 Http2Connection::submit(const Http2Pairs& pairs, Http2Stream* body, Http2Stream& stream) {
  if (!open_) return -1;
  nghttp2_data_provider provider{};
  provider.source.ptr = body;
  provider.read_callback = &Http2Callbacks::read_body;
  return nghttp2_submit_request(session_, nullptr, pairs.data(), pairs.size(),
                                body == nullptr ? nullptr : &provider, &stream);
}

Http2Stream* Http2Connection::find(i32 id) {
  const auto found = std::ranges::find_if(
      streams_, [id](const auto& stream) { return stream->id_ == id && !stream->finished_; });
  return found == streams_.end() ? nullptr : found->get();
}

// False: the target is wasting our time.
bool Http2Connection::count_frame(bool useful) {
  idle_frames_ = useful ? 0 : idle_frames_ + 1;
  if (useful) idle_bytes_ = 0;
  return idle_frames_ <= kMaxIdleFrames;
}

// Reading
// ------------------------------------------------------------------------------------------

void Http2Connection::on_read(void* context) {
  auto* self = static_cast<Http2Connection*>(context);
  self->take_read();
  self->read_on();
}

void Http2Connection::read_on() {
  while (open_ && !stream_->reading.pending) {
    // An end of stream that came together with the last bytes must not go unnoticed.
    stream_->look_again();
    stream_->start_read({reinterpret_cast<std::byte*>(input_.data.get()), input_.capacity});
    if (stream_->reading.pending) return;
    take_read();
  }
}

void Http2Connection::take_read() {
  if (!open_) return;
  const size_t bytes = stream_->reading.bytes;
  if (stream_->reading.error != 0 || bytes == 0) {
    lose(lost(Errc::UpstreamClosed, "connection closed", stream_->reading.error));
  } else {
    const auto* data = reinterpret_cast<const u8*>(input_.data.get());
    heard_at_ = loop_.now();
    owes_ = asking_ = false;
    idle_bytes_ += bytes;
    const ssize_t taken = nghttp2_session_mem_recv(session_, data, bytes);
    const bool flooded = idle_frames_ > kMaxIdleFrames || idle_bytes_ > kMaxIdleBytes;
    if (taken < 0 || flooded) {
      if (flooded) nghttp2_session_terminate_session(session_, NGHTTP2_ENHANCE_YOUR_CALM);
      write_out();
      lose(lost(Errc::UpstreamInvalid, flooded ? "too many frames of no use" : "broken HTTP/2"));
    }
  }
  settle();
}

void Http2Connection::lose(const Error& error) {
  if (!open_) return;
  for (const auto& stream : streams_) {
    if (!stream->finished_) stream->connection_lost(error);
  }
  close();
}

// Writing
// ------------------------------------------------------------------------------------------

void Http2Connection::on_written(void* context) {
  auto* self = static_cast<Http2Connection*>(context);
  if (self->open_ && self->stream_->writing.error != 0) {
    self->lose(lost(Errc::UpstreamClosed, "connection closed", self->stream_->writing.error));
  }
  self->settle();
}

void Http2Connection::write_out() {
  while (open_ && !stream_->writing.pending) {
    output_.clear();
    while (output_.size() < kOutputBytes) {
      const u8* bytes = nullptr;
      const ssize_t count = nghttp2_session_mem_send(session_, &bytes);
      if (count <= 0) break;
      output_.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(count));
    }
    if (output_.empty()) return;
    const Bytes piece = as_bytes(output_);
    stream_->start_write(&piece, 1);
    if (stream_->writing.pending) return;
    if (stream_->writing.error != 0) {
      // What it has sent before it stopped reading may still say why: the read decides.
      if (stream_->reading.pending) return;
      lose(lost(Errc::UpstreamClosed, "connection closed", stream_->writing.error));
    }
  }
}

// Round and round
// ----------------------------------------------------------------------------------

void Http2Connection::settle() {
  if (settling_) {
    settle_again_ = true;
    return;
  }
  settling_ = true;
  do {
    settle_again_ = false;
    write_out();
    // The codec has ended it and said so: what the target sent broke a rule.
    if (open_ && nghttp2_session_want_read(session_) == 0) {
      lose(lost(Errc::UpstreamInvalid, "broken HTTP/2"));
    }
    wake_streams();
  } while (settle_again_);
  settling_ = false;
  after_settling();
}

void Http2Connection::wake_streams() {
  while (!woken_.empty()) {
    settle_again_ = true;
    std::vector<Http2Stream*> woken;
    woken.swap(woken_);
    for (Http2Stream* stream : woken) stream->wake();
  }
}

void Http2Connection::after_settling() {
  sweep();
  if (!open_ || !streams_.empty()) return;
  if (going_away_) {
    close();
  } else if (idle_timer_.due() == TimePoint::max()) {
    short_wait_ = is_starved() && kStarvedMs < options_.idle_ms;
    const u32 wait_ms = short_wait_ ? kStarvedMs : options_.idle_ms;
    loop_.set_timer(idle_timer_, loop_.now() + std::chrono::milliseconds(wait_ms));
  }
}

void Http2Connection::sweep() {
  std::erase_if(streams_, [](const auto& stream) { return stream->is_free(); });
}

void Http2Connection::on_idle(void* context) {
  auto* self = static_cast<Http2Connection*>(context);
  if (!self->open_ || !self->streams_.empty()) return;
  if (std::exchange(self->short_wait_, false) && !self->is_starved()) {
    self->after_settling();
    return;
  }
  self->retire();
}

// Silence
// ------------------------------------------------------------------------------------------------
// A target whose machine has vanished closes nothing: without a question its streams would wait for
// their deadlines. Nobody asks on a connection without streams.

void Http2Connection::watch_silence() {
  if (options_.ping_ms == 0) return;
  // Requests whose deadlines are shorter than this time add up: each has met the same silence.
  if (streams_.empty() && !owes_) heard_at_ = loop_.now();
  owes_ = true;
  // The timer goes on when streams end, and sees for itself when it is early.
  if (silence_timer_.due() == TimePoint::max()) {
    loop_.set_timer(silence_timer_, heard_at_ + std::chrono::milliseconds(options_.ping_ms));
  }
}

// A part of an answer: the target may be asked again soon.
void Http2Connection::note_progress() {
  if (!std::exchange(has_asked_, false) || options_.ping_ms == 0) return;
  loop_.set_timer(silence_timer_, loop_.now() + std::chrono::milliseconds(options_.ping_ms));
}

void Http2Connection::ask_whether_there() {
  asking_ = has_asked_ = true;
  asked_at_ = loop_.now();
  nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
  loop_.set_timer(silence_timer_, asked_at_ + kPingAnswer);
}

void Http2Connection::on_silence(void* context) {
  auto* self = static_cast<Http2Connection*>(context);
  if (!self->open_) return;
  if (self->streams_.empty() && !self->asking_) return;
  const TimePoint now = self->loop_.now();
  TimePoint due = self->heard_at_ + std::chrono::milliseconds(self->options_.ping_ms);
  if (self->has_asked_) due = std::max(due, self->asked_at_ + kPingApart);
  if (self->asking_) {
    self->lose(lost(Errc::UpstreamClosed, "the target is silent"));
  } else if (now < due) {
    self->loop_.set_timer(self->silence_timer_, due);
    return;
  } else {
    self->ask_whether_there();
  }
  self->settle();
}

void Http2Connection::retire() {
  if (!open_) return;
  if (!going_away_ && streams_.empty()) {
    nghttp2_session_terminate_session(session_, NGHTTP2_NO_ERROR);
  }
  going_away_ = true;
  settle();
}

void Http2Connection::close() {
  if (!open_) return;
  open_ = false;
  idle_timer_.clear();
  silence_timer_.clear();
  stream_->close(false);
  pool_->http2_closed();
}

bool Http2Connection::at_rest() {
  if (open_ || settling_) return false;
  sweep();
  return streams_.empty() && !stream_->reading.pending && !stream_->writing.pending;
}

}  // namespace gw::upstream
