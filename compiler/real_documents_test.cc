// Every real document through the whole compiler, with --mock: what comes of it is on record, so
// that a change shows. Rewritten with GW_BLESS=1; read the difference before you commit it.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "cmake/source_dir.h"
#include "compiler/compile.h"
#include "runtime/table/view.h"

namespace gw::compiler {
namespace {

const std::filesystem::path kSpecs = source_dir() + "/../shared/specs";
const std::string kRecord = source_dir() + "/compiler/testdata/compile_outcomes.txt";

std::vector<std::filesystem::path> documents() {
  std::vector<std::filesystem::path> paths;
  if (!std::filesystem::is_directory(kSpecs)) return paths;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(kSpecs)) {
    const auto extension = entry.path().extension();
    if (entry.is_regular_file() &&
        (extension == ".yaml" || extension == ".yml" || extension == ".json")) {
      paths.push_back(entry.path());
    }
  }
  std::ranges::sort(paths);
  return paths;
}

void compile_one(const std::filesystem::path& path, Compilation& result) {
  CompileOptions options;
  options.paths = {path.string()};
  options.mock = true;
  compile(options, true, result);
}

// One line: routes of a table, else the rules that refuse it with their counts.
std::string outcome(const std::filesystem::path& path) {
  Compilation result;
  compile_one(path, result);
  std::ostringstream line;
  if (!result.table.empty()) {
    line << "routes=" << result.report.routes;
    return line.str();
  }
  std::map<std::string_view, u32> rules;
  for (const Diagnostic& finding : result.sink.all()) {
    if (finding.severity == Severity::Error) ++rules[finding.rule];
  }
  line << "refused";
  for (const auto& [rule, count] : rules) line << ' ' << rule << '=' << count;
  return line.str();
}

// Identity, method and template of each route.
std::vector<std::string> routes_of(const Compilation& result) {
  std::vector<std::string> routes;
  const table::TableView view{Bytes(result.table)};
  for (const table::RouteRecord& route : view.routes()) {
    routes.push_back(std::string(view.text(route.id)) + ' ' + std::string(view.text(route.method)) +
                     ' ' + std::string(view.text(route.host)) +
                     std::string(view.text(route.template_)));
  }
  return routes;
}

}  // namespace

TEST_CASE("real documents: a YAML document and its JSON twin make the same routes", "[real]") {
  u32 twins = 0;
  for (const auto& path : documents()) {
    if (path.extension() != ".json") continue;
    std::filesystem::path twin = path;
    twin.replace_extension(".yaml");
    if (!std::filesystem::exists(twin)) {
      // Some collections keep the two forms in folders of these names.
      std::string text = path.string();
      const size_t at = text.rfind("/json/");
      if (at == text.npos) continue;
      twin = text.replace(at, 6, "/yaml/");
      twin.replace_extension(".yaml");
      if (!std::filesystem::exists(twin)) continue;
    }
    Compilation json;
    Compilation yaml;
    compile_one(path, json);
    compile_one(twin, yaml);
    if (json.table.empty() || yaml.table.empty()) {
      CHECK(json.table.empty() == yaml.table.empty());
      continue;
    }
    ++twins;
    CAPTURE(path);
    CHECK(routes_of(json) == routes_of(yaml));
  }
  if (twins == 0) WARN("skipped: no twins");
}

TEST_CASE("real documents: each compiles, or is refused as recorded", "[real]") {
  const auto paths = documents();
  if (paths.empty()) {
    WARN("skipped: no real documents");
    return;
  }
  std::ostringstream table;
  table << "# What becomes of real documents with --mock: routes, or the rules that refuse them.\n";
  for (const auto& path : paths) {
    table << std::filesystem::relative(path, kSpecs).string() << ' ' << outcome(path) << '\n';
  }
  if (std::getenv("GW_BLESS") != nullptr) std::ofstream(kRecord) << table.str();
  std::ifstream file(kRecord);
  std::istringstream new_lines(table.str());
  std::string now;
  std::string before;
  while (std::getline(new_lines, now)) {
    std::getline(file, before);
    CHECK(now == before);
  }
}

}  // namespace gw::compiler
