// Compares two tables by what changes for requests.
#pragma once
#include <string>
#include <vector>

#include "compiler/diff/finding.h"
#include "compiler/diff/side.h"

namespace gw::compiler::diff {

struct Comparison {
  std::vector<Finding> findings;     // arranged: worst first
  std::vector<std::string> remarks;  // what was not compared, and why
  std::string problem;               // not empty: nothing was compared
};

/// `today`, YYYY-MM-DD: what may go because its sunset has come; "": nothing may go before any
/// sunset. Cost: linear in both tables and their contracts; what many operations share is compared
/// once.
Comparison compare(const Input& old_input, const Input& new_input, const std::string& today = {});

}  // namespace gw::compiler::diff
