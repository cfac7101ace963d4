// What came of a run, for people and for programs.
#pragma once
#include <string>
#include <vector>

#include "cli/testing/run_suite.h"
#include "compiler/source/file_set.h"

namespace gw::cli::tests {

struct Totals {
  size_t passed = 0;
  size_t failed = 0;
  size_t skipped = 0;
  double seconds = 0;
};
Totals total_of(const std::vector<SuiteResult>& results);

/// Failures with what was expected and what came, then one line per skipped test. Without control
/// characters but line feeds, and escape sequences when `color` is set.
std::string report_text(const compiler::FileSet& files, const std::vector<SuiteResult>& results,
                        bool color);
/// One object per test and line; fields are only ever added.
std::string report_json(const compiler::FileSet& files, const std::vector<SuiteResult>& results);
/// The XML that CI systems read; a test suite per file.
std::string report_junit(const compiler::FileSet& files, const std::vector<SuiteResult>& results);

/// "3 tests: 2 passed, 1 failed".
std::string summary_of(const Totals& totals);
/// "tests.yaml:12:5"; empty for no place.
std::string place_of(const compiler::FileSet& files, compiler::Span span);

}  // namespace gw::cli::tests
