#include "runtime/base/descriptor_shortage.h"

#include <cerrno>
#include <chrono>
#include <cstring>

#include "runtime/base/descriptor_limit.h"
#include "runtime/base/log.h"

namespace gw {
namespace {

std::atomic<u64> counts[kShortagePlaces];
OncePerSecond lines;

i64 steady_ms() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

}  // namespace

bool is_shortage(int error_number) {
  return error_number == EMFILE || error_number == ENFILE || error_number == ENOBUFS ||
         error_number == ENOMEM;
}

void note_shortage(ShortageAt where, int error_number) {
  counts[static_cast<size_t>(where)].fetch_add(1, std::memory_order_relaxed);
  const std::optional<u64> held_back = lines.pass(steady_ms());
  if (!held_back) return;
  char buffer[128];
  log(LogLevel::Warning, "descriptor_shortage",
      {{"at", kShortagePlaceNames[static_cast<size_t>(where)]},
       {"error", ::strerror_r(error_number, buffer, sizeof buffer)},
       {"limit", static_cast<i64>(descriptor_limit().now)},
       {"not_told", static_cast<i64>(*held_back)}});
}

u64 shortage_count(ShortageAt where) {
  return counts[static_cast<size_t>(where)].load(std::memory_order_relaxed);
}

std::optional<u64> OncePerSecond::pass(i64 now_ms) {
  i64 last = last_ms_.load(std::memory_order_relaxed);
  const bool due = last == kNever || now_ms - last >= 1000;
  if (due && last_ms_.compare_exchange_strong(last, now_ms, std::memory_order_relaxed)) {
    return held_back_.exchange(0, std::memory_order_relaxed);
  }
  held_back_.fetch_add(1, std::memory_order_relaxed);
  return std::nullopt;
}

}  // namespace gw
