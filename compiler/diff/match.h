// Which operation of the new table is which of the old one.
#pragma once
#include <optional>
#include <string>
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

/// Paths that differ in literal segments at their beginning only: in their base path.
struct BasePaths {
  std::string before;
  std::string after;
};
std::optional<BasePaths> base_paths(const std::string& before, const std::string& after);

/// Clients know an operation by where they call it, so method, host and template (whatever its
/// parameters are called) come first; what is left is matched by its stable identity,
/// and what is left then by another base path, if one explains it.
Matches match_operations(const Side& old_side, const Side& new_side);

}  // namespace gw::compiler::diff
