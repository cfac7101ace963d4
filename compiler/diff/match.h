// Which operation of the new table is which of the old one.
#pragma once
#include <vector>

#include "compiler/diff/side.h"

namespace gw::compiler::diff {

struct Match {
  u32 old_route;
  u32 new_route;
};

struct Matches {
  std::vector<Match> pairs;  // by old route
  std::vector<u32> removed;  // old routes without a counterpart
  std::vector<u32> added;    // new routes without one
};

/// Clients know an operation by where they call it, so method, host and template (whatever its
/// parameters are called) come first; what is left is matched by its stable identity.
Matches match_operations(const Side& old_side, const Side& new_side);

}  // namespace gw::compiler::diff
