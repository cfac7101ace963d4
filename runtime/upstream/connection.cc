#include "runtime/upstream/connection.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "runtime/http/http1_writer.h"
#include "runtime/http/limits.h"
#include "runtime/upstream/pool.h"

namespace gw::upstream {
namespace {

constexpr size_t kPumpBytes = 16 * 1024;
// While a request body is being sent, each piece may take this long if nothing else is configured.
constexpr u32 kDefaultSendStallMs = 60'000;
// Idle connections end so much before the target says that it ends them.
constexpr u32 kPatienceMargin = 500;

Error invalid(std::string_view what) {
  return Error{.code = Errc::UpstreamInvalid, .origin = Origin::Upstream, .what = what};
}

}  // namespace

Connection::Connection(net::EventLoop& loop, Pool& pool, std::unique_ptr<net::ByteStream> stream,
                       u32 target)
    : loop_(loop),
      pool_(&pool),
      stream_(std::move(stream)),
      input_(*stream_, loop.buffers),
      body_(*stream_, input_, *this, Origin::Upstream),
      channel_(loop, *stream_, input_, Origin::Upstream),
      timer_(&Connection::on_deadline, this),
      target_(target) {}

Connection::~Connection() { GW_CHECK(at_rest()); }

bool Connection::at_rest() const {
  return !stream_->reading.pending && !stream_->writing.pending && pump_done_;
}

void Connection::close() {
  timer_.clear();
  on_broken_ = nullptr;
  stream_->close(false);
}

void Connection::cancelled() noexcept {
  gave_up_ = true;
  if (switched_) {
    channel_.abort();
    return;
  }
  stream_->cancel();
}

void Connection::on_deadline(void* context) {
  auto* self = static_cast<Connection*>(context);
  if (self->on_broken_ != nullptr) {
    self->on_broken_(*self);
    return;
  }
  self->timed_out_ = true;
  self->stream_->cancel();
}

void Connection::arm(u32 milliseconds, TimePoint deadline) {
  TimePoint due = deadline;
  if (milliseconds != 0) {
    due = std::min(due, loop_.now() + std::chrono::milliseconds(milliseconds));
  }
  loop_.set_timer(timer_, due);
}

// Why a read or write did not succeed, in the order of who knows best.
Error Connection::broken(int error_number) const {
  Error error;
  error.origin = Origin::Upstream;
  error.sys = error_number;
  if (pump_error_.code != Errc::None) return pump_error_;
  if (gave_up_) {
    error.code = Errc::Cancelled;
    error.origin = Origin::Downstream;
    error.what = "client has gone";
  } else if (timed_out_) {
    error.code = Errc::UpstreamTimeout;
    error.what = "no answer in time";
  } else {
    error.code = Errc::UpstreamClosed;
    error.what = "closed before an answer";
    if (used_ && !any_byte_) error.retry = Retry::Reused;
  }
  return error;
}

Task<Result<void>> Connection::round_trip(Call& call, http::ResponseHead& out) {
  link(call.exchange);
  any_byte_ = head_done_ = timed_out_ = gave_up_ = sending_failed_ = read_anew_ = false;
  pump_stopped_ = false;
  pump_error_ = {};
  wire_ = {};
  scanner_.reset();
  try_timeout_ms_ = call.options.try_timeout_ms;
  idle_timeout_ms_ = call.options.idle_timeout_ms;
  deadline_ = call.options.deadline;
  arm(try_timeout_ms_, deadline_);
  GW_CO_TRY(co_await send(call));
  if (call.body != nullptr) {
    pump_body_ = call.body;
    pump_done_ = false;
    pump_task_ = pump();
    pump_task_.start();
  }
  co_return co_await receive(call, out);
}

Task<Result<void>> Connection::send(Call& call) {
  using http::Framing;
  Framing framing = Framing::None;
  u64 length = 0;
  if (call.has_whole) {
    framing = Framing::Length;
    length = call.whole.bytes.size();
    if (call.whole.trailers != nullptr) framing = Framing::Chunked;
  } else if (call.body != nullptr) {
    length = call.body->remaining_bytes();
    framing = length == ~u64{0} ? Framing::Chunked : Framing::Length;
  } else if (call.request.framing != Framing::None) {
    framing = Framing::Length;
  }
  pump_chunked_ = framing == Framing::Chunked;

  Bytes pieces[net::kMaxWritePieces];
  size_t count = 0;
  http::ChunkPrefix prefix;
  Arena& arena = call.exchange.arena;
  pieces[count++] =
      http::write_request_head(call.request, call.path_prefix, call.target, framing, length);
  if (call.has_whole && framing == Framing::Chunked) {
    if (!call.whole.bytes.empty()) {
      http::write_chunk_prefix(call.whole.bytes.size(), prefix);
      pieces[count++] = as_bytes({prefix.text, prefix.size});
      pieces[count++] = call.whole.bytes;
    }
    const std::string_view end = call.whole.bytes.empty() ? "0\r\n" : "\r\n0\r\n";
    const Bytes lines = http::write_trailers(call.whole.trailers, arena);
    auto* tail = arena.allocate_array<std::byte>(end.size() + lines.size());
    std::copy_n(as_bytes(end).begin(), end.size(), tail);
    std::copy(lines.begin(), lines.end(), tail + end.size());
    pieces[count++] = {tail, end.size() + lines.size()};
  } else if (call.has_whole) {
    pieces[count++] = call.whole.bytes;
  }
  stream_->start_write(pieces, count);
  co_await net::IoWait(stream_->writing);
  if (stream_->writing.error == 0) co_return Result<void>();
  if (timed_out_ || gave_up_) co_return fail(broken(stream_->writing.error));
  // It may have answered before it closed (413, 503): let the read decide. One that has waited
  // since the connection was idle knows nothing of an end that came together with the last answer,
  // and nothing more will wake it: a new one looks.
  sending_failed_ = true;
  read_anew_ = stream_->reading.pending;
  if (read_anew_) stream_->cancel();
  co_return Result<void>();
}

Task<Result<void>> Connection::receive(Call& call, http::ResponseHead& out) {
  u32 interim = 0;
  while (true) {
    auto final = co_await take_head(call, out);
    if (!final) co_return fail(final.error());
    if (*final) break;
    if (++interim > http::kMaxInterimResponses) co_return fail(invalid("too many 1xx answers"));
  }
  head_done_ = true;
  any_byte_ = true;
  body_.begin(wire_.framing, wire_.content_length, call.exchange.arena);
  timer_.clear();  // the next read of the body sets its own
  co_return Result<void>();
}

// Reads one head. True: the final one; false: a 1xx, which has been passed on.
Task<Result<bool>> Connection::take_head(Call& call, http::ResponseHead& out) {
  while (true) {
    const auto state = scanner_.scan(input_.unread());
    if (state == http::HeadScanner::State::Complete) break;
    if (state == http::HeadScanner::State::Invalid) co_return fail(invalid("malformed head"));
    // The pump may have ended the request before anything was pending here to be cancelled.
    if (pump_error_.code != Errc::None) co_return fail(pump_error_);
    // More is due after a first piece: an end of stream that came with it must not go unnoticed.
    if (any_byte_) stream_->look_again();
    if (input_.unread().size() >= http::kMaxHeadBytes || !input_.start_fill()) {
      co_return fail(invalid("head too large"));
    }
    co_await net::IoWait(stream_->reading);
    const i64 read = input_.finish_fill();
    const bool was_ended = std::exchange(read_anew_, false) && read == -ECANCELED;
    if (was_ended && !timed_out_ && !gave_up_) continue;
    if (read <= 0) co_return fail(broken(static_cast<int>(-read)));
    any_byte_ = true;
  }
  const std::string_view head = input_.unread().substr(0, scanner_.head_bytes());
  input_.consume(head.size());
  scanner_.reset();
  auto parsed = http::parse_response_head(head, call.request.method, out, wire_);
  if (!parsed) co_return fail(parsed.error());
  if (out.status >= 200) co_return true;
  if (out.status == 101) {
    const std::string_view wanted = call.request.upgrade;
    if (wanted.empty() || !http::equal_fold(wire_.upgrade, wanted)) {
      co_return fail(invalid("101 without a request for that protocol"));
    }
    switched_ = true;
    wire_.keep_alive = false;
    co_return true;
  }
  // 100 answers an Expect that was not passed on; there is nobody to tell.
  if (out.status != 100 && call.responder != nullptr) {
    auto informed = co_await call.responder->inform(out);
    if (!informed) co_return fail(informed.error());
  }
  out.fields.clear();
  out.status = 0;
  out.reason = {};
  out.framing = http::Framing::None;
  out.content_length = 0;
  wire_ = {};
  co_return false;
}

// Runs beside the reading of the answer. It stops where the target stops reading; a client that
// breaks off its body ends the whole request.
Task<void> Connection::pump() {
  http::ChunkPrefix prefix;
  Bytes pieces[net::kMaxWritePieces];
  bool end = false;
  while (!end && !sending_failed_) {
    // The time that the client takes for its body is not the target's; it has a deadline there.
    if (!head_done_) arm(0, deadline_);
    auto next = co_await pump_body_->next(kPumpBytes);
    if (pump_stopped_) break;
    if (!next) {
      pump_error_ = next.error();
      stream_->cancel();
      break;
    }
    end = next->end;
    size_t count = 0;
    if (!pump_chunked_) {
      pieces[count++] = next->bytes;
    } else {
      if (!next->bytes.empty()) {
        http::write_chunk_prefix(next->bytes.size(), prefix);
        pieces[count++] = as_bytes({prefix.text, prefix.size});
        pieces[count++] = next->bytes;
        pieces[count++] = as_bytes("\r\n");
      }
      if (end) {
        // The size line of the last chunk goes with the piece before it.
        if (count > 0) pieces[count - 1] = as_bytes("\r\n0\r\n");
        if (count == 0) pieces[count++] = as_bytes("0\r\n");
        const Bytes lines = next->trailers == nullptr
                                ? as_bytes("\r\n")
                                : http::write_trailers(next->trailers, next->trailers->arena());
        pieces[count++] = lines;
      }
    }
    if (!head_done_) arm(try_timeout_ms_ == 0 ? kDefaultSendStallMs : try_timeout_ms_, deadline_);
    if (count == 0) continue;
    stream_->start_write(pieces, count);
    co_await net::IoWait(stream_->writing);
    if (pump_stopped_) break;
    if (stream_->writing.error != 0) sending_failed_ = true;
    // Who waits for more of the answer sees that the exchange moves.
    if (head_done_ && stream_->reading.pending) arm(idle_timeout_ms_, deadline_);
  }
  if (!pump_stopped_ && end) sending_failed_ = stream_->writing.error != 0;
  pump_body_ = nullptr;
  pump_done_ = true;
}

Result<void> Connection::before_body_read() {
  // What happened while nobody read: cancel() of the stream reaches pending operations only.
  if (loop_.now() >= deadline_) timed_out_ = true;
  if (timed_out_ || gave_up_ || pump_error_.code != Errc::None) {
    return fail(body_read_error(ECANCELED));
  }
  arm(idle_timeout_ms_, deadline_);
  // More is due: an end of stream must not go unnoticed here.
  stream_->look_again();
  return {};
}

Error Connection::body_read_error(int error_number) {
  Error error = broken(error_number);
  if (error.code == Errc::UpstreamClosed) {
    error.code = Errc::PeerClosed;
    error.what = "answer broke off";
    error.retry = Retry::Never;
  }
  return error;
}

bool Connection::finish() {
  unlink();
  timer_.clear();
  channel_.end();
  if (!pump_done_) {
    pump_stopped_ = true;
    // A pump that waits for the client ends within this call; one that waits for the target ends
    // when the stream is closed.
    if (pump_body_ != nullptr) pump_body_->cancel();
  }
  const bool reusable = head_done_ && !switched_ && pump_done_ && !pump_stopped_ &&
                        !sending_failed_ && pump_error_.code == Errc::None && wire_.keep_alive &&
                        body_.at_end() && !body_.failed() && !timed_out_ && !gave_up_ &&
                        input_.empty() && !input_.filling() && stream_->is_open();
  used_ = true;
  return reusable;
}

void Connection::give_back(bool reusable) { pool_->give(*this, reusable); }

void Connection::wait_idle(u32 idle_ms, void (*on_broken)(Connection&)) {
  on_broken_ = on_broken;
  input_.next_message();
  stream_->reading.on_done = &Connection::on_idle_read;
  stream_->reading.context = this;
  if (idle_ms == 0) idle_ms = 60'000;
  // Whoever closes first should be us: a request that crosses the target's close is lost.
  if (wire_.patience_s != 0) idle_ms = std::min(idle_ms, wire_.patience_s * 1000 - kPatienceMargin);
  arm(idle_ms, TimePoint::max());
  // A read that finishes at once means: closed, or bytes that nobody asked for.
  if (!input_.start_fill() || !stream_->reading.pending) on_broken_(*this);
}

void Connection::on_idle_read(void* context) {
  auto* self = static_cast<Connection*>(context);
  if (self->on_broken_ != nullptr) self->on_broken_(*self);
}

void Connection::stop_idle() {
  on_broken_ = nullptr;
  stream_->reading.on_done = nullptr;
}

}  // namespace gw::upstream
