// What a change of tables keeps of the state that outlives tables.
#pragma once
#include <string>
#include <vector>

#include "runtime/table/bound_table.h"
#include "runtime/upstream/cluster.h"

namespace gw::server {

/// By stable identity. `changed`: the name is still there, what its state means is not the same.
struct KeptState {
  std::vector<std::string> kept;
  std::vector<std::string> changed;
  std::vector<std::string> added;
  std::vector<std::string> removed;
};

struct StateChanges {
  KeptState limits;     // counters; a changed limit begins anew
  KeptState upstreams;  // connections, health and breakers; of a changed one, those that still fit
  KeptState issuers;    // keys, by URL
};

/// Slow: reads both tables.
StateChanges compare_state(const BoundTable& before,
                           const std::vector<upstream::UpstreamConfig>& upstreams_before,
                           const BoundTable& after,
                           const std::vector<upstream::UpstreamConfig>& upstreams_after);

}  // namespace gw::server
