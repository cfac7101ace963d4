// `x-gw.assert`: what must hold of all operations, whoever writes them, and of the table.
#pragma once
#include <optional>

#include "compiler/passes/module.h"

namespace gw::compiler {

/// Reports each operation for which an assertion of its gateway document does not hold
/// (`assert-failed`), and assertions that say nothing. In: lower_operations.
void check_assertions(Module& module);

/// The smallest `maxTableBytes` and where it is written.
struct TableBudget {
  u64 bytes = 0;
  Span span;
};
/// None: the table may have any size.
std::optional<TableBudget> table_budget(const Module& module);
/// False, after a finding, when the table has outgrown it.
bool check_table_size(Module& module, const TableBudget& budget, u64 table_bytes);

}  // namespace gw::compiler
