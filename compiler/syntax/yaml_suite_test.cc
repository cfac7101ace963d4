// The official YAML test suite: each case must give the suite's value or be refused as the suite
// says, unless its id is listed below with the reason.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>

#include "cmake/source_dir.h"
#include "compiler/syntax/read.h"
#include "compiler/syntax/tree_testing.h"

namespace gw::compiler {
namespace {

struct Deviation {
  const char* id;
  const char* reason;
};

// Refused by choice: a configuration has no use for these.
constexpr const char* kOneDocument = "several documents in one file are refused";
constexpr const char* kTag = "tags outside the core schema are refused";
constexpr const char* kKey = "a key that is a map or a list is refused";
constexpr const char* kDuplicate = "equal keys (here: empty ones) are refused";
constexpr Deviation kDeviations[] = {
    {"35KP", kOneDocument},
    {"6XDY", kOneDocument},
    {"6ZKB", kOneDocument},
    {"7Z25", kOneDocument},
    {"9DXL", kOneDocument},
    {"9KAX", kOneDocument},
    {"JHB9", kOneDocument},
    {"KSS4", kOneDocument},
    {"L383", kOneDocument},
    {"M7A3", kOneDocument},
    {"NKF9", kOneDocument},
    {"PUW8", kOneDocument},
    {"RZT7", kOneDocument},
    {"U9NS", kOneDocument},
    {"UT92", kOneDocument},
    {"W4TN", kOneDocument},
    {"2XXW", kTag},
    {"565N", kTag},
    {"5TYM", kTag},
    {"6CK3", kTag},
    {"6WLZ", kTag},
    {"7FWL", kTag},
    {"9WXW", kTag},
    {"C4HZ", kTag},
    {"CC74", kTag},
    {"CUP7", kTag},
    {"J7PZ", kTag},
    {"M5C3", kTag},
    {"P76L", kTag},
    {"UGM3", kTag},
    {"Z67P", kTag},
    {"Z9M4", kTag},
    {"4FJ6", kKey},
    {"6BFJ", kKey},
    {"6PBE", kKey},
    {"9MMW", kKey},
    {"KK5P", kKey},
    {"LX3P", kKey},
    {"M2N8/00", kKey},
    {"M2N8/01", kKey},
    {"M5DY", kKey},
    {"Q9WF", kKey},
    {"RZP5", kKey},
    {"SBG9", kKey},
    {"V9D5", kKey},
    {"X38W", kKey},
    {"XW4D", kKey},
    {"2JQS", kDuplicate},
    {"B63P", "yaml-cpp reads a directive that no document follows as null"},
};

/// Values as the suite means them: numbers by value, so that 0xFF equals 255 and 1e3 equals 1000.
std::string meaning(NodeRef node) {
  if (!node) return "absent";
  std::string out;
  if (node.is_map()) {
    std::map<std::string, std::string> sorted;
    for (const NodeRef::Entry entry : node.entries()) {
      sorted[std::string(entry.key.text())] = meaning(entry.value);
    }
    for (const auto& [key, value] : sorted) out += key + ": " + value + ", ";
    return "{" + out + "}";
  }
  if (node.is_seq()) {
    for (const NodeRef item : node.items()) out += meaning(item) + ", ";
    return "[" + out + "]";
  }
  if (node.is_null()) return "null";
  if (node.is_string()) return "\"" + std::string(node.text()) + "\"";
  if (node.kind() == NodeKind::Bool) return node.boolean() ? "true" : "false";
  std::string text(node.text());
  if (text.starts_with("0o")) return std::to_string(std::strtoll(text.c_str() + 2, nullptr, 8));
  std::ostringstream number;
  number << std::strtod(text.c_str(), nullptr);
  return number.str();
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string first_message(DiagnosticSink& sink) {
  return sink.all().empty() ? "" : sink.all().front().message;
}

/// Empty when the case behaves as the suite says.
std::string difference(NodeRef test) {
  FileSet files;
  DiagnosticSink sink;
  const FileId file = files.add("case.yaml", std::string(test.get("yaml").text()));
  const auto tree = read_yaml(files, file, sink);
  const bool refused = tree == nullptr || sink.error_count() != 0;
  if (test.get("error").boolean()) return refused ? "" : "accepted: " + dump(tree->root());
  if (refused) return "refused: " + first_message(sink);
  if (!test.get("json")) return "";
  if (test.get("json").text().empty()) {  // no document at all
    return tree->root().is_null() ? "" : "reads " + meaning(tree->root()) + " out of nothing";
  }
  DiagnosticSink json_sink;
  const FileId json = files.add("case.json", std::string(test.get("json").text()));
  const auto expected = read_json(files, json, json_sink);
  if (expected == nullptr) return "its value is no single JSON document";
  if (meaning(tree->root()) == meaning(expected->root())) return "";
  return "reads " + meaning(tree->root()) + ", not " + meaning(expected->root());
}

}  // namespace

TEST_CASE("yaml: the official test suite", "[syntax][yaml]") {
  const std::string path = source_dir() + "/../shared/conformance/yaml-test-suite/cases.json";
  FileSet files;
  DiagnosticSink sink;
  const std::string text = read_file(path);
  if (text.empty()) {
    WARN("skipped: no yaml-test-suite");
    return;
  }
  const auto suite = read_json(files, files.add("cases.json", text), sink);
  REQUIRE(suite != nullptr);
  std::map<std::string, std::string> listed;
  for (const Deviation& deviation : kDeviations) listed[deviation.id] = deviation.reason;
  for (const NodeRef test : suite->root().items()) {
    const std::string id(test.get("id").text());
    const std::string found = difference(test);
    const bool is_listed = listed.contains(id);
    CAPTURE(id, found, std::string(test.get("yaml").text()));
    CHECK(found.empty() != is_listed);
  }
}

}  // namespace gw::compiler
