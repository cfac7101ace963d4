#include "runtime/upstream/sliding_counts.h"

#include <algorithm>

namespace gw::upstream {
namespace {

constexpr u32 kMostCounted = (1U << 24) - 1;

// A tenth in one word, so that it changes as a whole: its number (16 bits), the two counts (24 bits
// each).
struct Tenth {
  u16 number;
  u32 first;
  u32 second;
};

u64 packed(const Tenth& tenth) {
  return u64{tenth.number} << 48 | u64{tenth.first} << 24 | tenth.second;
}

Tenth unpacked(u64 word) {
  return {static_cast<u16>(word >> 48), static_cast<u32>(word >> 24) & kMostCounted,
          static_cast<u32>(word) & kMostCounted};
}

i64 tenth_of(u32 window_ms, u32 tenths, i64 now_ms) {
  return now_ms / std::max<i64>(window_ms / tenths, 1);
}

}  // namespace

void SlidingCounts::add(u32 window_ms, i64 now_ms, u32 first, u32 second) {
  const i64 current = tenth_of(window_ms, kTenths, now_ms);
  const u16 number = static_cast<u16>(current);
  auto& word = tenths_[static_cast<size_t>(current) % kTenths];
  u64 seen = word.load(std::memory_order_relaxed);
  for (;;) {
    Tenth tenth = unpacked(seen);
    if (tenth.number != number) tenth = {.number = number, .first = 0, .second = 0};
    while (u64{tenth.first} + first > kMostCounted || u64{tenth.second} + second > kMostCounted) {
      tenth.first /= 2;
      tenth.second /= 2;
      first = std::min(first, kMostCounted / 2);
      second = std::min(second, kMostCounted / 2);
    }
    tenth.first += first;
    tenth.second += second;
    if (word.compare_exchange_weak(seen, packed(tenth), std::memory_order_relaxed)) return;
  }
}

SlidingCounts::Sums SlidingCounts::sums(u32 window_ms, i64 now_ms) const {
  const u16 number = static_cast<u16>(tenth_of(window_ms, kTenths, now_ms));
  Sums out;
  for (const auto& word : tenths_) {
    const Tenth tenth = unpacked(word.load(std::memory_order_relaxed));
    if (static_cast<u16>(number - tenth.number) >= kTenths) continue;
    out.first += tenth.first;
    out.second += tenth.second;
  }
  return out;
}

void SlidingCounts::clear() {
  for (auto& word : tenths_) word.store(0, std::memory_order_relaxed);
}

}  // namespace gw::upstream
