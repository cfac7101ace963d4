#include "runtime/admin/event_feed.h"

#include <utility>

namespace gw::admin {

std::unique_ptr<EventBody> EventFeed::subscribe() {
  if (closed_ || subscribers_.size() >= kMostSubscribers) return nullptr;
  auto body = std::make_unique<EventBody>(*this);
  subscribers_.push_back(body.get());
  return body;
}

void EventFeed::publish(std::string_view event, std::string_view data) {
  std::string text = "event: ";
  text.append(event).append("\ndata: ").append(data).append("\n\n");
  const std::vector<EventBody*> all = subscribers_;  // who is dropped leaves the list
  for (EventBody* body : all) body->add(text);
}

void EventFeed::close() {
  closed_ = true;
  const std::vector<EventBody*> all = subscribers_;
  for (EventBody* body : all) body->leave(EventBody::State::Closed);
}

// The first line tells the client that it is connected; without it a proxy may hold the head back.
EventBody::EventBody(EventFeed& feed) : feed_(feed), waiting_(": events of gwctl\n\n") {}

EventBody::~EventBody() { feed_.remove(*this); }

bool EventBody::Arrival::await_ready() const noexcept {
  return !body.waiting_.empty() || body.state_ != State::Open;
}

void EventBody::on_wake(void* context) {
  auto* self = static_cast<EventBody*>(context);
  if (self->waiter_) std::exchange(self->waiter_, {}).resume();
}

void EventBody::add(std::string_view text) {
  if (waiting_.size() + text.size() > EventFeed::kMostWaitingBytes) {
    leave(State::Dropped);
    return;
  }
  waiting_.append(text);
  if (waiter_) feed_.loop_.defer(wake_);
}

void EventBody::leave(State state) noexcept {
  if (state_ != State::Open) return;
  state_ = state;
  waiting_.clear();
  feed_.remove(*this);
  if (waiter_) feed_.loop_.defer(wake_);
}

Task<Result<http::BodyChunk>> EventBody::next(size_t max_bytes) {
  Arrival arrival{*this};
  co_await arrival;
  http::BodyChunk chunk;
  if (state_ == State::Dropped) co_return fail(Errc::Cancelled, "events");
  if (state_ == State::Closed) {
    chunk.end = true;
    co_return chunk;
  }
  if (waiting_.size() <= max_bytes) {
    sending_ = std::exchange(waiting_, std::string());
  } else {
    sending_ = waiting_.substr(0, max_bytes);
    waiting_.erase(0, max_bytes);
  }
  chunk.bytes = as_bytes(sending_);
  co_return chunk;
}

}  // namespace gw::admin
