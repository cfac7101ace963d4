// The codec (nghttp2) calls in while it takes bytes apart or puts them together; nothing may be
// resumed there. So whatever happens is noted, and the connection resumes the coroutines concerned
// when the codec has returned (Http2Connection::settle).
#include "runtime/upstream/http2_stream.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <new>

#include "runtime/http/field_names.h"
#include "runtime/http/limits.h"
#include "runtime/http/request_rules.h"
#include "runtime/upstream/http2_connection.h"
#include "runtime/upstream/http2_pairs.h"
#include "runtime/upstream/pool.h"

namespace gw::upstream {
namespace {

using http::Field;
using http::FieldId;
using http::Framing;

constexpr size_t kPumpBytes = 16 * 1024;
// While a request body is being sent, each piece may take this long if nothing else is configured.
constexpr u32 kDefaultSendStallMs = 60'000;

Error invalid(std::string_view what) {
  return Error{.code = Errc::UpstreamInvalid, .origin = Origin::Upstream, .what = what};
}

// Fields that say nothing of framing, routing or identity (RFC 9110 section 6.5.1).
bool may_follow_body(FieldId id, std::string_view name) {
  const bool usual = id == FieldId::Other || id == FieldId::Etag || id == FieldId::Date;
  return usual && http::may_be_trailer(id, name);
}

bool parse_length(std::string_view text, u64& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

std::string_view path_of(const Call& call, Arena& arena) {
  const http::RequestHead& head = call.request;
  const size_t size =
      call.path_prefix.size() + head.path.size() + (head.has_query ? head.query.size() + 1 : 0);
  char* text = static_cast<char*>(arena.allocate(size, 1));
  char* to = std::ranges::copy(call.path_prefix, text).out;
  to = std::ranges::copy(head.path, to).out;
  if (head.has_query) {
    *to++ = '?';
    std::ranges::copy(head.query, to);
  }
  return {text, size};
}

}  // namespace

// Of one of the two coroutines of a stream. Woken for no reason now and then: whoever waits looks.
struct Http2Stream::Wait {
  std::coroutine_handle<>& slot;
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiter) noexcept { slot = waiter; }
  void await_resume() const noexcept {}
};

Http2Stream::Http2Stream(Http2Connection& connection)
    : connection_(connection), timer_(&Http2Stream::on_deadline, this) {}

Http2Stream::~Http2Stream() { GW_CHECK(pump_done_ && !reader_); }

const net::ByteStream& Http2Stream::stream() const { return connection_.stream(); }
u32 Http2Stream::target() const { return connection_.target(); }
Pool& Http2Stream::pool() const { return connection_.pool(); }

// Waking -----------------------------------------------------------------------------------------

void Http2Stream::wake_reader() {
  reader_due_ = true;
  if (!woken_) connection_.wake_later(*this);
  woken_ = true;
}

// Called by the connection, outside of the codec.
void Http2Stream::wake() {
  woken_ = false;
  if (std::exchange(pump_due_, false) && pump_waiter_) std::exchange(pump_waiter_, {}).resume();
  if (std::exchange(reader_due_, false) && reader_) std::exchange(reader_, {}).resume();
}

void Http2Stream::fail_with(const Error& error) {
  if (finished_ || failure_.code != Errc::None) return;
  failure_ = error;
  if (id_ >= 0 && !closed_) {
    nghttp2_submit_rst_stream(connection_.session(), NGHTTP2_FLAG_NONE, id_, NGHTTP2_CANCEL);
  }
  wake_reader();
}

void Http2Stream::on_deadline(void* context) {
  auto* self = static_cast<Http2Stream*>(context);
  self->fail_with(Error{
      .code = Errc::UpstreamTimeout, .origin = Origin::Upstream, .what = "no answer in time"});
  self->connection_.settle();
}

void Http2Stream::cancelled() noexcept {
  fail_with(
      Error{.code = Errc::Cancelled, .origin = Origin::Downstream, .what = "client has gone"});
  connection_.settle();
}

void Http2Stream::cancel() noexcept {
  fail_with(Error{.code = Errc::Cancelled, .what = "body no longer wanted"});
  connection_.settle();
}

void Http2Stream::arm(u32 milliseconds, TimePoint deadline) {
  net::EventLoop& loop = connection_.loop();
  TimePoint due = deadline;
  if (milliseconds != 0) due = std::min(due, loop.now() + std::chrono::milliseconds(milliseconds));
  loop.set_timer(timer_, due);
}

// What the codec says
// --------------------------------------------------------------------------------

void Http2Stream::mark_invalid(std::string_view what) {
  if (failure_.code == Errc::None) failure_ = invalid(what);
  wake_reader();
}

void Http2Stream::begin_head() {
  head_bytes_ = 0;
  head_fields_ = 0;
  in_trailers_ = head_ready_;
  if (exchange_ == nullptr) return;
  Arena& arena = exchange_->arena;
  if (in_trailers_) {
    trailers_ = new (arena.allocate(sizeof(http::FieldList))) http::FieldList(arena);
  } else {
    out_->fields.clear();
    out_->status = 0;
  }
}

// False: the stream is to be reset.
bool Http2Stream::take_field(std::string_view name, std::string_view value) {
  any_field_ = true;
  if (exchange_ == nullptr) return true;
  head_bytes_ += name.size() + value.size() + 32;  // as SETTINGS_MAX_HEADER_LIST_SIZE counts
  const size_t most = in_trailers_ ? http::kMaxTrailerBytes : http::kMaxHeadBytes;
  const u32 count = in_trailers_ ? http::kMaxTrailerFields : http::kMaxFields;
  if (head_bytes_ > most || ++head_fields_ > count) {
    mark_invalid("head too large");
    return false;
  }
  Arena& arena = exchange_->arena;
  const FieldId id = http::field_id(name);
  if (in_trailers_) {
    if (may_follow_body(id, name)) trailers_->add(id, arena.copy(name), arena.copy(value));
    return true;
  }
  if (name == ":status") {  // three digits: the codec has looked
    u16 status = 0;
    std::from_chars(value.data(), value.data() + value.size(), status);
    out_->status = status;
    return true;
  }
  if (!name.empty() && name.front() == ':') return true;
  out_->fields.add(id, arena.copy(name), arena.copy(value));
  return true;
}

bool Http2Stream::end_head(bool end_of_stream) {
  if (exchange_ == nullptr || in_trailers_) return true;
  if (out_->status < 200) {
    if (++interim_total_ > http::kMaxInterimResponses) {
      mark_invalid("too many 1xx answers");
      return false;
    }
    // 100 answers an Expect that was not passed on; there is nobody to tell.
    if (out_->status == 100 || responder_ == nullptr) return true;
    Arena& arena = exchange_->arena;
    auto* kept = new (arena.allocate(sizeof(http::ResponseHead))) http::ResponseHead(arena);
    kept->status = out_->status;
    kept->fields = out_->fields;
    http::strip_hop_by_hop(kept->fields);
    interim_[interim_count_++] = kept;
    out_->fields.clear();
    wake_reader();
    return true;
  }
  u64 length = 0;
  const Field* announced = out_->fields.find(FieldId::ContentLength);
  out_->framing = end_of_stream ? Framing::None : Framing::UntilClose;
  if (announced != nullptr) {
    // The codec compares it with what comes; here it is for HEAD and 304 as well.
    if (!parse_length(announced->value, length)) {
      mark_invalid("unusable Content-Length");
      return false;
    }
    const bool no_content = out_->status == 204;
    out_->framing = no_content ? Framing::None : Framing::Length;
    out_->content_length = length;
    if (!end_of_stream) body_left_ = length;
  }
  out_->fields.remove(FieldId::ContentLength);
  http::strip_hop_by_hop(out_->fields);
  head_ready_ = true;
  wake_reader();
  return true;
}

void Http2Stream::take_data(Bytes bytes) {
  incoming_.append(as_text(bytes));
  wake_reader();
}

void Http2Stream::end_of_stream() {
  ended_ = true;
  wake_reader();
}

bool Http2Stream::was_used() const { return connection_.was_used(); }

void Http2Stream::refused() {
  closed_ = true;
  if (failure_.code == Errc::None) failure_ = closed_error(NGHTTP2_REFUSED_STREAM);
  wake_reader();
}

Error Http2Stream::closed_error(u32 error_code) const {
  Error error{
      .code = Errc::UpstreamClosed, .origin = Origin::Upstream, .what = "target reset the stream"};
  if (error_code == NGHTTP2_REFUSED_STREAM && !any_field_ && connection_.is_going_away()) {
    error.retry = Retry::Unseen;  // RFC 9113 section 6.8
    error.what = "target ended the connection before it looked at the request";
  } else if (error_code == NGHTTP2_REFUSED_STREAM && !any_field_) {
    error.retry = Retry::Safe;  // RFC 9113 section 8.7: it was not looked at
    error.what = "target refused the stream";
  } else if (head_ready_) {
    error.code = Errc::PeerClosed;
    error.what = "answer broke off";
  }
  return error;
}

void Http2Stream::closed(u32 error_code) {
  closed_ = true;
  const bool complete = ended_ && head_ready_;
  if (!complete && failure_.code == Errc::None) failure_ = closed_error(error_code);
  pump_due_ = true;  // nobody takes the rest of the request
  wake_reader();
}

void Http2Stream::connection_lost(const Error& error) {
  closed_ = true;
  if (!(ended_ && head_ready_) && failure_.code == Errc::None) {
    failure_ = error;
    if (error.code == Errc::UpstreamClosed) {
      if (head_ready_) {
        failure_.code = Errc::PeerClosed;
        failure_.what = "answer broke off";
      } else if (connection_.was_used() && !any_field_) {
        failure_.retry = Retry::Reused;
      }
    }
  }
  pump_due_ = true;
  wake_reader();
}

// Bytes of the request body: how many were given, 0 with `end`, -1: none are there yet.
i64 Http2Stream::give_data(u8* to, size_t room, bool& end, bool& trailers_follow) {
  end = trailers_follow = false;
  if (!piece_ready_) return -1;
  const size_t bytes = std::min(room, piece_.size());
  if (bytes > 0) std::memcpy(to, piece_.data(), bytes);
  piece_ = piece_.subspan(bytes);
  if (!piece_.empty()) return static_cast<i64>(bytes);
  piece_ready_ = false;
  end = piece_end_;
  trailers_follow = end && piece_trailers_ != nullptr;
  pump_due_ = true;
  if (!woken_) connection_.wake_later(*this);
  woken_ = true;
  return static_cast<i64>(bytes);
}

// Of the request, behind its last byte. False: there is nothing to send.
bool Http2Stream::send_trailers() {
  Http2Pairs pairs(exchange_->arena);
  pairs.add_fields(*piece_trailers_);
  if (pairs.size() == 0) return false;
  return nghttp2_submit_trailer(connection_.session(), id_, pairs.data(), pairs.size()) == 0;
}

// The request
// ------------------------------------------------------------------------------------------

Result<void> Http2Stream::submit(Call& call) {
  Arena& arena = call.exchange.arena;
  const http::RequestHead& head = call.request;
  const bool has_body = call.has_whole ? !call.whole.bytes.empty() || call.whole.trailers != nullptr
                                       : call.body != nullptr;
  Http2Pairs pairs(arena);
  pairs.add(":method", head.method_text);
  pairs.add(":scheme", connection_.is_secure() ? "https" : "http");
  pairs.add(":authority", head.authority.empty() ? call.target : head.authority);
  pairs.add(":path", path_of(call, arena));
  pairs.add_fields(head.fields);
  if (head.accepts_trailers) pairs.add("te", "trailers");
  u64 length = ~u64{0};
  if (call.has_whole && call.whole.trailers == nullptr) length = call.whole.bytes.size();
  if (!call.has_whole && call.body != nullptr) length = call.body->remaining_bytes();
  if (!has_body && head.framing != Framing::None) length = 0;
  char digits[20];
  const bool announced = length != ~u64{0} && (has_body || head.framing != Framing::None);
  if (announced) {
    const char* end = std::to_chars(digits, digits + sizeof digits, length).ptr;
    pairs.add("content-length", {digits, static_cast<size_t>(end - digits)});
  }
  if (call.has_whole) {
    piece_ = call.whole.bytes;
    piece_end_ = true;
    piece_trailers_ = call.whole.trailers;
    piece_ready_ = true;
  }
  id_ = connection_.submit(pairs, has_body ? this : nullptr, *this);
  if (id_ < 0) {
    closed_ = true;
    Error error = closed_error(NGHTTP2_REFUSED_STREAM);
    error.what = "connection takes no more requests";
    return fail(error);
  }
  return {};
}

Task<Result<void>> Http2Stream::round_trip(Call& call, http::ResponseHead& out) {
  link(call.exchange);
  exchange_ = &call.exchange;
  responder_ = call.responder;
  out_ = &out;
  deadline_ = call.options.deadline;
  try_timeout_ms_ = call.options.try_timeout_ms;
  idle_timeout_ms_ = call.options.idle_timeout_ms;
  arm(try_timeout_ms_, deadline_);
  GW_CO_TRY(submit(call));
  if (call.body != nullptr) {
    pump_body_ = call.body;
    pump_done_ = false;
    pump_task_ = pump();
    pump_task_.start();
  }
  connection_.settle();
  while (true) {
    while (interim_count_ > 0) {
      const http::ResponseHead& interim = *interim_[0];
      std::copy(interim_ + 1, interim_ + interim_count_, interim_);
      --interim_count_;
      const auto informed = co_await responder_->inform(interim);
      if (!informed) co_return fail(informed.error());
    }
    if (head_ready_) break;
    if (failure_.code != Errc::None) co_return fail(failure_);
    Wait wait{reader_};
    co_await wait;
  }
  timer_.clear();  // the next read of the body sets its own
  co_return Result<void>();
}

// Runs beside the reading of the answer.
Task<void> Http2Stream::pump() {
  while (true) {
    // The time that the client takes for its body is not the target's; it has a deadline there.
    if (!head_ready_) arm(0, deadline_);
    const auto next = co_await pump_body_->next(kPumpBytes);
    if (pump_stopped_) break;
    if (!next) {
      fail_with(next.error());
      connection_.settle();
      break;
    }
    if (closed_ || failure_.code != Errc::None) break;
    if (!head_ready_) arm(try_timeout_ms_ == 0 ? kDefaultSendStallMs : try_timeout_ms_, deadline_);
    if (next->bytes.empty() && !next->end) continue;
    piece_ = next->bytes;
    piece_end_ = next->end;
    piece_trailers_ = next->end ? next->trailers : nullptr;
    piece_ready_ = true;
    nghttp2_session_resume_data(connection_.session(), id_);
    connection_.settle();
    while (piece_ready_ && !pump_stopped_ && !closed_) {
      Wait wait{pump_waiter_};
      co_await wait;
    }
    if (pump_stopped_ || closed_ || piece_end_) break;
    // Who waits for more of the answer sees that the exchange moves.
    if (head_ready_ && reader_) arm(idle_timeout_ms_, deadline_);
  }
  pump_body_ = nullptr;
  piece_ready_ = false;
  pump_done_ = true;
}

void Http2Stream::stop_pump() {
  if (pump_done_) return;
  pump_stopped_ = true;
  // One that waits for the client ends within this call.
  if (pump_waiter_) {
    std::exchange(pump_waiter_, {}).resume();
  } else if (pump_body_ != nullptr) {
    pump_body_->cancel();
  }
}

// The answer
// ---------------------------------------------------------------------------------------

http::BodySource* Http2Stream::response_body() {
  return ended_ && incoming_.empty() && trailers_ == nullptr ? nullptr : this;
}

// The reader has done with its piece: the target may send as much again.
void Http2Stream::hand_back() {
  const size_t bytes = std::exchange(to_consume_, 0);
  if (bytes == 0 || closed_ || id_ < 0) return;
  nghttp2_session_consume_stream(connection_.session(), id_, bytes);
}

u64 Http2Stream::remaining_bytes() const {
  if (ended_) return handed_.size() - handed_at_ + incoming_.size();
  return body_left_;
}

bool Http2Stream::must_wait() const {
  return handed_at_ == handed_.size() && incoming_.empty() && !ended_ &&
         failure_.code == Errc::None;
}

bool Http2Stream::take_buffered(http::BodyChunk& out) {
  if (!ended_ || failure_.code != Errc::None || handed_at_ != handed_.size()) return false;
  hand_back();
  handed_.swap(incoming_);
  incoming_.clear();
  handed_at_ = handed_.size();
  out.bytes = as_bytes(handed_);
  out.end = true;
  out.trailers = trailers_;
  return true;
}

Task<Result<http::BodyChunk>> Http2Stream::next(size_t max_bytes) {
  hand_back();
  connection_.settle();
  while (true) {
    const bool given_up =
        failure_.code == Errc::Cancelled || failure_.code == Errc::UpstreamTimeout;
    if (given_up) co_return fail(failure_);
    if (handed_at_ == handed_.size() && !incoming_.empty()) {
      handed_.swap(incoming_);
      incoming_.clear();
      handed_at_ = 0;
    }
    const bool last = ended_ && incoming_.empty();
    if (handed_at_ < handed_.size() || last) break;
    if (failure_.code != Errc::None) co_return fail(failure_);
    if (connection_.loop().now() >= deadline_) {
      on_deadline(this);
      continue;
    }
    arm(idle_timeout_ms_, deadline_);
    Wait wait{reader_};
    co_await wait;
  }
  timer_.clear();
  http::BodyChunk chunk;
  chunk.bytes = as_bytes(std::string_view(handed_).substr(handed_at_, max_bytes));
  handed_at_ += chunk.bytes.size();
  to_consume_ = chunk.bytes.size();
  if (body_left_ != ~u64{0}) body_left_ -= std::min<u64>(body_left_, chunk.bytes.size());
  chunk.end = ended_ && incoming_.empty() && handed_at_ == handed_.size();
  if (chunk.end) chunk.trailers = trailers_;
  co_return chunk;
}

bool Http2Stream::finish() {
  unlink();
  timer_.clear();
  hand_back();
  stop_pump();
  const bool sent_all = has_sent_all();
  if (id_ >= 0 && !closed_ && failure_.code == Errc::None) {
    const u32 code = ended_ && sent_all ? NGHTTP2_NO_ERROR : NGHTTP2_CANCEL;
    nghttp2_submit_rst_stream(connection_.session(), NGHTTP2_FLAG_NONE, id_, code);
  }
  exchange_ = nullptr;
  responder_ = nullptr;
  out_ = nullptr;
  piece_ready_ = false;
  reader_ = {};
  finished_ = true;
  if (id_ >= 0) nghttp2_session_set_stream_user_data(connection_.session(), id_, nullptr);
  return false;
}

void Http2Stream::give_back(bool) {
  Pool& its_pool = pool();
  const u32 its_target = target();
  connection_.settle();  // may be the end of this
  its_pool.http2_has_room(its_target);
}

}  // namespace gw::upstream
