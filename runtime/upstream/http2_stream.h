// One request and its answer on an HTTP/2 connection.
#pragma once
#include <coroutine>
#include <string>

#include "runtime/http/limits.h"
#include "runtime/net/timer_wheel.h"
#include "runtime/upstream/call.h"

namespace gw::upstream {

class Http2Connection;

/// Owned by its connection, which frees it some time after finish(). What has come of an answer and
/// is not read lies here, at most a window of the stream (64 KiB); reading it opens the window
/// again. One thread.
class Http2Stream final : public TargetStream, public http::BodySource, public CancelListener {
 public:
  explicit Http2Stream(Http2Connection& connection);
  ~Http2Stream() override;

  Task<Result<void>> round_trip(Call& call, http::ResponseHead& out) override;
  http::BodySource* response_body() override;
  bool was_used() const override;
  bool answer_begun() const override { return any_field_; }
  bool finish() override;
  void give_back(bool reusable) override;
  std::string_view http_version() const override { return "2"; }
  const net::ByteStream& stream() const override;
  u32 target() const override;
  Pool& pool() const override;
  Http2Connection& connection() { return connection_; }

  Task<Result<http::BodyChunk>> next(size_t max_bytes) override;
  bool take_buffered(http::BodyChunk& out) override;
  bool must_wait() const override;
  u64 remaining_bytes() const override;
  void cancel() noexcept override;
  void cancelled() noexcept override;

 private:
  friend class Http2Connection;
  friend struct Http2Callbacks;
  struct Wait;

  // Said by the connection, within calls of the codec: nobody is resumed there.
  void begin_head();
  bool take_field(std::string_view name, std::string_view value);
  bool end_head(bool end_of_stream);
  void take_data(Bytes bytes);
  void end_of_stream();
  void refused();
  void closed(u32 error_code);
  void connection_lost(const Error& error);
  i64 give_data(u8* to, size_t room, bool& end, bool& trailers_follow);
  bool send_trailers();
  void mark_invalid(std::string_view what);

  bool has_sent_all() const { return pump_done_ && !piece_ready_; }
  bool is_free() const { return finished_ && pump_done_; }
  void wake();
  void wake_reader();
  void fail_with(const Error& error);
  void arm(u32 milliseconds, TimePoint deadline);
  Result<void> submit(Call& call);
  Task<void> pump();
  void stop_pump();
  void hand_back();
  Error closed_error(u32 error_code) const;
  static void on_deadline(void* context);

  Http2Connection& connection_;
  net::Timer timer_;
  i32 id_ = -1;
  Exchange* exchange_ = nullptr;  // null: not begun, or finished
  Responder* responder_ = nullptr;
  http::ResponseHead* out_ = nullptr;
  http::FieldList* trailers_ = nullptr;
  http::ResponseHead* interim_[http::kMaxInterimResponses] = {};
  u32 interim_count_ = 0;  // waiting to be passed on
  u32 interim_total_ = 0;
  std::coroutine_handle<> reader_;
  std::coroutine_handle<> pump_waiter_;
  Error failure_;
  TimePoint deadline_ = TimePoint::max();
  u32 try_timeout_ms_ = 0;
  u32 idle_timeout_ms_ = 0;

  // The head that is being read.
  size_t head_bytes_ = 0;
  u32 head_fields_ = 0;
  bool in_trailers_ = false;
  u64 body_left_ = ~u64{0};  // of Content-Length, for remaining_bytes()

  std::string incoming_;
  std::string handed_;     // the piece that a reader has, and what follows it
  size_t handed_at_ = 0;   // behind the piece
  size_t to_consume_ = 0;  // bytes of the piece, whose window opens with the next call

  http::BodySource* pump_body_ = nullptr;
  Task<void> pump_task_;
  Bytes piece_;
  const http::FieldList* piece_trailers_ = nullptr;
  bool piece_end_ = false;
  bool piece_ready_ = false;
  bool pump_done_ = true;
  bool pump_stopped_ = false;

  bool head_ready_ = false;
  bool any_field_ = false;  // of an answer
  bool ended_ = false;      // END_STREAM has come
  bool closed_ = false;     // the codec has forgotten it
  bool reader_due_ = false;
  bool pump_due_ = false;
  bool woken_ = false;  // in the connection's list
  bool finished_ = false;
};

}  // namespace gw::upstream
