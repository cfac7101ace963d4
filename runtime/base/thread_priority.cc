#include "runtime/base/thread_priority.h"

#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace gw {
namespace {

// As sched_setattr(2) has it; glibc 2.36 does not declare it.
struct SchedulingAttributes {
  std::uint32_t size = sizeof(SchedulingAttributes);
  std::uint32_t policy = 0;  // SCHED_OTHER
  std::uint64_t flags = 0;
  std::int32_t nice = 0;
  std::uint32_t priority = 0;
  std::uint64_t runtime_ns = 0;  // of SCHED_OTHER: the slice
  std::uint64_t deadline_ns = 0;
  std::uint64_t period_ns = 0;
  std::uint32_t clamp_min = 0;
  std::uint32_t clamp_max = 0;
};

constexpr int kLowest = 19;
constexpr std::uint64_t kSliceNs = 200'000;  // the kernel takes 100 us at the least

}  // namespace

bool ask_for_short_slices() {
  SchedulingAttributes attributes;
  // What else there is stays: the process may have been given another priority.
  if (::syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) != 0) return false;
  constexpr std::uint32_t kOther = 0;
  constexpr std::uint32_t kBatch = 3;
  if (attributes.policy != kOther && attributes.policy != kBatch) return false;
  attributes.runtime_ns = kSliceNs;
  attributes.flags = 0;
  return ::syscall(SYS_sched_setattr, 0, &attributes, 0) == 0;
}

void yield_to_others() {
#ifdef GW_SANITIZED
  // What looks for leaks at the end does so on the thread that ends, and would wait for long.
#else
  // Of this thread: Linux knows no priority of a process. It may always be lowered.
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kLowest);
  // Who yields gives up the rest of a slice, which should not be much.
  ask_for_short_slices();
#endif
}

void let_others_run() {
  // Of this thread, as above; those that it has started have it from there.
  if (::getpriority(PRIO_PROCESS, 0) == kLowest) ::sched_yield();
}

}  // namespace gw
