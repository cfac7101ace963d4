// A number of things that all workers together may have at a time: requests or connections of one
// upstream.
#pragma once
#include <atomic>
#include <coroutine>
#include <deque>
#include <mutex>

#include "runtime/http/env.h"
#include "runtime/net/event_loop.h"

namespace gw::upstream {

/// Exact over all workers. A permit that is given back while somebody waits goes to who has waited
/// longest, on whatever worker that is; newcomers do not overtake. Taking and giving back while
/// nobody waits is one compare-and-swap each. Any thread, unless it says otherwise.
class Permits {
 public:
  static constexpr u32 kNoLimit = ~u32{0};

  enum class Outcome : u8 {
    Granted,    // the waiter has a permit
    Offered,    // it has `offered` instead, whose permit somebody took before
    TimedOut,   //
    Cancelled,  // the client has gone
  };
  struct Waited {
    Outcome outcome = Outcome::TimedOut;
    void* offered = nullptr;
  };
  /// Who waits, for offer(). `on_waiting` is called once it is in the queue; may be null.
  struct Claim {
    void* owner = nullptr;
    u32 key = 0;
    void (*on_waiting)(void* owner) = nullptr;
  };
  enum class Offer : u8 {
    Taken,
    Declined,  // nobody with this claim waits
    Overdue,   // who has waited longest is another, and has been passed over often enough
  };

  Permits() = default;
  Permits(const Permits&) = delete;
  Permits& operator=(const Permits&) = delete;

  /// 0: no limit. Those who wait and now may are told. Where more are taken, they stay taken.
  void set_limit(u32 limit);
  /// False: none is free, or others wait for one.
  bool try_take() {
    u64 seen = state_.load(std::memory_order_relaxed);
    while (waiting_in(seen) == 0 && taken_in(seen) < limit_.load(std::memory_order_relaxed)) {
      if (state_.compare_exchange_weak(seen, seen + 1, std::memory_order_acq_rel)) return true;
    }
    return false;
  }
  void give() {
    u64 seen = state_.load(std::memory_order_relaxed);
    while (waiting_in(seen) == 0) {
      if (state_.compare_exchange_weak(seen, seen - 1, std::memory_order_acq_rel)) return;
    }
    give_to_waiter();
  }
  /// Until there is a permit, `due`, or the client of `exchange` has gone. Allocates. On the thread
  /// of `loop`, on which the caller is resumed, too.
  Task<Waited> wait(net::EventLoop& loop, Exchange& exchange, TimePoint due, const Claim& claim);

  bool has_waiters() const { return waiting_in(state_.load(std::memory_order_relaxed)) != 0; }
  u32 taken() const { return taken_in(state_.load(std::memory_order_relaxed)); }
  u32 waiting() const { return waiting_in(state_.load(std::memory_order_relaxed)); }
  /// Gives `thing`, which has a permit already, to the first waiter with this claim, so that it
  /// need not be made anew. Whoever has waited longest is passed over so at most `most` times.
  Offer offer(const Claim& claim, void* thing, u32 most);

 private:
  class Waiter;

  static u32 taken_in(u64 state) { return static_cast<u32>(state); }
  static u32 waiting_in(u64 state) { return static_cast<u32>(state >> 32); }
  static constexpr u64 kOneWaiting = u64{1} << 32;

  bool enqueue(Waiter& waiter);
  bool leave(Waiter& waiter);
  void give_to_waiter();
  void grant();

  std::atomic<u64> state_{0};  // waiting, taken; while somebody waits changed with the mutex only
  std::atomic<u32> limit_{kNoLimit};
  std::mutex mutex_;
  std::deque<Waiter*> queue_;  // in order of arrival
};

}  // namespace gw::upstream
