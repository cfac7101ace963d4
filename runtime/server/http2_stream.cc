#include "runtime/server/http2_stream.h"

#include <algorithm>
#include <utility>

#include "runtime/http/problem.h"
#include "runtime/server/http2_fields.h"
#include "runtime/server/http2_session.h"
#include "runtime/server/https_redirect.h"
#include "runtime/server/probe.h"

namespace gw::server {
namespace {

using http::Framing;

// A client that takes less than this within SessionOptions::write_stall_ms does not read.
constexpr u32 kProgressBytes = 4096;

Error downstream(Errc code, std::string_view what) {
  return Error{.code = code, .origin = Origin::Downstream, .what = what};
}

}  // namespace

Http2Stream::Http2Stream()
    : body_(*this),
      body_timer_(&Http2Stream::on_body_timer, this),
      write_timer_(&Http2Stream::on_write_timer, this) {}

Http2Stream::~Http2Stream() { GW_CHECK(task_.done()); }

// The request
// ----------------------------------------------------------------------------------------

void Http2Stream::open(Http2Session& session, i32 id) {
  session_ = &session;
  id_ = id;
  body_.begin(session.host().loop.buffers);
  exchange_ = session.host().take_exchange();
  session_->host().describe_client(*exchange_, session_->connection(), session_->peer_text());
  head_reader_.emplace(exchange_->request);
}

bool Http2Stream::add_field(std::string_view name, std::string_view value) {
  if (trailer_reader_) return trailer_reader_->add(name, value);
  return head_reader_->add(name, value);
}

void Http2Stream::head_complete(bool end) {
  const Result<void> read = head_reader_->finish(end);
  if (!read) {
    refusal_ = read.error();
  } else if (is_misdirected()) {
    refusal_ = downstream(Errc::Misdirected, "host of other TLS settings");
  }
  const http::RequestHead& request = exchange_->request;
  if (request.framing == Framing::Length) body_.expect(request.content_length);
  start_due_ = true;
}

bool Http2Stream::is_misdirected() const { return !session_->serves(exchange_->request.host); }

void Http2Stream::begin_trailers() {
  if (trailers_) return;
  trailers_.emplace(exchange_->arena);
  trailer_reader_.emplace(*trailers_);
}

void Http2Stream::body_came(Bytes bytes) {
  // Nobody will read what comes after the answer.
  if (finished_ || malformed) {
    nghttp2_session_consume_connection(session_->h2(), bytes.size());
    return;
  }
  exchange_->request_bytes += bytes.size();
  if (body_.append(bytes)) return;
  // nghttp2 has found the same and resets the stream; what is left out here must not go unnoticed.
  nghttp2_session_consume_connection(session_->h2(), bytes.size());
  body_.fail(downstream(Errc::BadRequest, "more than the window allows"));
}

void Http2Stream::request_complete() {
  const bool any = trailers_ && trailers_->size() > 0;
  body_.end(any ? &*trailers_ : nullptr);
}

void Http2Stream::closed(const Error& why) {
  closed_ = true;
  if (finished_ || end_sent_) return;
  body_.fail(why);
  // What we broke off ourselves is not the client's doing, but it ends the exchange as well.
  client_gone_ = client_gone_ || !reset_;
  cancel_due_ = true;
}

void Http2Stream::attend() {
  if (finished_) return;
  if (!started_) {
    if (start_due_ && !closed_ && !malformed) start();
    return;
  }
  if (std::exchange(cancel_due_, false)) {
    exchange_->client_gone = client_gone_;
    exchange_->cancel_all();
  }
  if (!finished_) body_.wake();
  if (!finished_ && waiter_ && is_settled()) std::exchange(waiter_, {}).resume();
}

void Http2Stream::start() {
  started_ = true;
  SessionHost& host = session_->host();
  generation_ = host.current;
  if (generation_ != nullptr) {
    ++generation_->pins;
    exchange_->table = generation_->table;
    exchange_->live = generation_->live;
  }
  if (refusal_.code == Errc::None) {
    ++host.counters.requests;
    if (generation_ == nullptr) refusal_ = Error{.code = Errc::Cancelled, .what = "no table"};
  }
  if (refusal_.code != Errc::None) ++host.counters.refused;
  task_ = serve();
  task_.start();
}

Task<void> Http2Stream::serve() {
  Exchange& exchange = *exchange_;
  SessionHost& host = session_->host();
  // A body that is known to be empty is none, as for HTTP/1.
  const bool empty = exchange.request.framing == Framing::None ||
                     (exchange.request.framing == Framing::Length &&
                      exchange.request.content_length == 0 && body_.has_ended());
  exchange.request_body = empty ? nullptr : &body_;
  if (refusal_.code != Errc::None) {
    exchange.error = refusal_;
    const http::Problem problem = http::problem_of(refusal_);
    const Bytes text = http::make_problem(problem, exchange.response);
    head(exchange.response);
    const auto sent = co_await end(text, nullptr);
    if (!sent) client_gone_ = true;
  } else {
    exchange.forwarding = &host.forwarding(generation_);
    http::identify_client(exchange, *exchange.forwarding, host.random.next(), host.random.next());
    const ListenerSettings* listener = session_->connection().listener.get();
    probed_ = answer_probe(exchange, listener, host.ready());
    if (probed_ || answer_redirect(exchange, listener)) {
      head(exchange.response);
      const auto sent = co_await end(as_bytes(exchange.local_body), nullptr);
      if (!sent) exchange.error = sent.error();
    } else {
      co_await host.run(exchange, generation_->env, *this);
    }
  }
  finish();
}

// The last thing that the coroutine does; it is still on the stack.
void Http2Stream::finish() {
  body_timer_.clear();
  write_timer_.clear();
  if (!closed_ && !reset_) {
    if (!end_sent_) {
      reset();
    } else {
      // The rest of the request is not wanted (RFC 9113 section 8.1).
      nghttp2_submit_rst_stream(session_->h2(), NGHTTP2_FLAG_NONE, id_, NGHTTP2_NO_ERROR);
    }
  }
  if (body_.held_bytes() > 0) {
    nghttp2_session_consume_connection(session_->h2(), body_.held_bytes());
  }
  SessionHost& host = session_->host();
  exchange_->client_gone = client_gone_;
  if (client_gone_ || reset_) ++host.counters.broken;
  if (generation_ != nullptr) {
    if (!probed_) generation_->env.observer.finished(*exchange_);
    Generation& generation = *std::exchange(generation_, nullptr);
    if (exchange_->detached) {
      host.let_go(generation);
    } else {
      host.unpin(generation);
    }
  }
  finished_ = true;
  session_->attend_later(*this);
}

void Http2Stream::release() {
  GW_CHECK(task_.done() && !waiter_);
  // Of a stream that never started; the others have done it.
  if (!finished_ && body_.held_bytes() > 0) {
    nghttp2_session_consume_connection(session_->h2(), body_.held_bytes());
  }
  task_ = {};
  body_.reset();
  head_reader_.reset();
  trailer_reader_.reset();
  trailers_.reset();
  body_timer_.clear();
  write_timer_.clear();
  session_->host().give_exchange(std::move(exchange_));
  session_ = nullptr;
  id_ = 0;
  refusal_ = {};
  start_due_ = started_ = finished_ = closed_ = cancel_due_ = false;
  client_gone_ = continue_sent_ = false;
  is_due = is_over = malformed = reset_by_client = false;
  head_ = nullptr;
  piece_ = {};
  trailer_list_ = {};
  left_ = 0;
  progress_bytes_ = 0;
  answer_moved_ = {};
  length_known_ = false;
  probed_ = head_sent_ = bodiless_ = ended_ = ending_ = end_sent_ = false;
  deferred_ = reset_ = write_timed_out_ = false;
}

// The request body
// -------------------------------------------------------------------------------------

void Http2Stream::body_waits() {
  const bool due = exchange_->request.expect_continue && !continue_sent_ && !head_sent_;
  if (due && !closed_) {
    continue_sent_ = true;
    nghttp2_nv status{};
    static constexpr std::string_view kName = ":status";
    static constexpr std::string_view kValue = "100";
    status.name = reinterpret_cast<u8*>(const_cast<char*>(kName.data()));
    status.value = reinterpret_cast<u8*>(const_cast<char*>(kValue.data()));
    status.namelen = kName.size();
    status.valuelen = kValue.size();
    nghttp2_submit_headers(session_->h2(), NGHTTP2_FLAG_NONE, id_, nullptr, &status, 1, nullptr);
    session_->want_flush();
  }
  arm_body_timer(session_->host().loop.now());
}

// A client that listens to a stream need not speak: what moves either way keeps it.
void Http2Stream::arm_body_timer(TimePoint moved) {
  SessionHost& host = session_->host();
  const u32 stall = exchange_->streams ? exchange_->idle_ms : host.options.body_stall_ms;
  if (stall != 0) host.loop.set_timer(body_timer_, moved + std::chrono::milliseconds(stall));
}

void Http2Stream::body_consumed(size_t bytes) {
  nghttp2_session_consume(session_->h2(), id_, bytes);
  session_->want_flush();
}

void Http2Stream::on_body_timer(void* context) {
  auto* self = static_cast<Http2Stream*>(context);
  const auto idle = std::chrono::milliseconds(self->exchange_->idle_ms);
  if (self->exchange_->streams && self->answer_moved_ + idle > self->session_->host().loop.now()) {
    self->arm_body_timer(self->answer_moved_);
    return;
  }
  self->body_.fail(downstream(Errc::RequestTimeout, "body stalled"));
  self->session_->attend_later(*self);
}

// The answer
// -----------------------------------------------------------------------------------------

bool Http2Stream::is_settled() const {
  if (closed_ || reset_ || write_timed_out_) return true;
  return ending_ ? end_sent_ : piece_.empty();
}

Error Http2Stream::write_error() const {
  if (write_timed_out_) return downstream(Errc::RequestTimeout, "client does not read");
  return downstream(Errc::PeerClosed, "client has closed");
}

Task<Result<void>> Http2Stream::inform(const http::ResponseHead& head) {
  if (head_sent_ || closed_ || reset_) co_return Result<void>();
  const std::span<nghttp2_nv> fields = response_fields(head, {});
  nghttp2_submit_headers(session_->h2(), NGHTTP2_FLAG_NONE, id_, nullptr, fields.data(),
                         fields.size(), nullptr);
  session_->want_flush();
  co_return Result<void>();
}

void Http2Stream::choose_framing(std::optional<u64> whole_bytes) {
  const auto length = response_length(*head_, exchange_->request.method, whole_bytes);
  bodiless_ = length.bodiless;
  length_known_ = length.known;
  left_ = length.bytes;
}

// False: nghttp2 knows the stream no more.
bool Http2Stream::submit_head(bool with_body) {
  SessionHost& host = session_->host();
  Http2HeadExtras extras;
  extras.date = host.loop.http_date();
  const ClientConnection& connection = session_->connection();
  if (connection.tls != nullptr && connection.listener != nullptr) {
    extras.strict_transport_security = connection.listener->strict_transport_security;
  }
  extras.has_length = length_known_;
  extras.content_length = left_;
  head_sent_ = true;
  if (bodiless_) left_ = 0;
  // Kept for the log, whoever made the head.
  exchange_->response.status = head_->status;
  const std::span<nghttp2_nv> fields = response_fields(*head_, extras);
  nghttp2_data_provider body{};
  body.read_callback = [](nghttp2_session* h2, i32 id, u8*, size_t length, u32* flags,
                          nghttp2_data_source*, void*) -> ssize_t {
    auto* stream = static_cast<Http2Stream*>(nghttp2_session_get_stream_user_data(h2, id));
    if (stream == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    return stream->read_piece(length, flags);
  };
  session_->want_flush();
  return nghttp2_submit_response(session_->h2(), id_, fields.data(), fields.size(),
                                 with_body ? &body : nullptr) == 0;
}

ssize_t Http2Stream::read_piece(size_t max_bytes, u32* flags) {
  const size_t bytes = std::min(max_bytes, piece_.size());
  if (bytes == 0 && !ending_) {
    deferred_ = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (ending_ && bytes == piece_.size()) {
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (!trailer_list_.empty()) {
      *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      nghttp2_submit_trailer(session_->h2(), id_, trailer_list_.data(), trailer_list_.size());
    }
  }
  return static_cast<ssize_t>(bytes);
}

void Http2Stream::piece_sent(size_t bytes) {
  piece_ = piece_.subspan(bytes);
  answer_moved_ = session_->host().loop.now();
  progress_bytes_ += static_cast<u32>(bytes);
  if (progress_bytes_ >= kProgressBytes && waiter_) arm_write_timer();
  if (waiter_ && is_settled()) session_->attend_later(*this);
}

void Http2Stream::end_sent() {
  end_sent_ = true;
  if (waiter_) session_->attend_later(*this);
}

void Http2Stream::arm_write_timer() {
  progress_bytes_ = 0;
  SessionHost& host = session_->host();
  host.loop.set_timer(write_timer_,
                      host.loop.now() + std::chrono::milliseconds(host.options.write_stall_ms));
}

// A client that keeps its windows shut, or opens them byte by byte, holds what it does not take.
void Http2Stream::on_write_timer(void* context) {
  auto* self = static_cast<Http2Stream*>(context);
  self->write_timed_out_ = true;
  self->reset_with(NGHTTP2_CANCEL);
  self->session_->attend_later(*self);
}

void Http2Stream::offer(Bytes bytes) {
  piece_ = bytes;
  if (std::exchange(deferred_, false)) nghttp2_session_resume_data(session_->h2(), id_);
  session_->want_flush();
}

Task<Result<void>> Http2Stream::data(Bytes bytes) {
  GW_CHECK(head_ != nullptr && !ended_);
  if (closed_ || reset_) co_return fail(write_error());
  if (!head_sent_) {
    choose_framing(std::nullopt);
    if (!submit_head(true)) co_return fail(write_error());
  }
  if (bodiless_ || bytes.empty()) co_return Result<void>();
  exchange_->response_bytes += bytes.size();
  if (length_known_) {
    if (bytes.size() > left_) {
      reset();
      co_return fail(Error{.code = Errc::Internal, .what = "body longer than its head says"});
    }
    left_ -= bytes.size();
  }
  offer(bytes);
  arm_write_timer();
  Sent sent{*this};
  co_await sent;
  write_timer_.clear();
  const bool good = piece_.empty() && !write_timed_out_ && !closed_ && !reset_;
  piece_ = {};
  if (!good) co_return fail(write_error());
  co_return Result<void>();
}

Task<Result<void>> Http2Stream::end(Bytes last, const http::FieldList* trailers) {
  GW_CHECK(head_ != nullptr && !ended_);
  if (closed_ || reset_) {
    ended_ = true;
    co_return fail(write_error());
  }
  const bool first = !head_sent_;
  if (first) {
    choose_framing(trailers == nullptr ? std::optional<u64>(last.size()) : std::nullopt);
  }
  if (bodiless_) {
    last = {};
    trailers = nullptr;
  }
  const u64 due = bodiless_ ? 0 : left_;
  if (length_known_ && due != last.size()) {
    reset();
    co_return fail(Error{.code = Errc::Internal, .what = "body differs from what its head says"});
  }
  ended_ = true;
  ending_ = true;
  exchange_->response_bytes += last.size();
  if (trailers != nullptr) trailer_list_ = trailer_fields(*trailers, exchange_->arena);
  if (first) {
    piece_ = last;
    if (!submit_head(!last.empty() || !trailer_list_.empty())) co_return fail(write_error());
  } else {
    offer(last);
  }
  arm_write_timer();
  Sent sent{*this};
  co_await sent;
  write_timer_.clear();
  piece_ = {};
  if (!end_sent_) co_return fail(write_error());
  co_return Result<void>();
}

void Http2Stream::let_go_of_table() {
  if (generation_ == nullptr) return;
  session_->host().detach(*exchange_, *generation_);
}

void Http2Stream::reset_with(u32 code) {
  reset_ = true;
  ended_ = true;
  if (closed_) return;
  nghttp2_submit_rst_stream(session_->h2(), NGHTTP2_FLAG_NONE, id_, code);
  session_->want_flush();
}

void Http2Stream::reset() noexcept {
  if (end_sent_ || reset_) return;
  reset_with(NGHTTP2_INTERNAL_ERROR);
}

}  // namespace gw::server
