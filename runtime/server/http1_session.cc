// The life of a client connection, as one coroutine: wait for a head, run the exchange, see to the
// rest of its body, again. Everything else here is the Responder that the exchange writes to, and
// the deadlines. One read is under way at most; who waits for it changes: the head, the body, or
// the watch for a client that goes away.
#include "runtime/server/http1_session.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "runtime/http/http1_writer.h"
#include "runtime/http/limits.h"
#include "runtime/http/problem.h"
#include "runtime/net/tls_stream.h"
#include "runtime/server/http2_session.h"
#include "runtime/server/https_redirect.h"
#include "runtime/server/probe.h"

namespace gw::server {
namespace {

using http::Framing;

constexpr size_t kMaxDrainBytes = 64 * 1024;
// More than the kernels on both sides hold of an upload: its client has not looked up until then.
constexpr size_t kMaxLingerBytes = 16 * 1024 * 1024;
constexpr size_t kPieceBytes = 16 * 1024;
constexpr u32 kWatchAgainMs = 100;
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

Error downstream(Errc code, std::string_view what, int sys = 0) {
  return Error{.code = code, .origin = Origin::Downstream, .sys = sys, .what = what};
}

}  // namespace

Http1Session::Http1Session(SessionHost& host, ClientConnection connection)
    : host_(host),
      connection_(std::move(connection)),
      stream_(std::move(connection_.stream)),
      input_(*stream_, host.loop.buffers),
      body_(*stream_, input_, *this, Origin::Downstream),
      channel_(host.loop, *stream_, input_, Origin::Downstream),
      timer_(&Http1Session::on_timer, this),
      write_timer_(&Http1Session::on_write_timer, this),
      watch_timer_(&Http1Session::on_watch, this) {
  peer_text_bytes_ = static_cast<u8>(http::address_text(connection_.peer, peer_text_).size());
  if (!connection_.unread.empty()) input_.append(connection_.unread);
}

Http1Session::~Http1Session() {
  GW_CHECK(stream_ == nullptr || (!stream_->reading.pending && !stream_->writing.pending));
}

void Http1Session::start() {
  task_ = serve();
  task_.start();
}

void Http1Session::drain() {
  if (stream_ == nullptr) return;
  close_after_ = true;
  const bool idle = exchange_ == nullptr && !refusing_ && !head_started_ && input_.empty();
  if (!idle) return;
  // A request may be on its way, and closing now would lose it: whoever asks without a pause is
  // told by `Connection: close`, and only who is silent for a while is cut off.
  const TimePoint due = host_.loop.now() + std::chrono::milliseconds(host_.options.drain_idle_ms);
  idle_until_ = idle_until_ == TimePoint{} ? due : std::min(idle_until_, due);
  timed_out_ = false;
  waiting_ = Waiting::Idle;
  host_.loop.set_timer(timer_, idle_until_);
}

void Http1Session::abort() {
  if (stream_ == nullptr) return;
  close_after_ = true;
  client_has_gone();
  stream_->close(true);
}

// Deadlines ------------------------------------------------------------------------------------

void Http1Session::wait_for(Waiting what, u32 milliseconds) {
  waiting_ = what;
  timed_out_ = false;
  host_.loop.set_timer(timer_, host_.loop.now() + std::chrono::milliseconds(milliseconds));
}

void Http1Session::on_timer(void* context) {
  auto* self = static_cast<Http1Session*>(context);
  if (self->waiting_ == Waiting::Nothing) return;
  if (self->waiting_ == Waiting::Shrink) {
    self->shrink_ = true;
  } else {
    self->timed_out_ = true;
  }
  self->stream_->cancel();
}

void Http1Session::on_write_timer(void* context) {
  auto* self = static_cast<Http1Session*>(context);
  self->write_timed_out_ = true;
  self->stream_->cancel();
}

void Http1Session::on_watch(void* context) {
  auto* self = static_cast<Http1Session*>(context);
  if (self->exchange_ == nullptr || self->ended_ || self->client_gone_) return;
  if (self->peer_closed_) {
    self->client_has_gone();
    return;
  }
  auto& loop = self->host_.loop;
  if (!self->body_.at_end() || self->stream_->reading.pending) {
    // Whoever reads the body will notice.
    loop.set_timer(self->watch_timer_, loop.now() + std::chrono::milliseconds(kWatchAgainMs));
    return;
  }
  self->stream_->look_again();
  if (self->input_.filling() || !self->input_.start_read_ahead()) return;
  if (self->stream_->reading.pending) {
    self->stream_->reading.on_done = &Http1Session::on_watch_read;
    self->stream_->reading.context = self;
  } else {
    self->watch_read_finished();
  }
}

void Http1Session::on_watch_read(void* context) {
  static_cast<Http1Session*>(context)->watch_read_finished();
}

// A client that has left and one that only has no more to say look the same until something is sent
// to them (RFC 9112 section 9.6): the answer gets some time, as it costs little. A reset is clear.
void Http1Session::watch_read_finished() {
  stream_->reading.on_done = nullptr;
  const i64 read = input_.finish_fill();
  if (read > 0) return;
  peer_closed_ = true;
  if (read < 0) {
    client_has_gone();
    return;
  }
  host_.loop.set_timer(watch_timer_,
                       host_.loop.now() + std::chrono::milliseconds(host_.options.half_close_ms));
}

void Http1Session::client_has_gone() {
  client_gone_ = true;
  close_after_ = true;
  if (exchange_ == nullptr) return;
  exchange_->client_gone = true;
  exchange_->cancel_all();
}

// Reading requests -------------------------------------------------------------------------------

Task<void> Http1Session::serve() {
  idle_until_ = host_.loop.now() + std::chrono::milliseconds(host_.options.head_timeout_ms);
  while (true) {
    const bool found = co_await read_head();
    if (!found) break;
    any_request_ = true;
    co_await answer();
    if (close_after_) break;
    idle_until_ = {};
  }
  if (leaves_) {
    hand_over();
    co_return;
  }
  if (lingering_ && !client_gone_ && !peer_closed_ && !reset_) co_await linger();
  timer_.clear();
  write_timer_.clear();
  watch_timer_.clear();
  waiting_ = Waiting::Nothing;
  stream_->close(reset_ && framing_ == Framing::UntilClose);
  stream_->reading.on_done = nullptr;
  while (stream_->reading.pending) co_await net::IoWait(stream_->reading);
  while (stream_->writing.pending) co_await net::IoWait(stream_->writing);
  input_.release();
  done_ = true;
  host_.session_finished();
}

// Whoever knows that we speak HTTP/2 begins with its preface, whose first part is a head of HTTP/1
// (RFC 9113 section 3.3).
bool Http1Session::begins_http2() const {
  constexpr size_t kHeadBytes = kHttp2Preface.find("SM");
  const bool allowed = connection_.tls == nullptr &&
                       (connection_.listener == nullptr || connection_.listener->http2);
  return allowed && !any_request_ && !client_gone_ &&
         input_.unread().substr(0, kHeadBytes) == kHttp2Preface.substr(0, kHeadBytes);
}

void Http1Session::hand_over() {
  timer_.clear();
  waiting_ = Waiting::Nothing;
  connection_.unread = input_.unread();
  input_.consume(input_.unread().size());
  input_.release();
  connection_.stream = std::move(stream_);
  done_ = true;
  host_.start_http2(std::move(connection_));
  host_.session_finished();
}

// Idle connections read into a small buffer of their own; busy ones into a large one.
bool Http1Session::fill_started() {
  if (idle_reading_ || input_.filling()) return true;
  if (input_.has_buffer()) return input_.start_fill();
  idle_reading_ = true;
  stream_->start_read({reinterpret_cast<std::byte*>(idle_read_), kIdleReadBytes});
  return true;
}

i64 Http1Session::fill_finished() {
  if (!idle_reading_) return input_.finish_fill();
  idle_reading_ = false;
  if (stream_->reading.error != 0) return -static_cast<i64>(stream_->reading.error);
  input_.append({idle_read_, stream_->reading.bytes});
  return static_cast<i64>(stream_->reading.bytes);
}

void Http1Session::set_idle_deadline() {
  const TimePoint now = host_.loop.now();
  if (idle_until_ == TimePoint{}) {
    idle_until_ = now + std::chrono::milliseconds(host_.options.idle_timeout_ms);
  }
  const TimePoint shrink = now + std::chrono::milliseconds(host_.options.shrink_after_ms);
  timed_out_ = false;
  if (input_.has_buffer() && shrink < idle_until_) {
    waiting_ = Waiting::Shrink;
    host_.loop.set_timer(timer_, shrink);
  } else {
    waiting_ = Waiting::Idle;
    host_.loop.set_timer(timer_, idle_until_);
  }
}

// True: exchange_ holds a request. False: the connection ends (an error was answered already).
Task<bool> Http1Session::read_head() {
  using State = http::HeadScanner::State;
  input_.next_message();
  scanner_.reset();
  head_started_ = false;
  refusing_ = false;
  // An empty line before a request line is skipped (RFC 9112 section 2.2), but not many.
  u32 empty_lines = 0;
  while (true) {
    if (!head_started_ && empty_lines < 2 && input_.unread().substr(0, 2) == "\r\n") {
      input_.consume(2);
      ++empty_lines;
      continue;
    }
    const bool lone_cr = !head_started_ && input_.unread() == "\r";
    if (!input_.empty() && !lone_cr) {
      head_started_ = true;
      const State state = scanner_.scan(input_.unread());
      if (state == State::Complete) break;
      if (state == State::Invalid) {
        co_await refuse(downstream(Errc::BadRequest, "malformed head"));
        co_return false;
      }
      const size_t size = input_.unread().size();
      if (scanner_.in_first_line() && size > http::kMaxRequestLineBytes) {
        co_await refuse(downstream(Errc::UriTooLong, "request line too long"));
        co_return false;
      }
      if (size >= http::kMaxHeadBytes) {
        co_await refuse(downstream(Errc::HeadTooLarge, "head too large"));
        co_return false;
      }
    }
    if (peer_closed_) co_return false;
    if (input_.empty()) {
      if (close_after_) co_return false;
      set_idle_deadline();
    } else if (waiting_ != Waiting::Head) {
      wait_for(Waiting::Head, host_.options.head_timeout_ms);
    }
    if (!input_.empty()) stream_->look_again();
    if (!fill_started()) co_return false;
    co_await net::IoWait(stream_->reading);
    const i64 read = fill_finished();
    if (read > 0) continue;
    if (read == -ECANCELED && shrink_) {
      shrink_ = false;
      input_.release();
      continue;
    }
    if (read == -ECANCELED && timed_out_ && waiting_ == Waiting::Head) {
      co_await refuse(downstream(Errc::RequestTimeout, "head took too long"));
    }
    co_return false;
  }
  waiting_ = Waiting::Nothing;
  timer_.clear();
  leaves_ = begins_http2();
  if (leaves_) co_return false;
  if (scanner_.head_bytes() > http::kMaxHeadBytes) {
    co_await refuse(downstream(Errc::HeadTooLarge, "head too large"));
    co_return false;
  }
  begin_exchange();
  const std::string_view head = input_.unread().substr(0, scanner_.head_bytes());
  input_.consume(head.size());
  const auto parsed = http::parse_request_head(head, exchange_->request);
  if (!parsed) {
    co_await refuse(parsed.error());
    co_return false;
  }
  if (is_misdirected()) {
    co_await refuse(downstream(Errc::Misdirected, "host of other TLS settings"));
    co_return false;
  }
  co_return true;
}

bool Http1Session::is_misdirected() const {
  if (connection_.tls == nullptr) return false;
  const SSL& ssl = *static_cast<const net::TlsStream&>(*stream_).ssl();
  return !connection_.tls->serves(ssl, exchange_->request.host);
}

void Http1Session::begin_exchange() {
  if (exchange_ == nullptr) exchange_ = host_.take_exchange();
  Exchange& exchange = *exchange_;
  host_.describe_client(exchange, connection_, {peer_text_, peer_text_bytes_});
  generation_ = host_.current;
  if (generation_ != nullptr) {
    ++generation_->pins;
    exchange.table = generation_->table;
    exchange.live = generation_->live;
  }
  head_ = nullptr;
  probed_ = head_sent_ = ended_ = reset_ = bodiless_ = continue_sent_ = continue_due_ = false;
  framing_ = Framing::None;
  left_ = 0;
}

void Http1Session::finish_exchange() {
  watch_timer_.clear();
  stream_->reading.on_done = nullptr;
  if (exchange_->client_gone || reset_) ++host_.counters.broken;
  if (generation_ != nullptr) {
    if (!probed_) generation_->env.observer.finished(*exchange_);
    if (exchange_->detached) {
      host_.let_go(*generation_);
    } else {
      host_.unpin(*generation_);
    }
    generation_ = nullptr;
  }
  head_ = nullptr;
  host_.give_exchange(std::move(exchange_));
}

// An answer before routing. The connection ends with it, since nobody knows where the next request
// would begin.
Task<void> Http1Session::refuse(Error error) {
  ++host_.counters.refused;
  if (exchange_ == nullptr) begin_exchange();
  refusing_ = true;
  close_after_ = true;
  lingering_ = true;
  Exchange& exchange = *exchange_;
  exchange.error = error;
  body_.begin(Framing::None, 0, exchange.arena);
  const http::Problem problem = http::problem_of(error);
  const Bytes text = http::make_problem(problem, exchange.response);
  exchange.request.keep_alive = false;
  head(exchange.response);
  auto sent = co_await end(text, nullptr);
  if (!sent) client_gone_ = true;
  finish_exchange();
}

Task<void> Http1Session::answer() {
  Exchange& exchange = *exchange_;
  ++host_.counters.requests;
  if (generation_ == nullptr) {
    co_await refuse(Error{.code = Errc::Cancelled, .what = "no table"});
    co_return;
  }
  if (!exchange.request.keep_alive || host_.draining()) close_after_ = true;
  body_.begin(exchange.request.framing, exchange.request.content_length, exchange.arena);
  exchange.request_body = body_.at_end() ? nullptr : &body_;
  // A body that is broken from the start is no request: nobody further on hears of it.
  if (!body_.look_ahead()) {
    co_await refuse(downstream(Errc::BadRequest, "malformed chunked body"));
    co_return;
  }
  exchange.forwarding = &host_.forwarding(generation_);
  http::identify_client(exchange, *exchange.forwarding, host_.random.next(), host_.random.next());
  const ListenerSettings* listener = connection_.listener.get();
  probed_ = answer_probe(exchange, listener, host_.ready());
  if (probed_ || answer_redirect(exchange, listener)) {
    head(exchange.response);
    const auto sent = co_await end(as_bytes(exchange.local_body), nullptr);
    if (!sent) exchange.error = sent.error();
  } else {
    host_.loop.set_timer(
        watch_timer_, exchange.started + std::chrono::milliseconds(host_.options.watch_after_ms));
    co_await host_.run(exchange, generation_->env, *this);
  }
  if (!ended_) reset();
  if (reset_ || client_gone_) close_after_ = true;
  if (!body_.at_end()) co_await drain_body();
  if (close_after_ && !input_.empty()) lingering_ = true;
  finish_exchange();
}

// What is left of a request body that nobody wanted: a little is read away, so that the connection
// can go on; otherwise it ends.
Task<void> Http1Session::drain_body() {
  const u64 left = body_.remaining_bytes();
  const bool waits_for_continue = exchange_->request.expect_continue && !continue_sent_;
  const bool worth_it = !close_after_ && !body_.failed() && !waits_for_continue &&
                        (left <= kMaxDrainBytes || left == ~u64{0});
  size_t drained = 0;
  body_.resume();  // whoever sent it upstream has let go of it
  while (worth_it && drained <= kMaxDrainBytes) {
    auto piece = co_await body_.next(kPieceBytes);
    if (!piece) break;
    drained += piece->bytes.size();
    if (piece->end) co_return;
  }
  close_after_ = true;
  lingering_ = true;
}

// Reads on for a moment after the last answer: a close with unread bytes would reset the
// connection and take the answer back (RFC 9112 section 9.6).
Task<void> Http1Session::linger() {
  stream_->shutdown_write();
  stream_->look_again();
  input_.release_unless_filling();
  size_t discarded = 0;
  wait_for(Waiting::Linger, host_.options.linger_ms);
  while (discarded < kMaxLingerBytes && !timed_out_) {
    if (!fill_started()) co_return;
    co_await net::IoWait(stream_->reading);
    const i64 read = fill_finished();
    if (read <= 0) co_return;
    discarded += static_cast<size_t>(read);
    input_.consume(input_.unread().size());
  }
}

// The request body
// ---------------------------------------------------------------------------------

// Nobody waits for this write: whoever reads the body goes on, and the answer waits its turn in
// flush(). It may find a 1xx of the upstream under way.
void Http1Session::send_continue() {
  continue_sent_ = true;
  continue_due_ = stream_->writing.pending;
  if (continue_due_ || stream_->writing.error != 0) return;
  const Bytes text = as_bytes(kContinue);
  stream_->start_write(&text, 1);
}

Result<void> Http1Session::before_body_read() {
  const bool due = exchange_->request.expect_continue && !continue_sent_ && !head_sent_;
  if (due && input_.empty()) send_continue();
  stream_->look_again();
  wait_for(Waiting::Body, ended_ ? host_.options.linger_ms : host_.options.body_stall_ms);
  return {};
}

Error Http1Session::body_read_error(int error_number) {
  close_after_ = true;
  if (timed_out_) {
    lingering_ = true;
    return downstream(Errc::RequestTimeout, "body stalled", error_number);
  }
  if (write_timed_out_) {
    return downstream(Errc::RequestTimeout, "client does not read", error_number);
  }
  peer_closed_ = error_number == 0;
  client_gone_ = true;
  exchange_->client_gone = true;
  return downstream(Errc::PeerClosed, "client closed within its body", error_number);
}

void Http1Session::body_bytes_read(u64 bytes) {
  waiting_ = Waiting::Nothing;
  exchange_->request_bytes += bytes;
}

// The answer
// -----------------------------------------------------------------------------------------

void Http1Session::head(const http::ResponseHead& head) { head_ = &head; }

Task<Result<void>> Http1Session::inform(const http::ResponseHead& head) {
  if (exchange_->request.version_minor == 0 || head_sent_ || client_gone_) {
    co_return Result<void>();
  }
  const Bytes text = http::write_interim_head(head);
  co_return co_await flush(&text, 1);
}

// How the client will know the end of the body.
void Http1Session::choose_framing(std::optional<u64> whole_bytes) {
  const auto length = response_length(*head_, exchange_->request.method, whole_bytes);
  bodiless_ = length.bodiless;
  left_ = length.bytes;
  if (length.known) {
    framing_ = Framing::Length;
  } else if (bodiless_) {
    framing_ = Framing::None;
  } else if (exchange_->request.version_minor == 1) {
    framing_ = Framing::Chunked;
  } else {
    framing_ = Framing::UntilClose;
    close_after_ = true;
  }
}

Bytes Http1Session::make_head() {
  const bool waits_for_continue =
      exchange_->request.expect_continue && !continue_sent_ && !body_.at_end() && !refusing_;
  // So much of a body is not read away behind an answer, and of a chunked one nobody knows how much
  // is to come: the client learns now that it ends here, and not by a close behind the answer.
  const bool too_much = body_.remaining_bytes() > kMaxDrainBytes && !body_.at_end();
  if (waits_for_continue || too_much || body_.failed() || host_.draining()) close_after_ = true;
  http::ResponseExtras extras;
  extras.date = host_.loop.http_date();
  if (connection_.tls != nullptr) {
    extras.strict_transport_security = connection_.listener->strict_transport_security;
  }
  extras.close = close_after_;
  extras.keep_alive = !close_after_ && exchange_->request.version_minor == 0;
  extras.framing = framing_;
  extras.content_length = left_;
  head_sent_ = true;
  if (bodiless_) left_ = 0;
  // Kept for the log, whoever made the head.
  exchange_->response.status = head_->status;
  return http::write_response_head(*head_, extras);
}

Error Http1Session::write_error(int error_number) {
  if (write_timed_out_) {
    close_after_ = true;
    return downstream(Errc::RequestTimeout, "client does not read", error_number);
  }
  client_has_gone();
  return downstream(Errc::PeerClosed, "client has closed", error_number);
}

Task<Result<void>> Http1Session::flush(const Bytes* pieces, size_t count) {
  if (client_gone_ && !stream_->is_open()) {
    co_return fail(downstream(Errc::PeerClosed, "client has closed"));
  }
  bool started = false;
  while (stream_->writing.error == 0) {
    if (!stream_->writing.pending) {
      if (started) break;
      stream_->start_write(pieces, count);
      started = true;
      continue;
    }
    // This write, or a `100 Continue` before it, has found no room.
    host_.loop.set_timer(
        write_timer_, host_.loop.now() + std::chrono::milliseconds(host_.options.write_stall_ms));
    co_await net::IoWait(stream_->writing);
    write_timer_.clear();
  }
  if (stream_->writing.error != 0) co_return fail(write_error(stream_->writing.error));
  if (continue_due_ && !head_sent_) send_continue();
  co_return Result<void>();
}

Task<Result<void>> Http1Session::data(Bytes bytes) {
  GW_CHECK(head_ != nullptr && !ended_);
  Bytes pieces[net::kMaxWritePieces];
  size_t count = 0;
  if (!head_sent_) {
    choose_framing(std::nullopt);
    pieces[count++] = make_head();
  }
  http::ChunkPrefix prefix;
  if (!bodiless_ && !bytes.empty()) {
    exchange_->response_bytes += bytes.size();
    if (framing_ == Framing::Length) {
      if (bytes.size() > left_) {
        reset();
        co_return fail(Error{.code = Errc::Internal, .what = "body longer than its head says"});
      }
      left_ -= bytes.size();
    }
    if (framing_ == Framing::Chunked) {
      http::write_chunk_prefix(bytes.size(), prefix);
      pieces[count++] = as_bytes({prefix.text, prefix.size});
      pieces[count++] = bytes;
      pieces[count++] = as_bytes("\r\n");
    } else {
      pieces[count++] = bytes;
    }
  }
  if (count == 0) co_return Result<void>();
  co_return co_await flush(pieces, count);
}

Task<Result<void>> Http1Session::end(Bytes last, const http::FieldList* trailers) {
  GW_CHECK(head_ != nullptr && !ended_);
  Bytes pieces[net::kMaxWritePieces];
  size_t count = 0;
  if (!head_sent_) {
    choose_framing(trailers == nullptr ? std::optional<u64>(last.size()) : std::nullopt);
    pieces[count++] = make_head();
  }
  if (bodiless_) last = {};
  exchange_->response_bytes += last.size();
  if (framing_ == Framing::Length && left_ != last.size()) {
    reset();
    co_return fail(Error{.code = Errc::Internal, .what = "body differs from what its head says"});
  }
  http::ChunkPrefix prefix;
  if (framing_ == Framing::Chunked && !bodiless_) {
    Arena& arena = exchange_->arena;
    const Bytes lines = http::write_trailers(trailers, arena);
    if (!last.empty()) {
      // A head, a size, the bytes, and all that ends the body: four pieces.
      http::write_chunk_prefix(last.size(), prefix);
      pieces[count++] = as_bytes({prefix.text, prefix.size});
      pieces[count++] = last;
    }
    const std::string_view mark = last.empty() ? "0\r\n" : "\r\n0\r\n";
    auto* tail = arena.allocate_array<std::byte>(mark.size() + lines.size());
    std::memcpy(tail, mark.data(), mark.size());
    std::memcpy(tail + mark.size(), lines.data(), lines.size());
    pieces[count++] = {tail, mark.size() + lines.size()};
  } else if (!last.empty()) {
    pieces[count++] = last;
  }
  ended_ = true;
  if (count == 0) co_return Result<void>();
  co_return co_await flush(pieces, count);
}

// The connection is the exchange's from here on, until end() or reset().
Task<Result<Channel*>> Http1Session::upgrade(const http::ResponseHead& head) {
  GW_CHECK(head_ == nullptr && !head_sent_ && body_.at_end());
  // A look for a client that goes away may be under way; its bytes are the channel's.
  watch_timer_.clear();
  stream_->reading.on_done = nullptr;
  head_ = &head;
  head_sent_ = true;
  close_after_ = true;
  framing_ = Framing::UntilClose;
  exchange_->response.status = head.status;
  http::ResponseExtras extras;
  extras.date = host_.loop.http_date();
  const Bytes text = http::write_response_head(head, extras);
  const auto sent = co_await flush(&text, 1);
  if (!sent) co_return fail(sent.error());
  co_return &channel_;
}

void Http1Session::let_go_of_table() {
  if (generation_ == nullptr) return;
  host_.detach(*exchange_, *generation_);
}

void Http1Session::reset() noexcept {
  if (ended_) return;
  ended_ = true;
  reset_ = true;
  close_after_ = true;
}

}  // namespace gw::server
