#include "runtime/cache/wait_queue.h"

#include <algorithm>
#include <utility>

namespace gw::cache {

bool WaitQueue::remove(Waiter& waiter) {
  const auto at = std::ranges::find(waiting_, &waiter);
  if (at == waiting_.end()) return false;
  waiting_.erase(at);
  return true;
}

void WaitQueue::tell_all(News news) {
  for (Waiter* waiter : std::exchange(waiting_, {})) waiter->tell(news);
}

bool WaitQueue::tell_first(News news) {
  if (waiting_.empty()) return false;
  Waiter* first = waiting_.front();
  waiting_.pop_front();
  first->tell(news);
  return true;
}

void Waiter::start(Exchange& exchange, TimePoint due) {
  link(exchange);
  if (due != TimePoint::max()) loop_.set_timer(timer_, due);
  if (exchange.client_gone) cancelled();
}

void Waiter::start_for_all(Exchange& exchange, TimePoint due) {
  link(exchange);
  if (due != TimePoint::max()) loop_.set_timer(timer_, due);
  if (exchange.client_gone && !exchange.fetch_is_shared) cancelled();
}

// Any thread, by who has taken it out of the queue.
void Waiter::tell(News news) {
  news_ = news;
  loop_.post([this] {
    timer_.clear();
    unlink();
    std::exchange(handle_, {}).resume();
  });
}

// Whom somebody has a message for hears of that.
void Waiter::give_up(News news) noexcept {
  const std::lock_guard lock(mutex_);
  if (queue_.remove(*this)) tell(news);
}

}  // namespace gw::cache
