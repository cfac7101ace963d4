#include <catch2/catch.hpp>

#include "compiler/syntax/read.h"
#include "compiler/syntax/scalar.h"
#include "compiler/syntax/tree_testing.h"

namespace gw::compiler {
namespace {

std::string refusal(const std::string& text) {
  FileSet files;
  DiagnosticSink sink;
  read_json(files, files.add("a.json", text), sink);
  if (sink.all().empty()) return "";
  const Diagnostic& first = sink.sorted().front();
  const Position at = files.position(0, first.primary.span.begin);
  return std::to_string(at.line) + ":" + std::to_string(at.column) + " " + first.message;
}

}  // namespace

TEST_CASE("json: values, spans and texts", "[syntax][json]") {
  FileSet files;
  DiagnosticSink sink;
  const auto tree =
      read_json(files, files.add("a", "\xef\xbb\xbf {\"a\\u0062\": [1.10, \"x\"]}"), sink);
  REQUIRE(tree != nullptr);
  CHECK(dump(tree->root(), true) == R"({"ab"@5-14: [1.10@17-21, "x"@23-26]@16-27}@4-28)");
}

TEST_CASE("json: what is refused, and where", "[syntax][json]") {
  struct Case {
    const char* text;
    const char* refusal;
  };
  const auto row = GENERATE(
      Case{"", "1:1 the document is empty"},
      Case{"{\"a\": 1,}", "1:8 JSON allows no comma before the closing bracket"},
      Case{"[1 2]", "1:4 a `,` or `]` is expected"}, Case{"[1", "1:3 a list is not closed"},
      Case{"{\"a\":", "1:6 a map is not closed"},
      Case{"{a: 1}", "1:2 a key in double quotes is expected"},
      Case{"{\"a\" 1}", "1:6 a `:` is expected after a key"},
      Case{"\"a", "1:1 a string is not closed"}, Case{"\"\\x\"", "1:2 this is no escape of JSON"},
      Case{"\"\\ud800\"", "1:2 half of a surrogate pair is no character"},
      Case{"\"\t\"", "1:2 a string may not hold a control character"},
      Case{"01", "1:1 this is no number of JSON"}, Case{"1.", "1:1 this is no number of JSON"},
      Case{"+1", "1:1 a value is expected"}, Case{"// x", "1:1 JSON has no comments"},
      Case{"'a'", "1:1 JSON knows double quotes only"},
      Case{"1 2", "1:3 there is text after the document"},
      Case{"\"\xc0\x80\"", "1:2 the file is not valid UTF-8"},
      Case{"{\"a\":1,\"\\u0061\":2}", "1:8 the key `a` stands twice in one map"});
  CAPTURE(row.text);
  CHECK(refusal(row.text) == row.refusal);
}

TEST_CASE("json: depth is limited without recursion", "[syntax][json]") {
  const auto nested = [](size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  CHECK(refusal(nested(kMaxDepth)).empty());
  CHECK(refusal(nested(5'000'000)) == "1:513 maps and lists are nested more than 512 deep");
}

TEST_CASE("json: the name and the first byte choose the reader", "[syntax]") {
  FileSet files;
  const auto reads = [&](const char* name, const char* text) {
    DiagnosticSink sink;
    return read_tree(files, files.add(name, text), sink) != nullptr;
  };
  CHECK(reads("a.json", "{\"a\": 1}"));
  CHECK_FALSE(reads("a.json", "{a: 1}"));
  CHECK(reads("a.yaml", "{a: 1}"));
  CHECK(reads("-", "{\"a\": 1}"));
  CHECK(reads("-", "{a: 1}"));
  CHECK(reads("-", "a: 1"));
  CHECK_FALSE(reads("-", "{"));
}

}  // namespace gw::compiler
