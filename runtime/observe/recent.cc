#include "runtime/observe/recent.h"

#include <thread>

namespace gw::observe {

// Held for a copy. The thread of requests does not wait for it.
class RecentRequests::Lock {
 public:
  explicit Lock(std::atomic_flag& flag, bool waits) : flag_(flag) {
    held_ = !flag_.test_and_set(std::memory_order_acquire);
    while (!held_ && waits) {
      std::this_thread::yield();
      held_ = !flag_.test_and_set(std::memory_order_acquire);
    }
  }
  ~Lock() {
    if (held_) flag_.clear(std::memory_order_release);
  }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;
  bool held() const { return held_; }

 private:
  std::atomic_flag& flag_;
  bool held_ = false;
};

void RecentRequests::note_failing(const RecentRequest& request) {
  const Lock lock(locked_, false);
  if (!lock.held()) return;
  failing_[next_failing_] = request;
  next_failing_ = (next_failing_ + 1) % kEach;
  ++failing_count_;
}

// Takes the place of the one that is too old, or else of the least slow.
void RecentRequests::note_slow(const RecentRequest& request) {
  const Lock lock(locked_, false);
  if (!lock.held()) return;
  RecentRequest* place = nullptr;
  if (slow_count_ < kEach) {
    place = &slow_[slow_count_++];
  } else {
    place = &*std::ranges::min_element(slow_, {}, &RecentRequest::steady_ms);
    const bool too_old = place->steady_ms + kSlowForMs <= request.steady_ms;
    if (!too_old) place = &*std::ranges::min_element(slow_, {}, &RecentRequest::duration_us);
  }
  *place = request;
  look_at_slow();
}

void RecentRequests::look_at_slow() {
  if (slow_count_ < kEach) return;  // least_us_ and oldest_ends_ms_ let everybody in
  least_us_ = std::ranges::min_element(slow_, {}, &RecentRequest::duration_us)->duration_us;
  oldest_ends_ms_ =
      std::ranges::min_element(slow_, {}, &RecentRequest::steady_ms)->steady_ms + kSlowForMs;
}

void RecentRequests::add_to(Snapshot& out) const {
  // Room first: nothing is allocated with the lock held.
  out.failing.reserve(out.failing.size() + kEach);
  out.slow.reserve(out.slow.size() + kEach);
  const Lock lock(locked_, true);
  const size_t count = std::min<u64>(failing_count_, kEach);
  for (size_t i = 0; i < count; ++i) {
    out.failing.push_back(failing_[(next_failing_ + kEach - 1 - i) % kEach]);
  }
  out.slow.insert(out.slow.end(), slow_.begin(),
                  slow_.begin() + static_cast<ptrdiff_t>(slow_count_));
}

bool has_failed(const Exchange& exchange) {
  if (exchange.response.status >= 500) return true;
  if (exchange.client_gone) return false;
  if (exchange.response.status == 0) return true;
  switch (exchange.error.code) {
    case Errc::UpstreamClosed:
    case Errc::UpstreamInvalid:
    case Errc::UpstreamTimeout:
    case Errc::ResponseInvalid:
      return true;
    default:
      return false;
  }
}

}  // namespace gw::observe
