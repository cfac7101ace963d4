// Which operation takes which requests, in the one table and in the other.
#pragma once
#include <vector>

#include "compiler/diff/match.h"
#include "compiler/diff/side.h"
#include "compiler/diff/witness.h"

namespace gw::compiler::diff {

/// Finds requests that go elsewhere: by witnesses of each operation, looked up in the other table.
/// Each witness that is told of is taken, and accepted, by the one of the two operations in its
/// table, and goes to the other one in the other table.
void compare_traffic(const Side& old_side, const Side& new_side, const Matches& matches,
                     WitnessMaker& witnesses, std::vector<Finding>& findings);

}  // namespace gw::compiler::diff
