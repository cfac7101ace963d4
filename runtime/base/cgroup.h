// What the control groups of this process allow it: cgroups(7), versions 1 and 2.
#pragma once
#include <optional>
#include <string>

#include "runtime/base/types.h"

namespace gw {

struct CgroupLimits {
  /// Processors: 1.5 is one and a half; nullopt: as many as there are.
  std::optional<double> cpus;
  std::optional<u64> memory_bytes;  // nullopt: as much as there is
};

/// The least that the group of this process and those that it is in have. What cannot be read
/// limits nothing. `root` stands before all paths, for tests. Reads a few small files.
CgroupLimits cgroup_limits(const std::string& root = {});

}  // namespace gw
