// One client connection of HTTP/1.x: requests in, answers out, in order.
#pragma once
#include <memory>

#include "runtime/http/env.h"
#include "runtime/http/http1_body.h"
#include "runtime/http/http1_head.h"
#include "runtime/http/stream_channel.h"
#include "runtime/server/session_host.h"

namespace gw::server {

class Http1Session final : public Session, public Responder, public http::Http1BodyHost {
 public:
  Http1Session(SessionHost& host, ClientConnection connection);
  ~Http1Session() override;

  void start() override;
  bool done() const override { return done_; }
  const ClientConnection& connection() const override { return connection_; }
  void drain() override;
  void abort() override;

  // Responder.
  Task<Result<void>> inform(const http::ResponseHead& head) override;
  void head(const http::ResponseHead& head) override;
  Task<Result<void>> data(Bytes bytes) override;
  Task<Result<void>> end(Bytes last, const http::FieldList* trailers) override;
  Task<Result<Channel*>> upgrade(const http::ResponseHead& head) override;
  void let_go_of_table() override;
  void reset() noexcept override;
  bool head_sent() const override { return head_sent_; }
  bool client_gone() const override { return client_gone_; }

 private:
  static constexpr size_t kIdleReadBytes = 256;
  enum class Waiting : u8 { Nothing, Idle, Shrink, Head, Body, Linger };

  Task<void> serve();
  Task<bool> read_head();
  bool begins_http2() const;
  void hand_over();
  bool fill_started();
  i64 fill_finished();
  void set_idle_deadline();
  bool parse_head();
  Task<void> refuse(Error error);
  Task<void> answer();
  Task<void> drain_body();
  Task<void> linger();
  bool is_misdirected() const;
  void begin_exchange();
  void finish_exchange();

  Task<Result<void>> flush(const Bytes* pieces, size_t count);
  void choose_framing(std::optional<u64> whole_bytes);
  Bytes make_head();
  Error write_error(int error_number);

  void wait_for(Waiting what, u32 milliseconds);
  static void on_timer(void* context);
  static void on_write_timer(void* context);
  static void on_watch(void* context);
  static void on_watch_read(void* context);
  void watch_read_finished();
  void client_has_gone();

  void send_continue();
  Result<void> before_body_read() override;
  Error body_read_error(int error_number) override;
  void body_bytes_read(u64 bytes) override;

  SessionHost& host_;
  ClientConnection connection_;  // without the stream
  std::unique_ptr<net::ByteStream> stream_;
  http::Http1Input input_;
  http::Http1Body body_;
  http::StreamChannel channel_;  // after upgrade() only
  http::HeadScanner scanner_;
  net::Timer timer_;        // of reading
  net::Timer write_timer_;  // of its own, since a body may come in while an answer goes out
  net::Timer watch_timer_;
  Task<void> task_;
  std::unique_ptr<Exchange> exchange_;  // only while a request is being served
  Generation* generation_ = nullptr;
  char peer_text_[46];
  u8 peer_text_bytes_ = 0;
  char idle_read_[kIdleReadBytes];

  Waiting waiting_ = Waiting::Nothing;
  bool done_ = false;
  bool any_request_ = false;
  bool leaves_ = false;        // for the session that HTTP/2 has
  bool idle_reading_ = false;  // the pending read goes into idle_read_
  bool timed_out_ = false;
  bool write_timed_out_ = false;
  bool shrink_ = false;
  bool head_started_ = false;
  bool peer_closed_ = false;  // the client has sent its end of stream
  bool client_gone_ = false;
  bool close_after_ = false;  // no further request
  bool lingering_ = false;    // the client may still be sending
  bool refusing_ = false;     // an answer without a run
  bool continue_sent_ = false;
  bool continue_due_ = false;  // waits for the write under way
  TimePoint idle_until_{};
  TimePoint head_until_{};

  // The answer under way.
  http::ResponseHead const* head_ = nullptr;
  bool probed_ = false;  // the listener answers it: nobody counts it
  bool head_sent_ = false;
  bool ended_ = false;
  bool reset_ = false;
  bool bodiless_ = false;
  http::Framing framing_ = http::Framing::None;
  u64 left_ = 0;  // of a body with Framing::Length
};

}  // namespace gw::server
