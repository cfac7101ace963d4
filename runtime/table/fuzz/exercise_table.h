// What a table must survive once verify() has accepted it; for tests and the fuzz target.
#pragma once
#include <vector>

#include "runtime/base/types.h"

namespace gw::table {

/// Writes the digest that the table in `file` should have, so that damage is found by the checks
/// behind it.
void repair_digest(std::vector<std::byte>& file);

/// Verifies `file`; if it is accepted, reads every record, binds it without references and runs
/// some requests through the engine. True when it was accepted. ASan is the oracle.
bool exercise_table(Bytes file);

}  // namespace gw::table
