// Taking targets out of use by what requests meet there.
#pragma once
#include "runtime/upstream/cluster.h"

namespace gw::upstream {

/// A request to `target` went well. One look at a counter while all is well.
inline void report_success(const UpstreamConfig& config, u32 target) {
  std::atomic<u32>& failures = config.targets[target].state->failures;
  if (failures.load(std::memory_order_relaxed) != 0) failures.store(0, std::memory_order_relaxed);
}

/// A request to `target` has failed by its fault: no connection, a break, no answer in time, a
/// status of 500 or above. Ejects the target after enough of them, if it may: never the last usable
/// one, and no more than the share that is configured, but one of a small number. Any thread.
void report_failure(const UpstreamConfig& config, u32 target, TimePoint now);

}  // namespace gw::upstream
