// A comparison as text, in each of the formats.
#pragma once
#include <string>
#include <vector>

#include "compiler/diff/finding.h"

namespace gw::compiler::diff {

struct Outcome {
  std::string old_name;
  std::string new_name;
  std::vector<Finding> findings;
  std::vector<Finding> accepted;
  std::vector<std::string> remarks;
};

struct TextOptions {
  bool color = false;
  u32 operations = 5;  // listed of one finding; 0: all
};

/// For people; may change between versions. No control characters but line feeds (and escape
/// sequences with `color`).
std::string render_text(const Outcome& outcome, const TextOptions& options);
/// One object per line; fields are only ever added.
std::string render_json(const Outcome& outcome);
/// For a pull request: a table of classes, then each class.
std::string render_markdown(const Outcome& outcome);
/// Findings from `fail_on` on are errors.
std::string render_github(const Outcome& outcome, Class fail_on, bool never);
std::string render_sarif(const Outcome& outcome, Class fail_on, bool never,
                         std::string_view version);
std::string render_junit(const Outcome& outcome, Class fail_on, bool never);

/// "2 security, 1 breaking and 3 compatible changes"; "no changes".
std::string summary(const Outcome& outcome);

}  // namespace gw::compiler::diff
