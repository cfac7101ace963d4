// Exchanges that wait for something that another one does, perhaps on another worker.
#pragma once
#include <coroutine>
#include <deque>
#include <mutex>

#include "runtime/http/exchange.h"
#include "runtime/net/event_loop.h"

namespace gw::cache {

/// What a waiter is told. What else there is to say, the owner of the queue knows.
enum class News : u8 {
  Look,       // something has changed: look again
  Lead,       // it is yours to fetch
  Alone,      // fetch for yourself
  TimedOut,   // the time is over
  Cancelled,  // the client has gone
};

class Waiter;

/// In order of arrival. The owner's mutex is held for every call.
class WaitQueue {
 public:
  void add(Waiter& waiter) { waiting_.push_back(&waiter); }
  /// False: it is not in the queue; somebody has a message for it.
  bool remove(Waiter& waiter);
  void tell_all(News news);
  /// False: nobody waits.
  bool tell_first(News news);
  size_t size() const { return waiting_.size(); }

 private:
  std::deque<Waiter*> waiting_;
};

/// Lies in the frame of who waits, after add() with the mutex and start() without. Who takes it out
/// of the queue owes it one message to its loop, and it does not end before.
class Waiter final : public CancelListener {
 public:
  Waiter(std::mutex& mutex, WaitQueue& queue, net::EventLoop& loop)
      : mutex_(mutex), queue_(queue), loop_(loop), timer_(&Waiter::on_due, this) {}

  /// On the loop's thread, before it is awaited.
  void start(Exchange& exchange, TimePoint due);
  /// The same for what is waited for on behalf of others, too: the client's leaving is nothing as
  /// long as Exchange::fetch_is_shared.
  void start_for_all(Exchange& exchange, TimePoint due);
  void cancelled() noexcept override { give_up(News::Cancelled); }

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) noexcept { handle_ = handle; }
  News await_resume() const noexcept { return news_; }

 private:
  friend class WaitQueue;
  void tell(News news);
  static void on_due(void* context) { static_cast<Waiter*>(context)->give_up(News::TimedOut); }
  void give_up(News news) noexcept;

  std::mutex& mutex_;
  WaitQueue& queue_;
  net::EventLoop& loop_;
  net::Timer timer_;
  std::coroutine_handle<> handle_;
  News news_ = News::Look;
};

}  // namespace gw::cache
