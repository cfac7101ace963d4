#include <catch2/catch.hpp>

#include "compiler/diag/render.h"
#include "compiler/syntax/read.h"
#include "compiler/syntax/scalar.h"
#include "compiler/syntax/tree_testing.h"

namespace gw::compiler {
namespace {

struct Read {
  FileSet files = {};
  DiagnosticSink sink = {};
  std::unique_ptr<Tree> tree = {};
  std::string text() { return render(files, sink.sorted(), {}); }
};

std::unique_ptr<Read> yaml(std::string text) {
  auto read = std::make_unique<Read>();
  const FileId file = read->files.add("a.yaml", std::move(text));
  read->tree = read_tree(read->files, file, read->sink);
  return read;
}

std::string value(const std::string& text) {
  const auto read = yaml(text);
  if (read->tree == nullptr) return read->text();
  return read->sink.all().empty() ? dump(read->tree->root()) : read->text();
}

/// The source text of a node.
std::string_view source(const Read& read, NodeRef node) {
  const Span span = node.span();
  return read.files.text(span.file).substr(span.begin, span.end - span.begin);
}

std::string refusal(const std::string& text) {
  const auto read = yaml(text);
  const auto& findings = read->sink.sorted();
  if (findings.empty()) return "";
  const Position at = read->files.position(0, findings[0].primary.span.begin);
  return std::to_string(at.line) + ":" + std::to_string(at.column) + " " + findings[0].message;
}

}  // namespace

TEST_CASE("yaml: plain scalars have the types of the core schema", "[syntax][yaml]") {
  struct Case {
    const char* text;
    NodeKind kind;
  };
  const auto row = GENERATE(
      Case{"yes", NodeKind::String}, Case{"on", NodeKind::String}, Case{"off", NodeKind::String},
      Case{"true", NodeKind::Bool}, Case{"True", NodeKind::Bool}, Case{"FALSE", NodeKind::Bool},
      Case{"tRue", NodeKind::String}, Case{"null", NodeKind::Null}, Case{"~", NodeKind::Null},
      Case{"NULL", NodeKind::Null}, Case{"1_000", NodeKind::String}, Case{"0o7", NodeKind::Int},
      Case{"0o8", NodeKind::String}, Case{"0x1F", NodeKind::Int}, Case{"0b1", NodeKind::String},
      Case{"007", NodeKind::Int}, Case{"-0", NodeKind::Int}, Case{"+12", NodeKind::Int},
      Case{"1.10", NodeKind::Float}, Case{"1.", NodeKind::Float}, Case{".5", NodeKind::Float},
      Case{"-.5", NodeKind::Float}, Case{"1e3", NodeKind::Float}, Case{"1e", NodeKind::String},
      Case{".", NodeKind::String}, Case{"-", NodeKind::String}, Case{".inf", NodeKind::Float},
      Case{"-.INF", NodeKind::Float}, Case{".nan", NodeKind::Float},
      Case{"+.nan", NodeKind::String}, Case{"2020-01-01", NodeKind::String},
      Case{"12:30", NodeKind::String}, Case{"1.2.3", NodeKind::String});
  CAPTURE(row.text);
  CHECK(plain_kind(row.text) == row.kind);
}

TEST_CASE("yaml: the text of a number stays as written", "[syntax][yaml]") {
  const auto read = yaml("version: 1.10\n");
  CHECK(read->tree->root().get("version").text() == "1.10");
}

TEST_CASE("yaml: spans hold exactly what is written", "[syntax][yaml]") {
  const auto read = yaml(
      "plain: two words   # comment\n"
      "quoted: \"a b\" \n"
      "anchored: &x 'y'\n"
      "tagged: !!str 12\n"
      "block: |\n  one\n  two\n\n"
      "map:\n  k: v\n"
      "list:\n- 1\n- [a, {b: c}]\n"
      "alias: *x\n"
      "several: one\n  two\n"
      "empty:\n");
  REQUIRE(read->tree != nullptr);
  const NodeRef root = read->tree->root();
  const auto at = [&](const char* key) { return source(*read, root.get(key)); };
  CHECK(at("plain") == "two words");
  CHECK(at("quoted") == "\"a b\"");
  CHECK(at("anchored") == "'y'");
  CHECK(at("tagged") == "12");
  CHECK(root.get("tagged").is_string());
  CHECK(at("block") == "|\n  one\n  two");
  CHECK(at("map") == "k: v");
  CHECK(at("list") == "- 1\n- [a, {b: c}]");
  CHECK(at("alias") == "*x");
  CHECK(root.get("alias").text() == "y");
  CHECK(at("several") == "one\n  two");
  CHECK(root.get("several").text() == "one two");
  CHECK(at("empty").empty());
  CHECK(root.get("empty").is_null());
  CHECK(source(*read, root.key_of("quoted")) == "quoted");
  CHECK(root.get("quoted").quoted());
  CHECK_FALSE(root.get("plain").quoted());
  CHECK(root.get("block").quoted());
}

TEST_CASE("yaml: block scalars", "[syntax][yaml]") {
  CHECK(value("|\n a\n  b\n\n") == "\"a\n b\n\"");
  CHECK(value("|-\n a\n") == "\"a\"");
  CHECK(value("|+\n a\n\n") == "\"a\n\n\"");
  CHECK(value(">\n a\n b\n\n c\n") == "\"a b\nc\n\"");
  CHECK(value(">\n a\n   more\n b\n") == "\"a\n  more\nb\n\"");
  CHECK(value("k: |2\n    a\n") == "{\"k\": \"  a\n\"}");
  CHECK(value("k: >-\n  #/components\n") == "{\"k\": \"#/components\"}");
  CHECK(value("k: |+\n      \nl: 1\n") == "{\"k\": \"\n\", \"l\": 1}");
}

TEST_CASE("yaml: line ends, byte order mark and comments do not matter", "[syntax][yaml]") {
  CHECK(value("\xef\xbb\xbf# c\r\na: 1\r\nb:\r\n  - x\r\n") == "{\"a\": 1, \"b\": [\"x\"]}");
  CHECK(value("---\na: 1\n...\n") == "{\"a\": 1}");
  CHECK(value("%YAML 1.2\n---\na: 1\n") == "{\"a\": 1}");
  CHECK(value("") == "null");
  CHECK(value("k: [\n  a, # c\n  b\n]\n") == "{\"k\": [\"a\", \"b\"]}");
}

TEST_CASE("yaml: explicit keys are read", "[syntax][yaml]") {
  CHECK(value("? a\n: 1\n? \"b\"\n: - x\n") == "{\"a\": 1, \"b\": [\"x\"]}");
}

TEST_CASE("yaml: merge keys give way to explicit ones", "[syntax][yaml]") {
  const auto read = yaml(
      "one: &one {a: 1, b: 2}\n"
      "two: &two {b: 3, c: 4}\n"
      "sum: {a: 0, <<: [*one, *two], d: 5}\n"
      "quoted: {'<<': 1}\n");
  REQUIRE(read->sink.all().empty());
  const NodeRef sum = read->tree->root().get("sum");
  CHECK(dump(sum) == R"({"a": 0, "d": 5, "b": 2, "c": 4})");
  CHECK(sum.size() == 4);
  CHECK(source(*read, sum.get("b")) == "2");  // at the place where it is written
  CHECK(dump(read->tree->root().get("quoted")) == R"({"<<": 1})");
  CHECK(refusal("a: {<<: 1}") ==
        "1:9 a merge key `<<` takes a map or a list of maps, not an integer");
}

TEST_CASE("yaml: what is refused, and where", "[syntax][yaml]") {
  struct Case {
    const char* text;
    const char* refusal;
  };
  const auto row = GENERATE(
      Case{"a: 1\na: 2\n", "2:1 the key `a` stands twice in one map"},
      Case{"a: *b\n", "1:4 no value before this place has the anchor `b`"},
      Case{"a: &x [*x]\n", "1:8 an alias may not stand inside the value that it names"},
      Case{"a: 1\n---\nb: 2\n", "2:1 the file holds more than one document"},
      Case{"a:\n\tb: 1\n", "2:1 a tab cannot indent in YAML"},
      Case{"a: b: c\n", "1:5 a map cannot begin on the line of another key"},
      Case{"a: [1, 2\n", "1:4 the `[` is not closed"},
      Case{"a: \"x\n", "1:4 a quoted text is not closed"},
      Case{"a: \"\\q\"\n", "1:5 this is no escape of YAML"},
      Case{"a: \"\\ud800\"\n", "1:5 the escape stands for no character"},
      Case{"[a]: b\n", "1:1 a key must be a scalar, not a map or a list"},
      Case{"a: !thing b\n", "1:4 the tag `!thing` is not of the YAML core schema"},
      Case{"a: !!int b\n", "1:10 the value does not fit its tag `!!int`"},
      Case{"a: @b\n", "1:4 a plain text cannot begin with `@`"},
      Case{"a: {x: 1}}\n", "1:10 there is text after the value"},
      Case{"  a: 1\n b: 2\n", "2:2 there is text after the document's value"},
      Case{"a: 1\n   b: 2\n", "2:5 a key cannot begin inside the text of the lines before"},
      Case{"a:\n  - 1\n  b: 1\n",
           "3:3 the line is indented more than its neighbours, but belongs "
           "to none of them"},
      Case{"a: \x01", "1:4 YAML allows no control characters"},
      Case{"a: \xff", "1:4 the file is not valid UTF-8"},
      Case{"\xff\xfe", "1:1 the file is in UTF-16"});
  CAPTURE(row.text);
  CHECK(refusal(row.text) == row.refusal);
}

TEST_CASE("yaml: depth is limited", "[syntax][yaml]") {
  const auto nested = [](size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  CHECK(yaml(nested(kMaxDepth))->tree != nullptr);
  CHECK(refusal(nested(kMaxDepth + 1)) == "1:513 maps and lists are nested more than 512 deep");
  CHECK(refusal(nested(200000)) == "1:513 maps and lists are nested more than 512 deep");
  std::string blocks;
  for (size_t i = 0; i <= kMaxDepth; ++i) blocks += std::string(i, ' ') + "a:\n";
  CHECK(refusal(blocks) == "513:513 maps and lists are nested more than 512 deep");
}

TEST_CASE("yaml: aliases that multiply are refused", "[syntax][yaml]") {
  std::string laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 10; ++i) {
    const std::string alias = "*a" + std::to_string(i - 1);
    laughs += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + alias;
    for (int j = 0; j < 9; ++j) laughs += ", " + alias;
    laughs += "]\n";
  }
  CHECK(refusal(laughs).find("has more than 10000000 values") != std::string::npos);
  std::string deep = "a0: &a0 [[[[[[[[[[x]]]]]]]]]]\n";
  for (int i = 1; i < 60; ++i) {
    deep += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [[[[[[[[[*a" +
            std::to_string(i - 1) + "]]]]]]]]]\n";
  }
  CHECK(refusal(deep).find("nested more than 512 deep") != std::string::npos);
}

TEST_CASE("yaml: look-up and pointers", "[syntax][tree]") {
  std::string text = "small: {a: 1}\nlarge:\n";
  for (int i = 0; i < 1000; ++i)
    text += "  k" + std::to_string(i) + ": " + std::to_string(i) + "\n";
  const auto read = yaml(text + "list: [{a/b: {m~n: 0}}]\n");
  const NodeRef root = read->tree->root();
  CHECK(root.get("large").get("k777").text() == "777");
  CHECK_FALSE(root.get("large").get("k1000"));
  CHECK_FALSE(root.get("absent").get("more").get("still"));
  CHECK(root.get("small").get("a").text() == "1");
  NodeRef inner;
  for (const NodeRef item : root.get("list").items()) inner = item.get("a/b").get("m~n");
  CHECK(read->tree->pointer(inner.index()) == "/list/0/a~1b/m~0n");
  CHECK(read->tree->pointer(root.index()).empty());
}

TEST_CASE("yaml and json: twins read the same", "[syntax]") {
  const std::string json =
      R"({"a": [1, 2.5, -3e2, true, false, null, "x\n\u00e9\ud83d\ude00"], "b": {"c": {}, "d": []}})";
  FileSet files;
  DiagnosticSink sink;
  const auto as_json = read_json(files, files.add("a.json", json), sink);
  const auto as_flow = read_yaml(files, files.add("a.yaml", json), sink);
  const auto as_block = yaml(
      "a:\n- 1\n- 2.5\n- -3e2\n- true\n- false\n- null\n- \"x\\n\\u00e9\\U0001F600\"\n"
      "b:\n  c: {}\n  d: []\n");
  REQUIRE(as_json != nullptr);
  REQUIRE(as_flow != nullptr);
  CHECK(dump(as_json->root(), true) == dump(as_flow->root(), true));
  CHECK(dump(as_json->root()) == dump(as_block->tree->root()));
}

}  // namespace gw::compiler
