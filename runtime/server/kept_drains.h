// What the operator has drained, as the state directory keeps it over a restart.
#pragma once
#include <vector>

#include "runtime/server/state_directory.h"
#include "runtime/upstream/state.h"

namespace gw::server {

using Drain = upstream::StateRegistry::Drained;

/// Errors: as StateDirectory::drains(), TableCorrupt for lines that keep_drains() does not write.
Result<std::vector<Drain>> read_drains(const StateDirectory& state);
/// In the place of those kept before. Errors: as StateDirectory::keep_drains().
Result<void> keep_drains(StateDirectory& state, const std::vector<Drain>& drains);

}  // namespace gw::server
