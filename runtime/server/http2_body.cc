#include "runtime/server/http2_body.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace gw::server {

void Http2Body::begin(net::BufferPool& pool) {
  reset();
  pool_ = &pool;
}

void Http2Body::reset() {
  GW_CHECK(!waiter_);
  for (size_t i = 0; i < count_; ++i) pool_->give(std::move(buffers_[i]));
  count_ = begin_ = end_ = held_bytes_ = lent_bytes_ = 0;
  received_bytes_ = 0;
  expected_ = ~u64{0};
  trailers_ = nullptr;
  ended_ = finished_ = cancelled_ = false;
  error_ = {};
}

bool Http2Body::append(Bytes bytes) {
  if (bytes.size() > kStreamWindowBytes - held_bytes_) return false;
  received_bytes_ += bytes.size();
  held_bytes_ += bytes.size();
  while (!bytes.empty()) {
    if (count_ == 0 || end_ == buffers_[count_ - 1].capacity) {
      GW_CHECK(count_ < kMaxBuffers);
      buffers_[count_++] = pool_->take(1);
      end_ = 0;
      if (count_ == 1) begin_ = 0;
    }
    net::Buffer& last = buffers_[count_ - 1];
    const size_t copied = std::min(bytes.size(), last.capacity - end_);
    std::memcpy(last.data.get() + end_, bytes.data(), copied);
    end_ += copied;
    bytes = bytes.subspan(copied);
  }
  return true;
}

void Http2Body::end(const http::FieldList* trailers) {
  ended_ = true;
  trailers_ = trailers;
}

void Http2Body::fail(const Error& error) {
  if (error_.code == Errc::None) error_ = error;
}

void Http2Body::wake() {
  if (!waiter_ || must_wait()) return;
  std::exchange(waiter_, {}).resume();
}

void Http2Body::cancel() noexcept {
  cancelled_ = true;
  if (waiter_) std::exchange(waiter_, {}).resume();
}

Bytes Http2Body::front_bytes() const {
  const size_t end = count_ == 1 ? end_ : buffers_[0].capacity;
  return as_bytes({buffers_[0].data.get() + begin_, end - begin_});
}

// What the reader had is read.
void Http2Body::give_back() {
  if (lent_bytes_ == 0) return;
  const size_t bytes = std::exchange(lent_bytes_, 0);
  held_bytes_ -= bytes;
  begin_ += bytes;
  const size_t end = count_ == 1 ? end_ : buffers_[0].capacity;
  if (begin_ == end) {
    pool_->give(std::move(buffers_[0]));
    for (size_t i = 1; i < count_; ++i) buffers_[i - 1] = std::move(buffers_[i]);
    --count_;
    begin_ = 0;
  }
  host_.body_consumed(bytes);
}

u64 Http2Body::remaining_bytes() const {
  const u64 unread = held_bytes_ - lent_bytes_;
  if (ended_) return unread;
  if (expected_ == ~u64{0}) return expected_;
  return expected_ - std::min(expected_, received_bytes_ - unread);
}

bool Http2Body::take_buffered(http::BodyChunk& out) {
  give_back();
  if (!ended_ || failed() || count_ > 1) return false;
  out.bytes = count_ == 0 ? Bytes{} : front_bytes();
  out.end = true;
  out.trailers = trailers_;
  lent_bytes_ = out.bytes.size();
  finished_ = true;
  return true;
}

Task<Result<http::BodyChunk>> Http2Body::next(size_t max_bytes) {
  give_back();
  if (must_wait() && !cancelled_) {
    host_.body_waits();
    while (must_wait() && !cancelled_) {
      Waiting waiting{*this};
      co_await waiting;
    }
    host_.body_wait_over();
  }
  if (cancelled_) {
    co_return gw::fail(
        Error{.code = Errc::Cancelled, .origin = Origin::Downstream, .what = "body not wanted"});
  }
  http::BodyChunk chunk;
  // A body that broke off is not passed on any further than it was.
  if (failed()) co_return gw::fail(error_);
  if (count_ > 0) {
    chunk.bytes = front_bytes();
    chunk.bytes = chunk.bytes.first(std::min(chunk.bytes.size(), max_bytes));
    lent_bytes_ = chunk.bytes.size();
  }
  chunk.end = ended_ && lent_bytes_ == held_bytes_;
  if (chunk.end) {
    chunk.trailers = trailers_;
    finished_ = true;
  }
  co_return chunk;
}

}  // namespace gw::server
