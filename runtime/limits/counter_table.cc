#include "runtime/limits/counter_table.h"

#include <sched.h>
#include <sys/mman.h>

#include <algorithm>
#include <bit>

namespace gw::limits {
namespace {

constexpr u32 kSpins = 128;
constexpr u32 kYields = 4096;

void pause_briefly() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

}  // namespace

CounterTable::CounterTable(size_t bytes)
    : mask_(std::bit_floor(std::max(bytes, sizeof(CounterBucket)) / sizeof(CounterBucket)) - 1) {
  // Zero pages are empty buckets, and cost nothing before they are written to.
  void* memory = mmap(nullptr, this->bytes(), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  GW_CHECK(memory != MAP_FAILED);  // at start, as any other allocation
  buckets_ = static_cast<CounterBucket*>(memory);
}

CounterTable::~CounterTable() { munmap(buckets_, bytes()); }

bool CounterTable::Lock::take(CounterBucket& bucket) {
  for (u32 i = 0; i < kSpins + kYields; ++i) {
    u32 free = 0;
    if (bucket.locked.compare_exchange_strong(free, 1, std::memory_order_acquire,
                                              std::memory_order_relaxed)) {
      return true;
    }
    i < kSpins ? pause_briefly() : static_cast<void>(sched_yield());
  }
  return false;
}

}  // namespace gw::limits
