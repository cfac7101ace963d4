#include "runtime/cache/growing_body.h"

#include <algorithm>

namespace gw::cache {
namespace {

constexpr size_t kFirstBlockBytes = 16 * 1024;
constexpr size_t kLargestBlockBytes = 256 * 1024;

}  // namespace

GrowingBody::GrowingBody(std::optional<u64> length, u64 limit_bytes)
    : length_(length), limit_(limit_bytes) {
  if (!length_) return;
  exact_ = std::make_shared<Body>();
  exact_->size = *length_;
  exact_->bytes = std::make_unique_for_overwrite<std::byte[]>(std::max<size_t>(*length_, 1));
}

void GrowingBody::add_block(size_t bytes) {
  size_t capacity = blocks_.empty() ? kFirstBlockBytes : blocks_.back().capacity * 2;
  capacity = std::max(bytes, std::min(capacity, kLargestBlockBytes));
  blocks_.push_back({.bytes = std::make_unique_for_overwrite<std::byte[]>(capacity),
                     .first = size_,
                     .size = 0,
                     .capacity = capacity});
}

bool GrowingBody::append(Bytes bytes) {
  const std::lock_guard lock(mutex_);
  if (exact_ != nullptr) {
    // Framing has seen to it that no more comes.
    const size_t taken = std::min<size_t>(bytes.size(), exact_->size - size_);
    std::copy_n(bytes.begin(), taken, exact_->bytes.get() + size_);
    size_ += taken;
  } else {
    while (!bytes.empty()) {
      if (blocks_.empty() || blocks_.back().size == blocks_.back().capacity) {
        add_block(bytes.size());
      }
      Block& block = blocks_.back();
      const size_t taken = std::min(bytes.size(), block.capacity - block.size);
      std::copy_n(bytes.begin(), taken, block.bytes.get() + block.size);
      block.size += taken;
      size_ += taken;
      bytes = bytes.subspan(taken);
    }
  }
  if (size_ > limit_) state_ = State::Overflown;
  waiting_.tell_all(News::Look);
  return state_ != State::Overflown;
}

void GrowingBody::end(State state) {
  state_ = state;
  waiting_.tell_all(News::Look);
}

void GrowingBody::finish() {
  const std::lock_guard lock(mutex_);
  if (exact_ != nullptr && size_ != exact_->size) {
    error_ = Error{.code = Errc::UpstreamInvalid,
                   .origin = Origin::Upstream,
                   .what = "body shorter than its head says"};
    end(State::Failed);
  } else {
    end(State::Complete);
  }
}

void GrowingBody::fail(const Error& error) {
  const std::lock_guard lock(mutex_);
  error_ = error;
  end(State::Failed);
}

std::shared_ptr<const Body> GrowingBody::whole() const {
  const std::lock_guard lock(mutex_);
  if (state_ != State::Complete) return nullptr;
  if (exact_ != nullptr) return exact_;
  auto body = std::make_shared<Body>();
  body->size = size_;
  body->bytes = std::make_unique_for_overwrite<std::byte[]>(std::max<size_t>(size_, 1));
  for (const Block& block : blocks_) {
    std::copy_n(block.bytes.get(), block.size, body->bytes.get() + block.first);
  }
  return body;
}

GrowingBody::Piece GrowingBody::at(u64 offset, size_t max_bytes) const {
  const std::lock_guard lock(mutex_);
  Piece piece{.bytes = {}, .state = state_, .error = error_};
  if (offset >= size_) return piece;
  if (exact_ != nullptr) {
    piece.bytes = Bytes(exact_->bytes.get(), size_).subspan(offset);
  } else {
    const auto block = std::ranges::find_if(
        blocks_, [&](const Block& one) { return offset < one.first + one.size; });
    piece.bytes = Bytes(block->bytes.get(), block->size).subspan(offset - block->first);
  }
  piece.bytes = piece.bytes.first(std::min(piece.bytes.size(), max_bytes));
  // The end is told with the last bytes, a failure behind them.
  const bool last = offset + piece.bytes.size() == size_;
  if (!last || state_ != State::Complete) piece.state = State::Growing;
  return piece;
}

Task<News> GrowingBody::wait(u64 offset, net::EventLoop& loop, Exchange& exchange, TimePoint due) {
  Waiter waiter(mutex_, waiting_, loop);
  {
    const std::lock_guard lock(mutex_);
    if (size_ > offset || state_ != State::Growing) co_return News::Look;
    waiting_.add(waiter);
  }
  waiter.start(exchange, due);
  co_return co_await waiter;
}

Task<Result<http::BodyChunk>> GrowingSource::next(size_t max_bytes) {
  for (;;) {
    const GrowingBody::Piece piece = body_->at(offset_, max_bytes);
    offset_ += piece.bytes.size();
    http::BodyChunk chunk;
    chunk.bytes = piece.bytes;
    chunk.end = piece.state == GrowingBody::State::Complete;
    if (!chunk.bytes.empty() || chunk.end) co_return chunk;
    if (piece.state == GrowingBody::State::Failed) co_return fail(piece.error);
    if (piece.state == GrowingBody::State::Overflown) {
      if (rest_ != nullptr) co_return co_await rest_->next(max_bytes);
      co_return fail(Error{.code = Errc::UpstreamInvalid,
                           .origin = Origin::Upstream,
                           .what = "body longer than what can be shared"});
    }
    const News news = co_await body_->wait(offset_, loop_, exchange_, exchange_.deadline);
    if (news == News::Cancelled) {
      co_return fail(Error{.code = Errc::Cancelled, .what = "client has gone"});
    }
    if (news == News::TimedOut) {
      co_return fail(Error{.code = Errc::UpstreamTimeout,
                           .origin = Origin::Upstream,
                           .what = "body did not come in time"});
    }
  }
}

bool GrowingSource::take_buffered(http::BodyChunk& out) {
  const GrowingBody::Piece piece = body_->at(offset_, ~size_t{0});
  if (piece.state != GrowingBody::State::Complete) return false;
  offset_ += piece.bytes.size();
  out = {};
  out.bytes = piece.bytes;
  out.end = true;
  return true;
}

bool GrowingSource::must_wait() const {
  const GrowingBody::Piece piece = body_->at(offset_, 1);
  return piece.bytes.empty() && piece.state == GrowingBody::State::Growing;
}

u64 GrowingSource::remaining_bytes() const {
  return body_->length() ? *body_->length() - offset_ : ~u64{0};
}

}  // namespace gw::cache
