// The pass and fail documents that the OpenAPI Initiative publishes beside its schemas, and real
// documents of many publishers.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "cmake/source_dir.h"
#include "compiler/diag/render.h"
#include "compiler/openapi/load.h"

namespace gw::compiler::openapi {
namespace {

const std::filesystem::path kShared = source_dir() + "/../shared";

struct Linted {
  std::map<std::string, int> errors;  // by rule
  std::map<std::string, int> warnings;
  std::string text;
  bool error_without_place = false;
};

Linted lint(const std::filesystem::path& path, std::vector<std::string> roots = {}) {
  FileSet files;
  DiagnosticSink sink;
  load_document(files, path, {.roots = std::move(roots)}, sink);
  Linted linted;
  for (const Diagnostic& finding : sink.sorted()) {
    const bool error = finding.severity == Severity::Error;
    ++(error ? linted.errors : linted.warnings)[std::string(finding.rule)];
    if (error && !finding.primary.span.valid()) linted.error_without_place = true;
  }
  linted.text = render(files, sink.sorted(), {});
  return linted;
}

std::vector<std::filesystem::path> files_below(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> paths;
  if (!std::filesystem::exists(folder)) return paths;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    const std::string extension = entry.path().extension();
    if (extension == ".yaml" || extension == ".yml" || extension == ".json") {
      paths.push_back(entry.path());
    }
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

/// What the published schemas do not look at: whether names agree with what they name. These
/// examples are excerpts, and the findings are right.
bool is_about_names(const std::string& rule) {
  return rule.starts_with("path-parameter-") || rule == "security-scheme-unknown" ||
         rule == "ref-remote";
}

void check_folder(const std::filesystem::path& folder, bool pass) {
  const auto paths = files_below(folder);
  if (paths.empty()) WARN("skipped: no " + folder.string());
  for (const auto& path : paths) {
    const Linted linted = lint(path);
    CAPTURE(path.string(), linted.text);
    const bool clean = std::all_of(linted.errors.begin(), linted.errors.end(),
                                   [](const auto& e) { return is_about_names(e.first); });
    CHECK(clean == pass);
    CHECK_FALSE(linted.error_without_place);
  }
}

}  // namespace

TEST_CASE("openapi: the published pass documents have no error", "[openapi][conformance]") {
  for (const char* version : {"3.0", "3.1", "3.2"}) {
    check_folder(kShared / "conformance/openapi-schemas" / version / "pass", true);
  }
  check_folder(kShared / "specs/oai-3.1-conformance/pass", true);
}

TEST_CASE("openapi: the published fail documents have an error with a line",
          "[openapi][conformance]") {
  for (const char* version : {"3.1", "3.2"}) {
    check_folder(kShared / "conformance/openapi-schemas" / version / "fail", false);
  }
  check_folder(kShared / "specs/oai-3.1-conformance/fail", false);
}

// The table is rewritten with GW_BLESS=1; read the difference before you commit it.
TEST_CASE("openapi: real documents have the findings that are on record", "[openapi][real]") {
  const auto paths = files_below(kShared / "specs");
  if (paths.empty()) {
    WARN("skipped: no real documents");
    return;
  }
  std::ostringstream table;
  table << "# Findings in real documents: file, then rule=count; errors are marked with `!`.\n";
  for (const auto& path : paths) {
    const std::string name = std::filesystem::relative(path, kShared / "specs");
    const Linted linted = lint(path, {kShared / "specs/opensearch"});
    table << name;
    for (const auto& [rule, count] : linted.errors) table << ' ' << rule << "!=" << count;
    for (const auto& [rule, count] : linted.warnings) table << ' ' << rule << '=' << count;
    table << '\n';
  }
  const std::string recorded = source_dir() + "/compiler/openapi/testdata/real_documents.txt";
  if (std::getenv("GW_BLESS") != nullptr) std::ofstream(recorded) << table.str();
  std::ifstream file(recorded);
  std::ostringstream expected;
  expected << file.rdbuf();
  std::istringstream new_lines(table.str());
  std::istringstream old_lines(expected.str());
  std::string now;
  std::string before;
  while (std::getline(new_lines, now)) {
    std::getline(old_lines, before);
    CHECK(now == before);
    if (now != before) break;
  }
}

}  // namespace gw::compiler::openapi
