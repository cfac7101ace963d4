#include "runtime/server/http2_callbacks.h"

#include "runtime/server/http2_session.h"

namespace gw::server {
namespace {

Http2Session& session_of(void* self) { return *static_cast<Http2Session*>(self); }

Http2Stream* stream_of(nghttp2_session* h2, i32 id) {
  return static_cast<Http2Stream*>(nghttp2_session_get_stream_user_data(h2, id));
}

std::string_view view_of(nghttp2_rcbuf* buffer) {
  const nghttp2_vec bytes = nghttp2_rcbuf_get_buf(buffer);
  return {reinterpret_cast<const char*>(bytes.base), bytes.len};
}

Error stream_error(bool by_client) {
  if (by_client) {
    return Error{
        .code = Errc::PeerClosed, .origin = Origin::Downstream, .what = "client reset the stream"};
  }
  return Error{
      .code = Errc::BadRequest, .origin = Origin::Downstream, .what = "stream breaks HTTP/2"};
}

// Resets that the client has brought about, and not by cancelling what it no longer wants.
bool is_clients_fault(u32 code) {
  switch (code) {
    case NGHTTP2_PROTOCOL_ERROR:
    case NGHTTP2_FLOW_CONTROL_ERROR:
    case NGHTTP2_STREAM_CLOSED:
    case NGHTTP2_FRAME_SIZE_ERROR:
    case NGHTTP2_REFUSED_STREAM:
      return true;
    default:
      return false;
  }
}

void make_malformed(nghttp2_session* h2, Http2Stream& stream) {
  if (stream.malformed) return;
  stream.malformed = true;
  nghttp2_submit_rst_stream(h2, NGHTTP2_FLAG_NONE, stream.id(), NGHTTP2_PROTOCOL_ERROR);
}

}  // namespace

void Http2Callbacks::set(nghttp2_session_callbacks* callbacks) {
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, &on_begin_headers);
  nghttp2_session_callbacks_set_on_header_callback2(callbacks, &on_header);
  nghttp2_session_callbacks_set_on_invalid_header_callback2(callbacks, &on_invalid_header);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, &on_data_chunk);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, &on_frame_recv);
  nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, &on_frame_send);
  nghttp2_session_callbacks_set_send_data_callback(callbacks, &on_send_data);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, &on_stream_close);
}

int Http2Callbacks::on_begin_headers(nghttp2_session* h2, const nghttp2_frame* frame, void* self) {
  const i32 id = frame->hd.stream_id;
  if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) {
    Http2Stream* stream = stream_of(h2, id);
    if (stream != nullptr && !stream->is_finished()) stream->begin_trailers();
    return 0;
  }
  Http2Session& session = session_of(self);
  Http2Stream* stream = session.open_stream(id);
  if (stream == nullptr) {
    nghttp2_submit_rst_stream(h2, NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM);
    return 0;
  }
  nghttp2_session_set_stream_user_data(h2, id, stream);
  return 0;
}

int Http2Callbacks::on_header(nghttp2_session* h2, const nghttp2_frame* frame, nghttp2_rcbuf* name,
                              nghttp2_rcbuf* value, u8, void* self) {
  Http2Stream* stream = stream_of(h2, frame->hd.stream_id);
  if (stream == nullptr || stream->is_finished()) return 0;
  if (!stream->malformed && !stream->add_field(view_of(name), view_of(value))) {
    make_malformed(h2, *stream);
  }
  if (stream->decoded_head_bytes() <= kMaxHeaderListBytes) return 0;
  session_of(self).abuse_ = Http2Abuse::HeaderList;
  return NGHTTP2_ERR_CALLBACK_FAILURE;
}

// nghttp2 would leave such a field out; it makes the request malformed (RFC 9113 section 8.2.1).
int Http2Callbacks::on_invalid_header(nghttp2_session* h2, const nghttp2_frame* frame,
                                      nghttp2_rcbuf*, nghttp2_rcbuf*, u8, void*) {
  Http2Stream* stream = stream_of(h2, frame->hd.stream_id);
  if (stream != nullptr) make_malformed(h2, *stream);
  return 0;
}

int Http2Callbacks::on_data_chunk(nghttp2_session* h2, u8, i32 id, const u8* data, size_t bytes,
                                  void* self) {
  Http2Stream* stream = stream_of(h2, id);
  if (stream == nullptr) {
    nghttp2_session_consume_connection(h2, bytes);
    return 0;
  }
  const std::string_view text(reinterpret_cast<const char*>(data), bytes);
  stream->body_came(as_bytes(text));
  session_of(self).attend_later(*stream);
  return 0;
}

int Http2Callbacks::on_frame_recv(nghttp2_session* h2, const nghttp2_frame* frame, void* self) {
  Http2Session& session = session_of(self);
  const u8 flags = frame->hd.flags;
  if (frame->hd.type == NGHTTP2_SETTINGS) {
    if ((flags & NGHTTP2_FLAG_ACK) != 0) {
      session.settings_timer_.clear();
    } else if (!session.greeted_) {
      session.greeted_ = true;
      if (session.streams_.empty()) {
        session.set_timer(session.idle_timer_, session.host_.options.idle_timeout_ms);
      }
    }
    return 0;
  }
  if (frame->hd.type == NGHTTP2_PING && (flags & NGHTTP2_FLAG_ACK) != 0) {
    if (session.drain_begun_) session.go_away();
    return 0;
  }
  Http2Stream* stream = stream_of(h2, frame->hd.stream_id);
  if (stream == nullptr) return 0;
  const bool end = (flags & NGHTTP2_FLAG_END_STREAM) != 0;
  switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
      if (stream->malformed || stream->is_finished()) return 0;
      if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) stream->head_complete(end);
      if (end) stream->request_complete();
      session.attend_later(*stream);
      return 0;
    case NGHTTP2_DATA:
      if (!end || stream->is_finished()) return 0;
      stream->request_complete();
      session.attend_later(*stream);
      return 0;
    case NGHTTP2_RST_STREAM:
      stream->reset_by_client = true;
      return 0;
    default:
      return 0;
  }
}

int Http2Callbacks::on_frame_send(nghttp2_session* h2, const nghttp2_frame* frame, void* self) {
  const bool end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  if (frame->hd.type == NGHTTP2_HEADERS && end) {
    Http2Stream* stream = stream_of(h2, frame->hd.stream_id);
    if (stream != nullptr) stream->end_sent();
  }
  if (frame->hd.type == NGHTTP2_RST_STREAM && is_clients_fault(frame->rst_stream.error_code)) {
    Http2Session& session = session_of(self);
    if (!session.meter_.charge_reset(session.host_.loop.now())) session.abuse_ = Http2Abuse::Reset;
  }
  return 0;
}

int Http2Callbacks::on_send_data(nghttp2_session* h2, nghttp2_frame* frame, const u8* head,
                                 size_t length, nghttp2_data_source*, void* self) {
  constexpr size_t kFrameHeadBytes = 9;
  Http2Session& session = session_of(self);
  Http2Stream* stream = stream_of(h2, frame->hd.stream_id);
  if (stream == nullptr || stream->is_reset()) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  if (session.out_room() < kFrameHeadBytes + length) return NGHTTP2_ERR_WOULDBLOCK;
  session.append(as_bytes({reinterpret_cast<const char*>(head), kFrameHeadBytes}));
  session.append(stream->piece(length));
  session.meter_.data_sent(length);
  if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) stream->end_sent();
  stream->piece_sent(length);
  return 0;
}

int Http2Callbacks::on_stream_close(nghttp2_session* h2, i32 id, u32, void* self) {
  Http2Stream* stream = stream_of(h2, id);
  if (stream == nullptr) return 0;
  Http2Session& session = session_of(self);
  if (stream->reset_by_client && !stream->is_finished() && !stream->is_end_sent()) {
    if (!session.meter_.charge_reset(session.host_.loop.now())) session.abuse_ = Http2Abuse::Reset;
  }
  stream->closed(stream_error(stream->reset_by_client));
  session.attend_later(*stream);
  return 0;
}

}  // namespace gw::server
