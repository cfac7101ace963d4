// The JSON Schema Test Suite: every required test of draft 2020-12; of the optional ones those of
// the formats that are asserted; of draft 4 what OpenAPI 3.0 has as well.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>

#include "cmake/source_dir.h"
#include "compiler/schema/testing/program.h"
#include "runtime/schema/formats.h"

namespace gw::compiler::schema {
namespace {

namespace fs = std::filesystem;

const fs::path kSuite = source_dir() + "/../shared/conformance/json-schema-test-suite";

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Documents by their URIs: the suite's remotes, and meta-schemas of our own.
class Remotes {
 public:
  NodeRef load(const std::string& uri) {
    const auto known = trees_.find(uri);
    if (known != trees_.end()) return known->second ? known->second->root() : NodeRef{};
    constexpr std::string_view kServer = "http://localhost:1234/";
    constexpr std::string_view kMeta = "https://json-schema.org/draft/2020-12/";
    fs::path path;
    if (uri.starts_with(kServer)) path = kSuite / "remotes" / uri.substr(kServer.size());
    if (uri.starts_with(kMeta)) {
      path = fs::path(source_dir() + "/compiler/schema/testdata/meta") /
             (fs::path(uri.substr(kMeta.size())).filename().string() + ".json");
    }
    std::unique_ptr<Tree>& tree = trees_[uri];
    if (path.empty() || !fs::is_regular_file(path)) return {};
    tree = read_json(files_, files_.add(uri, read_file(path)), sink_);
    return tree ? tree->root() : NodeRef{};
  }

 private:
  FileSet files_;
  DiagnosticSink sink_;
  std::map<std::string, std::unique_ptr<Tree>> trees_;
};

struct Outcome {
  int right = 0;
  std::set<std::string> wrong;  // file / group / test
};

class Runner {
 public:
  Runner(Dialect dialect, bool assert_formats) : dialect_(dialect), formats_(assert_formats) {}

  void run(const fs::path& path, const std::string& name) {
    FileSet files;
    DiagnosticSink sink;
    const FileId file = files.add(name, read_file(path));
    const auto tree = read_json(files, file, sink);
    REQUIRE(tree != nullptr);
    for (const NodeRef group : tree->root().items()) run_group(group, files.text(file), name);
  }
  const Outcome& outcome() const { return outcome_; }

 private:
  void run_group(NodeRef group, std::string_view text, const std::string& name) {
    const std::string id = name + " / " + std::string(group.get("description").text());
    TestProgram program;
    const u32 root = program.compile(group.get("schema"), dialect_, formats_,
                                     [this](const std::string& uri) { return remotes_.load(uri); });
    if (root == gw::schema::kNone) {
      outcome_.wrong.insert(id + ": cannot be compiled");
      return;
    }
    CHECK(program.verify());
    for (const NodeRef test : group.get("tests").items()) {
      const NodeRef data = test.get("data");
      const Span span = data.span();
      const std::string_view instance = text.substr(span.begin, span.end - span.begin);
      const bool expected = test.get("valid").boolean();
      gw::schema::ErrorList errors(1000);
      const bool quiet = program.accepts(root, instance);
      const bool loud = program.accepts(root, instance, &errors);
      const std::string test_id = id + " / " + std::string(test.get("description").text());
      // With a list of errors the answer is the same, and a refusal has a reason.
      INFO(test_id);
      CHECK(quiet == loud);
      CHECK(quiet == errors.all().empty());
      if (quiet == expected) {
        ++outcome_.right;
      } else {
        outcome_.wrong.insert(test_id);
      }
    }
  }

  Dialect dialect_;
  bool formats_;
  Remotes remotes_;
  Outcome outcome_;
};

bool suite_is_there() {
  if (fs::exists(kSuite)) return true;
  WARN("skipped: no json-schema-test-suite");
  return false;
}

// The meta-schemas of old drafts are not among the documents that are at hand.
const std::set<std::string> kNeedMetaSchema = {
    "definitions.json / validate definition against metaschema: cannot be compiled",
    "ref.json / remote ref, containing refs itself: cannot be compiled",
};

std::string lines(const std::set<std::string>& ids) {
  std::string text;
  for (const std::string& id : ids) text += "\n" + id;
  return text;
}

}  // namespace

TEST_CASE("schema suite: every required test of 2020-12", "[schema][suite]") {
  if (!suite_is_there()) return;
  Runner runner(Dialect::Draft202012, false);
  for (const auto& entry : fs::directory_iterator(kSuite / "tests/draft2020-12")) {
    if (entry.is_regular_file()) runner.run(entry.path(), entry.path().filename());
  }
  INFO(lines(runner.outcome().wrong));
  CHECK(runner.outcome().wrong.empty());
  CHECK(runner.outcome().right == 1299);
}

TEST_CASE("schema suite: the formats that are asserted", "[schema][suite]") {
  if (!suite_is_there()) return;
  Runner runner(Dialect::Draft202012, true);
  for (u32 i = 0; i <= static_cast<u32>(gw::schema::kLastFormat); ++i) {
    const std::string name(gw::schema::format_name(static_cast<gw::schema::Format>(i)));
    const fs::path path = kSuite / "tests/draft2020-12/optional/format" / (name + ".json");
    if (fs::exists(path)) runner.run(path, name);
  }
  runner.run(kSuite / "tests/draft2020-12/optional/format/unknown.json", "unknown");
  INFO(lines(runner.outcome().wrong));
  CHECK(runner.outcome().wrong.empty());
  CHECK(runner.outcome().right == 607);
}

TEST_CASE("schema suite: the other optional tests", "[schema][suite]") {
  if (!suite_is_there()) return;
  Runner runner(Dialect::Draft202012, false);
  for (const auto& entry : fs::directory_iterator(kSuite / "tests/draft2020-12/optional")) {
    if (entry.is_regular_file()) runner.run(entry.path(), entry.path().filename());
  }
  INFO(lines(runner.outcome().wrong));
  CHECK(runner.outcome().wrong.empty());
  CHECK(runner.outcome().right == 162);
}

// What OpenAPI 3.0 took from draft 4; `$schema` of the suite's schemas names the draft.
TEST_CASE("schema suite: every required test of draft 4", "[schema][suite]") {
  if (!suite_is_there()) return;
  Runner runner(Dialect::Draft4, true);
  for (const auto& entry : fs::directory_iterator(kSuite / "tests/draft4")) {
    if (entry.is_regular_file()) runner.run(entry.path(), entry.path().filename());
  }
  CHECK(runner.outcome().wrong == kNeedMetaSchema);
  CHECK(runner.outcome().right == 614);
}

TEST_CASE("schema suite: every required test of draft 7", "[schema][suite]") {
  if (!suite_is_there()) return;
  Runner runner(Dialect::Draft7, false);
  for (const auto& entry : fs::directory_iterator(kSuite / "tests/draft7")) {
    if (entry.is_regular_file()) runner.run(entry.path(), entry.path().filename());
  }
  CHECK(runner.outcome().wrong == kNeedMetaSchema);
  CHECK(runner.outcome().right == 923);
}

}  // namespace gw::compiler::schema
