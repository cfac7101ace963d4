// What nghttp2 tells a session while it is at work.
#pragma once
#include <nghttp2/nghttp2.h>

#include "runtime/base/types.h"

namespace gw::server {

class Http2Session;

/// Notes what has happened and charges for it; never resumes anybody. `self` is the Http2Session.
struct Http2Callbacks {
  static void set(nghttp2_session_callbacks* callbacks);

  static int on_begin_headers(nghttp2_session* h2, const nghttp2_frame* frame, void* self);
  static int on_header(nghttp2_session* h2, const nghttp2_frame* frame, nghttp2_rcbuf* name,
                       nghttp2_rcbuf* value, u8 flags, void* self);
  static int on_invalid_header(nghttp2_session* h2, const nghttp2_frame* frame, nghttp2_rcbuf* name,
                               nghttp2_rcbuf* value, u8 flags, void* self);
  static int on_data_chunk(nghttp2_session* h2, u8 flags, i32 id, const u8* data, size_t bytes,
                           void* self);
  static int on_frame_recv(nghttp2_session* h2, const nghttp2_frame* frame, void* self);
  static int on_frame_send(nghttp2_session* h2, const nghttp2_frame* frame, void* self);
  static int on_send_data(nghttp2_session* h2, nghttp2_frame* frame, const u8* head, size_t length,
                          nghttp2_data_source* source, void* self);
  static int on_stream_close(nghttp2_session* h2, i32 id, u32 code, void* self);
};

}  // namespace gw::server
