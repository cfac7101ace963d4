// Changes that somebody has accepted, with a reason and an end.
#pragma once
#include <string>
#include <vector>

#include "compiler/diff/finding.h"

namespace gw::compiler::diff {

/// One entry of the file: what is not empty must be the same as of a finding.
struct Acceptance {
  std::string fingerprint;
  std::string id;
  std::string operation;  // its stable id, or `GET /path`; none: a finding without one
  std::string reason;
  std::string until;  // YYYY-MM-DD, the last day; empty: for ever
  u32 line = 0;
  bool used = false;
};

/// Reads a YAML list of entries, each a map of `fingerprint`, or `id` and `operation` (`*`: any);
/// `reason`; `until`. What is wrong is said in `problems`, one line each; nothing is accepted then.
std::vector<Acceptance> read_acceptances(const std::string& path,
                                         std::vector<std::string>& problems);

/// Takes accepted findings out of `findings` and gives them back. An entry with `operation` takes
/// that one out of a finding of several. An entry that was over before `today` accepts nothing; it,
/// and one that nothing needs, is told of in `remarks`.
std::vector<Finding> accept(std::vector<Finding>& findings, std::vector<Acceptance>& acceptances,
                            const std::string& path, const std::string& today,
                            std::vector<std::string>& remarks);

}  // namespace gw::compiler::diff
