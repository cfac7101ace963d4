// Server-sent events (WHATWG HTML section 9.2) of the admin interface: what is published goes to
// everybody who listens.
#pragma once
#include <coroutine>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/http/body.h"
#include "runtime/http/exchange.h"
#include "runtime/net/event_loop.h"

namespace gw::admin {

class EventBody;

/// Outlives its subscribers. One thread.
class EventFeed {
 public:
  static constexpr size_t kMostSubscribers = 16;
  /// What a subscriber may leave unread before it is dropped.
  static constexpr size_t kMostWaitingBytes = size_t{512} << 10;

  explicit EventFeed(net::EventLoop& loop) : loop_(loop) {}
  EventFeed(const EventFeed&) = delete;
  EventFeed& operator=(const EventFeed&) = delete;

  /// The events from now on, as a body. Null: there are enough subscribers, or the feed is closed.
  std::unique_ptr<EventBody> subscribe();
  /// `data` is one line.
  void publish(std::string_view event, std::string_view data);
  /// The bodies of all end.
  void close();
  size_t subscribers() const { return subscribers_.size(); }

 private:
  friend class EventBody;
  void remove(EventBody& body) { std::erase(subscribers_, &body); }

  net::EventLoop& loop_;
  std::vector<EventBody*> subscribers_;
  bool closed_ = false;
};

/// Ends when the feed does; fails with Cancelled when its client has left or does not read.
class EventBody final : public http::BodySource, public CancelListener {
 public:
  explicit EventBody(EventFeed& feed);
  ~EventBody() override;

  Task<Result<http::BodyChunk>> next(size_t max_bytes) override;
  void cancel() noexcept override { leave(State::Dropped); }
  void cancelled() noexcept override { leave(State::Dropped); }

 private:
  friend class EventFeed;
  enum class State : u8 { Open, Closed, Dropped };
  struct Arrival {
    EventBody& body;
    bool await_ready() const noexcept;
    void await_suspend(std::coroutine_handle<> handle) noexcept { body.waiter_ = handle; }
    void await_resume() const noexcept {}
  };
  void add(std::string_view text);
  void leave(State state) noexcept;
  static void on_wake(void* context);

  EventFeed& feed_;
  State state_ = State::Open;
  std::string waiting_;
  std::string sending_;  // what next() has given out last
  std::coroutine_handle<> waiter_;
  net::Deferred wake_{&EventBody::on_wake, this};
};

}  // namespace gw::admin
