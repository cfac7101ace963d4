#include "runtime/cache/growing_body.h"

#include <algorithm>

namespace gw::cache {

GrowingBody::GrowingBody(std::optional<u64> length, u64 limit_bytes)
    : length_(length), limit_(limit_bytes) {
  if (!length_) return;
  exact_ = std::make_shared<Body>();
  exact_->size = *length_;
  exact_->bytes = std::make_unique_for_overwrite<std::byte[]>(std::max<size_t>(*length_, 1));
}

bool GrowingBody::only_owner_reads() const {
  return std::ranges::all_of(readers_, [](const Reader* reader) { return reader->owner; });
}

GrowingBody::Growth GrowingBody::append(Bytes bytes) {
  const std::lock_guard lock(mutex_);
  if (exact_ != nullptr) {
    // Framing has seen to it that no more comes.
    const size_t taken = std::min<size_t>(bytes.size(), exact_->size - size_);
    std::copy_n(bytes.begin(), taken, exact_->bytes.get() + size_);
    size_ += taken;
  } else {
    blocks_.append(bytes);
    size_ = blocks_.size();
  }
  if (size_ > limit_ && !windowed_) {
    if (only_owner_reads()) {
      state_ = State::Overflown;
    } else {
      windowed_ = true;
      blocks_.drop_read();
    }
  }
  waiting_.tell_all(News::Look);
  if (state_ == State::Overflown) return Growth::Overflown;
  return windowed_ ? Growth::Windowed : Growth::Kept;
}

void GrowingBody::drop_read(TimePoint now) {
  if (!windowed_) return;
  if (readers_.empty() && abandoned_) std::exchange(abandoned_, nullptr)();
  if (blocks_.drop_read() && starving_since_) starving_since_ = now;
  if (is_full()) return;
  starving_since_.reset();
  filler_.tell_all(News::Look);
}

Task<bool> GrowingBody::wait_for_room(net::EventLoop& loop, Exchange& exchange, TimePoint due) {
  for (;;) {
    Waiter waiter(mutex_, filler_, loop);
    {
      const std::lock_guard lock(mutex_);
      if (!windowed_) co_return true;
      if (readers_.empty()) co_return false;
      if (!is_full()) co_return true;
      filler_.add(waiter);
    }
    waiter.start_for_all(exchange, due);
    const News news = co_await waiter;
    if (news != News::Look) co_return false;
  }
}

void GrowingBody::when_abandoned(std::function<void()> tell) {
  const std::lock_guard lock(mutex_);
  if (readers_.empty()) {
    tell();
  } else {
    abandoned_ = std::move(tell);
  }
}

void GrowingBody::end(State state) {
  state_ = state;
  abandoned_ = nullptr;  // who fetches may be gone
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

bool GrowingBody::is_growing() const {
  const std::lock_guard lock(mutex_);
  return state_ == State::Growing;
}

void GrowingBody::fail(const Error& error) {
  const std::lock_guard lock(mutex_);
  error_ = error;
  end(State::Failed);
}

std::shared_ptr<const Body> GrowingBody::whole() const {
  const std::lock_guard lock(mutex_);
  if (state_ != State::Complete || windowed_) return nullptr;
  if (exact_ != nullptr) return exact_;
  auto body = std::make_shared<Body>();
  body->size = size_;
  body->bytes = std::make_unique_for_overwrite<std::byte[]>(std::max<size_t>(size_, 1));
  blocks_.copy_to(body->bytes.get());
  return body;
}

bool GrowingBody::enter(Reader& reader) {
  const std::lock_guard lock(mutex_);
  // Of an overflown one nobody but the owner could have the rest.
  if (windowed_ || state_ == State::Overflown) return false;
  blocks_.enter(reader.place);
  reader.entered = true;
  reader.index = readers_.size();
  readers_.push_back(&reader);
  return true;
}

void GrowingBody::remove(Reader& reader) {
  blocks_.leave(reader.place);
  reader.entered = false;
  readers_[reader.index] = readers_.back();
  readers_[reader.index]->index = reader.index;
  readers_.pop_back();
}

void GrowingBody::leave(Reader& reader, TimePoint now) {
  const std::lock_guard lock(mutex_);
  if (!reader.entered) return;
  remove(reader);
  drop_read(now);
}

// Moves on to what comes behind the last piece.
GrowingBody::Piece GrowingBody::piece_at(Reader& reader, size_t max_bytes) const {
  Piece piece{.bytes = {}, .state = state_, .error = error_};
  const u64 offset = reader.next();
  if (exact_ != nullptr && offset < size_) {
    piece.bytes = Bytes(exact_->bytes.get(), size_).subspan(offset);
    piece.bytes = piece.bytes.first(std::min(piece.bytes.size(), max_bytes));
  } else if (offset < size_) {
    BlockList::Piece found = blocks_.at(offset, max_bytes);
    reader.block = std::move(found.block);
    piece.bytes = found.bytes;
  }
  // The end is told with the last bytes, a failure behind them.
  const bool last = offset + piece.bytes.size() == size_;
  if (!last || (!piece.bytes.empty() && state_ != State::Complete)) piece.state = State::Growing;
  return piece;
}

GrowingBody::Piece GrowingBody::read(Reader& reader, size_t max_bytes, TimePoint now) {
  const std::lock_guard lock(mutex_);
  if (!reader.entered) {
    const Error slow{.code = Errc::Cancelled,
                     .origin = Origin::Downstream,
                     .what = "client reads too slowly for those with the same answer"};
    return {.bytes = {}, .state = State::Failed, .error = slow};
  }
  const Piece piece = piece_at(reader, max_bytes);
  if (exact_ != nullptr) {
    reader.place.offset = reader.next();
  } else {
    blocks_.move(reader.place, reader.next());
    drop_read(now);
  }
  reader.taken = piece.bytes.size();
  return piece;
}

std::optional<Bytes> GrowingBody::read_rest(Reader& reader) {
  const std::lock_guard lock(mutex_);
  if (!reader.entered || state_ != State::Complete) return std::nullopt;
  const Piece piece = piece_at(reader, ~size_t{0});
  if (piece.state != State::Complete) return std::nullopt;
  reader.taken += piece.bytes.size();
  return piece.bytes;
}

bool GrowingBody::must_wait(const Reader& reader) const {
  const std::lock_guard lock(mutex_);
  return reader.entered && reader.next() >= size_ && state_ == State::Growing;
}

void GrowingBody::leave_slow_ones_behind(TimePoint now) {
  const std::lock_guard lock(mutex_);
  if (!is_full() || !starving_since_ || now < *starving_since_ + kPatience) return;
  for (size_t i = readers_.size(); i-- > 0;) {
    if (blocks_.holds_up(readers_[i]->place)) remove(*readers_[i]);
  }
  drop_read(now);
}

// Who has waited long enough leaves slow ones behind next; until then the time goes on.
void GrowingBody::end_starving(News news) {
  const std::lock_guard lock(mutex_);
  if (--starving_ == 0 && news != News::TimedOut) starving_since_.reset();
}

Task<News> GrowingBody::wait(Reader& reader, net::EventLoop& loop, Exchange& exchange,
                             TimePoint due) {
  for (;;) {
    Waiter waiter(mutex_, waiting_, loop);
    TimePoint until = due;
    bool starves = false;
    {
      const std::lock_guard lock(mutex_);
      if (!reader.entered || size_ > reader.next() || state_ != State::Growing) {
        co_return News::Look;
      }
      starves = is_full();
      if (starves) {
        ++starving_;
        if (!starving_since_) starving_since_ = loop.now();
        until = std::min(due, *starving_since_ + kPatience);
      }
      waiting_.add(waiter);
    }
    waiter.start(exchange, until);
    const News news = co_await waiter;
    if (starves) end_starving(news);
    if (news != News::TimedOut || until == due) co_return news;
    leave_slow_ones_behind(loop.now());
  }
}

GrowingSource::GrowingSource(std::shared_ptr<GrowingBody> body, net::EventLoop& loop,
                             Exchange& exchange, http::BodySource* rest)
    : body_(std::move(body)), loop_(loop), exchange_(exchange), rest_(rest) {
  reader_.owner = rest != nullptr;
  entered_ = body_->enter(reader_);
}

Task<Result<http::BodyChunk>> GrowingSource::next(size_t max_bytes) {
  for (;;) {
    const GrowingBody::Piece piece = body_->read(reader_, max_bytes, loop_.now());
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
    const News news = co_await body_->wait(reader_, loop_, exchange_, exchange_.deadline);
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
  const std::optional<Bytes> rest = body_->read_rest(reader_);
  if (!rest) return false;
  out = {};
  out.bytes = *rest;
  out.end = true;
  return true;
}

u64 GrowingSource::remaining_bytes() const {
  return body_->length() ? *body_->length() - reader_.next() : ~u64{0};
}

}  // namespace gw::cache
