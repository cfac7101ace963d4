// How many processors this process may use at once.
#pragma once
#include "runtime/base/cgroup.h"
#include "runtime/base/types.h"

namespace gw {

/// Processors that the process may run on (sched_getaffinity(2)); at least 1.
u32 allowed_cpus();
/// `allowed`, or the quota of control groups when that is less: rounded up, since half a processor
/// needs a thread, and at least 1.
u32 cpu_count(u32 allowed, const CgroupLimits& limits);
/// Of this process, now.
u32 cpu_count();

}  // namespace gw
