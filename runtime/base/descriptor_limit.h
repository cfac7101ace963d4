// How many descriptors the process may have open (getrlimit(2), RLIMIT_NOFILE).
#pragma once
#include "runtime/base/types.h"

namespace gw {

struct DescriptorLimit {
  u64 before = 0;  // the soft limit as it was
  u64 now = 0;
  u64 hard = 0;  // which it cannot exceed
};

/// A gateway with fewer is told to be short of them: a request to an upstream takes two.
inline constexpr u64 kFewDescriptors = 4096;

DescriptorLimit descriptor_limit();
/// Raises the soft limit to the hard one, or to a million where there is none. Nothing here uses
/// select(2), which is what the low soft limit is for. Before threads are started.
DescriptorLimit raise_descriptor_limit();

}  // namespace gw
