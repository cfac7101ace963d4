// One request on an HTTP/2 connection, from its HEADERS to the end of its answer.
#pragma once
#include <nghttp2/nghttp2.h>

#include <memory>
#include <optional>
#include <span>

#include "runtime/http/env.h"
#include "runtime/http/http2_head.h"
#include "runtime/server/http2_body.h"
#include "runtime/server/session_host.h"

namespace gw::server {

class Http2Session;

/// Belongs to its session while the exchange runs, which may be longer than the stream itself: a
/// client that resets the stream cancels the exchange, and the place that it takes is free when
/// that has come to its end. Reused for other streams of the same worker. One thread.
///
/// What nghttp2 tells comes while it is at work, when nothing may be resumed; it is noted here, and
/// attend() does the rest.
class Http2Stream final : public Responder, private Http2BodyHost {
 public:
  Http2Stream();
  Http2Stream(const Http2Stream&) = delete;
  Http2Stream& operator=(const Http2Stream&) = delete;
  ~Http2Stream() override;

  // By the session -------------------------------------------------------------------------------
  void open(Http2Session& session, i32 id);
  /// False: the request, or its trailers, are malformed.
  bool add_field(std::string_view name, std::string_view value);
  size_t decoded_head_bytes() const { return head_reader_ ? head_reader_->decoded_bytes() : 0; }
  /// The head has come whole; the exchange starts with attend(). `end`: no body follows.
  void head_complete(bool end);
  void begin_trailers();
  /// END_STREAM has come.
  void request_complete();
  void body_came(Bytes bytes);
  /// The client has reset the stream, or it broke a rule, or the connection is gone.
  void closed(const Error& why);
  /// Starts, cancels and resumes what is due.
  void attend();
  /// Ready to be used again; no coroutine runs.
  void release();

  // By the callbacks of nghttp2, for the answer.
  ssize_t read_piece(size_t max_bytes, u32* flags);
  Bytes piece(size_t bytes) const { return piece_.first(bytes); }
  void piece_sent(size_t bytes);
  void end_sent();

  i32 id() const { return id_; }
  bool has_started() const { return started_; }
  bool is_finished() const { return finished_; }
  bool is_closed() const { return closed_; }
  bool is_end_sent() const { return end_sent_; }
  /// RST_STREAM was our wish.
  bool is_reset() const { return reset_; }

  // Of the session.
  size_t index = 0;        // among its streams
  bool is_due = false;     // in its list of those to attend to
  bool is_over = false;    // in its list of those to give back
  bool malformed = false;  // RST_STREAM is on its way, and no exchange starts
  bool reset_by_client = false;

  // Responder ------------------------------------------------------------------------------------
  Task<Result<void>> inform(const http::ResponseHead& head) override;
  void head(const http::ResponseHead& head) override { head_ = &head; }
  Task<Result<void>> data(Bytes bytes) override;
  Task<Result<void>> end(Bytes last, const http::FieldList* trailers) override;
  void let_go_of_table() override;
  void reset() noexcept override;
  bool head_sent() const override { return head_sent_; }
  bool client_gone() const override { return client_gone_; }

 private:
  struct Sent {
    Http2Stream& stream;
    bool await_ready() const { return stream.is_settled(); }
    void await_suspend(std::coroutine_handle<> waiter) { stream.waiter_ = waiter; }
    void await_resume() const {}
  };

  Task<void> serve();
  void start();
  void finish();
  bool is_misdirected() const;
  void choose_framing(std::optional<u64> whole_bytes);
  bool submit_head(bool with_body);
  void offer(Bytes bytes);
  Error write_error() const;
  /// Nothing of the piece under way is needed any more.
  bool is_settled() const;
  void reset_with(u32 code);
  void arm_write_timer();
  void arm_body_timer(TimePoint moved);
  static void on_body_timer(void* context);
  static void on_write_timer(void* context);

  void body_waits() override;
  void body_wait_over() override { body_timer_.clear(); }
  void body_consumed(size_t bytes) override;

  Http2Session* session_ = nullptr;
  i32 id_ = 0;
  std::unique_ptr<Exchange> exchange_;
  Generation* generation_ = nullptr;
  std::optional<http::Http2HeadReader> head_reader_;
  std::optional<http::FieldList> trailers_;
  std::optional<http::Http2TrailerReader> trailer_reader_;
  Http2Body body_;
  net::Timer body_timer_;
  net::Timer write_timer_;
  Task<void> task_;
  Error refusal_;  // an answer without a run

  bool start_due_ = false;
  bool started_ = false;
  bool finished_ = false;  // the exchange has come to its end
  bool closed_ = false;    // nghttp2 knows the stream no more
  bool cancel_due_ = false;
  bool client_gone_ = false;
  bool continue_sent_ = false;

  // The answer under way.
  const http::ResponseHead* head_ = nullptr;
  std::coroutine_handle<> waiter_;
  Bytes piece_;
  std::span<nghttp2_nv> trailer_list_;
  u64 left_ = 0;  // of a body whose length the head told
  u32 progress_bytes_ = 0;
  TimePoint answer_moved_{};
  bool length_known_ = false;
  bool probed_ = false;  // the listener answers it: nobody counts it
  bool head_sent_ = false;
  bool bodiless_ = false;
  bool ended_ = false;     // end() or reset() was called
  bool ending_ = false;    // `piece_` is the last one
  bool end_sent_ = false;  // END_STREAM has been written
  bool deferred_ = false;  // nghttp2 waits to be told of the next piece
  bool reset_ = false;
  bool write_timed_out_ = false;
};

}  // namespace gw::server
