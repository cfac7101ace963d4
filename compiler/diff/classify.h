// From the id of a change to how much it matters and why: one table, changes.def.
#pragma once
#include <span>
#include <string_view>

#include "compiler/diff/finding.h"

namespace gw::compiler::diff {

struct ChangeInfo {
  std::string_view id;
  Class rank;
  std::string_view reason;
};
/// All rows, sorted by id.
std::span<const ChangeInfo> change_list();
/// Null: there is no such id.
const ChangeInfo* find_change(std::string_view id);

/// A finding with id, class and reason of the table. The id must be there.
Finding make_finding(std::string_view id, std::string message);

/// Fills the fingerprints and puts findings in their order: worst first, then by id, operation and
/// place. Findings that say the same of different operations become one.
void arrange(std::vector<Finding>& findings);

}  // namespace gw::compiler::diff
