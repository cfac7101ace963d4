// Where workers find the keys of an issuer.
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>

#include "runtime/jose/key_set.h"

namespace gw::jose {

/// Between the control thread, which publishes, and workers, which read: shared by shared_ptr. A
/// worker looks at one number for each request; it takes the lock only when that has changed.
class KeySlot {
 public:
  KeySlot() = default;
  KeySlot(const KeySlot&) = delete;
  KeySlot& operator=(const KeySlot&) = delete;

  /// Null: there are none (any more). Any thread.
  void publish(std::shared_ptr<const KeySet> keys);

  /// A worker's view; one thread. The slot outlives it.
  class Reader {
   public:
    explicit Reader(std::shared_ptr<const KeySlot> slot) : slot_(std::move(slot)) {}
    /// The newest keys, or null. Valid until the next call. No lock unless they have changed.
    const KeySet* current() {
      if (slot_->epoch_.load(std::memory_order_acquire) != epoch_) take();
      return keys_.get();
    }

   private:
    void take();
    std::shared_ptr<const KeySlot> slot_;
    std::shared_ptr<const KeySet> keys_;
    u64 epoch_ = 0;
  };

  /// A worker has a token whose key is not among them. Cheap while asking would be in vain, so that
  /// made-up tokens cost nothing: then it is a few loads. True: the issuer has been asked a moment
  /// ago and has not answered yet, so that there may be others soon. Any thread; `now_ms` of the
  /// steady clock.
  bool key_missing(i64 now_ms);
  static constexpr i64 kMomentMs = 2'000;
  /// Somebody has asked, and what he asked for is not over. When it is, publish() has happened
  /// before: who looks at the keys after a false here sees what the issuer had to say. Any thread.
  bool is_asking() const {
    return answered_.load(std::memory_order_acquire) != asked_.load(std::memory_order_acquire);
  }

  // Of the control side:
  /// `tell` is called by the worker that misses a key, at most once until wait_until() lets it.
  /// Empty: nobody listens any more; when this returns, nobody is being told, and nobody waits.
  void listen(std::function<void()> tell);
  void wait_until(i64 now_ms) { quiet_until_ms_.store(now_ms, std::memory_order_release); }
  /// How often was asked so far.
  u64 asked() const { return asked_.load(std::memory_order_acquire); }
  /// All who had asked by the time that asked() was `count` have their answer, whatever it is.
  void answer(u64 count) { answered_.store(count, std::memory_order_release); }

 private:
  std::atomic<u64> epoch_{0};
  std::atomic<i64> quiet_until_ms_{0};
  std::atomic<i64> asked_ms_{INT64_MIN / 2};
  std::atomic<u64> asked_{0};  // changes under the lock
  std::atomic<u64> answered_{0};
  mutable std::mutex mutex_;
  std::shared_ptr<const KeySet> keys_;
  std::function<void()> tell_;
};

}  // namespace gw::jose
