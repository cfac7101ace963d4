// The machine that a gateway is to run on: limits, processors, memory, clock.
#pragma once
#include <optional>
#include <string>

#include "cli/doctor/finding.h"
#include "runtime/base/cgroup.h"
#include "runtime/base/descriptor_limit.h"

namespace gw::cli::doctor {

/// As they are here, or as a test has them.
struct MachineFacts {
  u32 user = 0;
  DescriptorLimit descriptors;
  u32 allowed_cpus = 1;
  CgroupLimits cgroup;
  i64 unix_s = 0;
  std::optional<bool> clock_synchronised;  // nullopt: the kernel does not say
  std::string huge_pages;                  // `always`, `madvise`, `never`; "": unknown
  bool reuse_port = true;                  // SO_REUSEPORT, which workers share a port by
  u32 backlog = 0;                         // net.core.somaxconn; 0: unknown
};

/// Reads a few small files and asks the kernel; changes nothing.
MachineFacts machine_facts();
void judge_machine(const MachineFacts& facts, Findings& out);

}  // namespace gw::cli::doctor
