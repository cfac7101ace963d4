#include "runtime/jose/key_slot.h"

namespace gw::jose {
namespace {

constexpr i64 kNever = INT64_MAX;

}  // namespace

void KeySlot::publish(std::shared_ptr<const KeySet> keys) {
  const std::lock_guard lock(mutex_);
  keys_.swap(keys);
  epoch_.fetch_add(1, std::memory_order_release);
}

void KeySlot::Reader::take() {
  const std::shared_ptr<const KeySet> old =
      std::move(keys_);  // may be the last: not under the lock
  const std::lock_guard lock(slot_->mutex_);
  keys_ = slot_->keys_;
  epoch_ = slot_->epoch_.load(std::memory_order_relaxed);
}

bool KeySlot::key_missing(i64 now_ms) {
  const auto asked_just_now = [&] {
    return is_asking() && now_ms - asked_ms_.load(std::memory_order_relaxed) < kMomentMs;
  };
  if (now_ms < quiet_until_ms_.load(std::memory_order_acquire)) return asked_just_now();
  // Of several workers one tells; the listener says when it wants to hear of it again.
  const std::lock_guard lock(mutex_);
  if (now_ms < quiet_until_ms_.load(std::memory_order_acquire)) return asked_just_now();
  if (!tell_) return false;
  asked_ms_.store(now_ms, std::memory_order_relaxed);
  asked_.fetch_add(1, std::memory_order_release);
  quiet_until_ms_.store(kNever, std::memory_order_release);
  tell_();
  return true;
}

void KeySlot::listen(std::function<void()> tell) {
  const std::lock_guard lock(mutex_);
  tell_ = std::move(tell);
  if (!tell_) answer(asked());
}

}  // namespace gw::jose
