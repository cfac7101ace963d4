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
  KeptState limits;    // counters, by the limit's name; a changed limit begins anew
  KeptState pools;     // connections, by upstream; of a changed one, those that still fit
  KeptState health;    // what is known of UPSTREAM/TARGET, and its ejections; a name's by that name
  KeptState breakers;  // by upstream; a changed one goes on and is measured by its new numbers
  KeptState cache;     // stored answers, by operation; those of a changed one are not found again
  KeptState issuers;   // keys, by URL
};

/// Slow: reads both tables.
StateChanges compare_state(const BoundTable& before,
                           const std::vector<upstream::UpstreamConfig>& upstreams_before,
                           const BoundTable& after,
                           const std::vector<upstream::UpstreamConfig>& upstreams_after);

}  // namespace gw::server
