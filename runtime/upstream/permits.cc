#include "runtime/upstream/permits.h"

#include <algorithm>

namespace gw::upstream {

// Lies in the frame of wait(). In the queue it belongs to the mutex; who takes it out owes it one
// message to its loop, and it does not end before.
class Permits::Waiter final : public CancelListener {
 public:
  Waiter(Permits& permits, net::EventLoop& loop, const Claim& claim)
      : permits_(permits), loop_(loop), claim_(claim), timer_(&Waiter::on_due, this) {}

  void start(Exchange& exchange, TimePoint due) {
    link(exchange);
    loop_.set_timer(timer_, due);
  }
  void cancelled() noexcept override { give_up(Outcome::Cancelled); }

  bool is(const Claim& claim) const {
    return claim_.owner == claim.owner && claim_.key == claim.key;
  }
  // Any thread, by who has taken it out of the queue.
  void wake(Outcome outcome, void* offered) {
    waited = {outcome, offered};
    loop_.post([this] {
      timer_.clear();
      unlink();
      std::exchange(handle_, {}).resume();
    });
  }

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) noexcept { handle_ = handle; }
  void await_resume() const noexcept {}

  Waited waited;
  u32 passed_over = 0;

 private:
  static void on_due(void* context) { static_cast<Waiter*>(context)->give_up(Outcome::TimedOut); }
  // Whom somebody has a message for has got what he waited for.
  void give_up(Outcome outcome) noexcept {
    if (permits_.leave(*this)) wake(outcome, nullptr);
  }

  Permits& permits_;
  net::EventLoop& loop_;
  Claim claim_;
  net::Timer timer_;
  std::coroutine_handle<> handle_;
};

Task<Permits::Waited> Permits::wait(net::EventLoop& loop, Exchange& exchange, TimePoint due,
                                    const Claim& claim) {
  Waiter waiter(*this, loop, claim);
  if (!enqueue(waiter)) co_return Waited{Outcome::Granted, nullptr};
  if (exchange.client_gone) {
    waiter.cancelled();
  } else {
    waiter.start(exchange, due);
    if (claim.on_waiting != nullptr) claim.on_waiting(claim.owner);
  }
  co_await waiter;
  co_return waiter.waited;
}

// False: a permit has become free, and is taken.
bool Permits::enqueue(Waiter& waiter) {
  const std::lock_guard lock(mutex_);
  u64 seen = state_.load(std::memory_order_relaxed);
  for (;;) {
    const bool free =
        waiting_in(seen) == 0 && taken_in(seen) < limit_.load(std::memory_order_relaxed);
    const u64 next = free ? seen + 1 : seen + kOneWaiting;
    if (!state_.compare_exchange_weak(seen, next, std::memory_order_acq_rel)) continue;
    if (!free) queue_.push_back(&waiter);
    return !free;
  }
}

// False: it is not in the queue.
bool Permits::leave(Waiter& waiter) {
  const std::lock_guard lock(mutex_);
  const auto at = std::ranges::find(queue_, &waiter);
  if (at == queue_.end()) return false;
  queue_.erase(at);
  state_.fetch_sub(kOneWaiting, std::memory_order_acq_rel);
  return true;
}

// Between the look at the state and here the last waiter may have left: then this is giving back.
void Permits::give_to_waiter() {
  const std::lock_guard lock(mutex_);
  state_.fetch_sub(1, std::memory_order_acq_rel);
  grant();
}

void Permits::set_limit(u32 limit) {
  const std::lock_guard lock(mutex_);
  limit_.store(limit == 0 ? kNoLimit : limit, std::memory_order_relaxed);
  grant();
}

// With the mutex. As long as somebody waits nobody else takes one.
void Permits::grant() {
  while (!queue_.empty() && taken() < limit_.load(std::memory_order_relaxed)) {
    Waiter* first = queue_.front();
    queue_.pop_front();
    state_.fetch_add(1 - kOneWaiting, std::memory_order_acq_rel);
    first->wake(Outcome::Granted, nullptr);
  }
}

Permits::Offer Permits::offer(const Claim& claim, void* thing, u32 most) {
  const std::lock_guard lock(mutex_);
  if (queue_.empty()) return Offer::Declined;
  const auto own =
      std::ranges::find_if(queue_, [&](const Waiter* waiter) { return waiter->is(claim); });
  Waiter* first = queue_.front();
  if (own != queue_.begin() && ++first->passed_over > most) return Offer::Overdue;
  if (own == queue_.end()) return Offer::Declined;
  Waiter* chosen = *own;
  queue_.erase(own);
  state_.fetch_sub(kOneWaiting, std::memory_order_acq_rel);
  chosen->wake(Outcome::Offered, thing);
  return Offer::Taken;
}

}  // namespace gw::upstream
