#include "runtime/base/cpu_count.h"

#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <memory>
#include <thread>

namespace gw {
namespace {

// The kernel refuses a set that has not room for all processors that it knows of.
constexpr int kMostProcessors = 1 << 16;

struct FreeSet {
  void operator()(cpu_set_t* set) const { CPU_FREE(set); }
};

}  // namespace

u32 allowed_cpus() {
  for (int room = CPU_SETSIZE; room <= kMostProcessors; room *= 2) {
    const std::unique_ptr<cpu_set_t, FreeSet> set(CPU_ALLOC(static_cast<size_t>(room)));
    const size_t bytes = CPU_ALLOC_SIZE(static_cast<size_t>(room));
    if (set != nullptr && ::sched_getaffinity(0, bytes, set.get()) == 0) {
      return static_cast<u32>(std::max(1, CPU_COUNT_S(bytes, set.get())));
    }
    if (errno != EINVAL) break;
  }
  return std::max(1U, std::thread::hardware_concurrency());
}

u32 cpu_count(u32 allowed, const CgroupLimits& limits) {
  if (!limits.cpus || *limits.cpus >= allowed) return std::max(1U, allowed);
  return std::max(1U, static_cast<u32>(std::ceil(*limits.cpus)));
}

u32 cpu_count() { return cpu_count(allowed_cpus(), cgroup_limits()); }

}  // namespace gw
