// What the process takes of the machine.
#pragma once
#include "runtime/base/types.h"

namespace gw {

struct ProcessUsage {
  double cpu_seconds = 0;  // user and system, of all threads
  u64 resident_bytes = 0;
  u64 virtual_bytes = 0;
  u64 descriptors = 0;
  u64 descriptor_limit = 0;  // soft
  u64 threads = 0;
};

/// Reads /proc/self; what cannot be read is 0. Any thread. Some dozens of microseconds, more with
/// thousands of descriptors.
ProcessUsage process_usage();

}  // namespace gw
