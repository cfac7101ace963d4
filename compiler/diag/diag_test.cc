#include <catch2/catch.hpp>

#include "compiler/diag/render.h"
#include "compiler/diag/sink.h"

namespace gw::compiler {
namespace {

Diagnostic finding(FileId file, u32 begin, u32 end, std::string message = "message") {
  return {.rule = "syntax",
          .message = std::move(message),
          .primary = {{.file = file, .begin = begin, .end = end}, "here"}};
}

}  // namespace

TEST_CASE("sink: findings come in source order, repetitions once", "[diag]") {
  DiagnosticSink sink;
  sink.report(finding(1, 5, 6));
  sink.report(finding(0, 9, 10));
  sink.report(finding(0, 2, 3, "b"));
  sink.report(finding(0, 2, 3, "a"));
  sink.report(finding(0, 9, 10));
  const auto& sorted = sink.sorted();
  REQUIRE(sorted.size() == 4);
  CHECK(sorted[0].message == "a");
  CHECK(sorted[1].message == "b");
  CHECK(sorted[2].primary.span.begin == 9);
  CHECK(sorted[3].primary.span.file == 1);
  CHECK(sink.error_count() == 4);
}

TEST_CASE("nearest: corrects slips, makes no guesses", "[diag]") {
  const std::vector<std::string_view> words = {"operationId", "parameters", "in", "get", "header"};
  CHECK(nearest("operationID", words) == "operationId");
  CHECK(nearest("paramters", words) == "parameters");
  CHECK(nearest("haeder", words) == "header");  // a transposition is one slip
  CHECK(nearest("gte", words) == "get");
  CHECK(nearest("oper", words) == "operationId");
  CHECK(nearest("something", words).empty());
  CHECK(nearest("", words).empty());
  CHECK(nearest(std::string(1000, 'a'), words).empty());
  CHECK(did_you_mean("ni", words) == "did you mean `in`?");
}

TEST_CASE("text: labels of near lines share a frame", "[diag][render]") {
  FileSet files;
  const FileId file = files.add("api.yaml", "a: 1\nb:\n\tc: 日本 x\n");
  Diagnostic d = finding(file, 12, 18, "the value is wrong");
  d.related.push_back({{.file = file, .begin = 0, .end = 1}, "compare this"});
  d.help = "change it";
  d.witness = "GET /a";
  CHECK(render(files, {d}, {}) ==
        "error[syntax]: the value is wrong\n"
        " --> api.yaml:3:5\n"
        "  |\n"
        "1 | a: 1\n"
        "  | - compare this\n"
        "2 | b:\n"
        "3 |     c: 日本 x\n"
        "  |        ^^^^ here\n"
        "  |\n"
        "  = example: GET /a\n"
        "  = help: change it\n"
        "\n");
}

TEST_CASE("text: a label in another file has a frame of its own", "[diag][render]") {
  FileSet files;
  const FileId first = files.add("a.yaml", "x: 1\n");
  const FileId second = files.add("b.yaml", "\n\ny: 2\n");
  Diagnostic d = finding(first, 3, 4);
  d.related.push_back({{.file = second, .begin = 2, .end = 3}, "and this"});
  CHECK(render(files, {d}, {}) ==
        "error[syntax]: message\n"
        " --> a.yaml:1:4\n"
        "  |\n"
        "1 | x: 1\n"
        "  |    ^ here\n"
        " ::: b.yaml:3:1\n"
        "  |\n"
        "3 | y: 2\n"
        "  | - and this\n"
        "\n");
}

TEST_CASE("text: a long line is cut around its span", "[diag][render]") {
  FileSet files;
  const std::string line = std::string(500, 'a') + "HERE" + std::string(500, 'b');
  const FileId file = files.add("x", line);
  const std::string text = render(files, {finding(file, 500, 504)}, {});
  const size_t begin = text.find("1 | ");
  const std::string shown = text.substr(begin, text.find('\n', begin) - begin);
  CHECK(shown.size() < 120);
  CHECK(shown.starts_with("1 | ...aaa"));
  CHECK(shown.ends_with("..."));
  CHECK(text.find("  | " + std::string(33, ' ') + "^^^^ here\n") != std::string::npos);
}

TEST_CASE("text: a hostile document cannot drive the terminal", "[diag][render]") {
  FileSet files;
  const FileId file =
      files.add("e\x1b.yaml", "k: \x1b[2J\x07\x7f\xc2\x9b\xe2\x80\xae\x9b\xff \xe2\x80\n");
  Diagnostic d = finding(file, 3, 7, "message \x1b]0;x\x07 \r");
  d.help = "\x1b[1m";
  const std::string text = render(files, {d}, {});
  for (const char c : text) CHECK((static_cast<u8>(c) >= 0x20 || c == '\n'));
  CHECK(text.find("k: \\x1b[2J\\x07\\x7f\\u{009b}\\u{202e}\\x9b\\xff \\xe2\\x80") !=
        std::string::npos);
  CHECK(text.find("e\\x1b.yaml:1:4") != std::string::npos);
}

TEST_CASE("text: at most so many findings per rule and file", "[diag][render]") {
  FileSet files;
  const FileId file = files.add("a", std::string(100, 'x'));
  std::vector<Diagnostic> findings;
  for (u32 i = 0; i < 57; ++i) findings.push_back(finding(file, i, i + 1));
  const std::string text = render(files, findings, {});
  CHECK(text.ends_with("and 37 more of syntax in a; --limit 0 shows all\n\n"));
  CHECK(render(files, findings, {.limit = 0}).find(" more of") == std::string::npos);
}

TEST_CASE("text: a finding without a place has no frame", "[diag][render]") {
  FileSet files;
  Diagnostic d = finding(kNoFile, 0, 0, "cannot read `a`");
  CHECK(render(files, {d}, {}) == "error[syntax]: cannot read `a`\n\n");
}

TEST_CASE("json: one object per line with every field", "[diag][render]") {
  FileSet files;
  const FileId file = files.add("a.yaml", "é: \"x\"\n");
  Diagnostic d = finding(file, 4, 7, "say \"no\"\n");
  d.related.push_back({{.file = file, .begin = 0, .end = 2}, "key"});
  d.help = "h";
  d.witness = "w";
  d.pointer = "/é";
  CHECK(render(files, {d}, {.format = Format::Json}) ==
        R"({"rule":"syntax","severity":"error","message":"say \"no\"\n","file":"a.yaml",)"
        R"("begin":{"line":1,"column":4},"end":{"line":1,"column":7},"offset":4,"label":"here",)"
        R"("related":[{"message":"key","file":"a.yaml","begin":{"line":1,"column":1},)"
        R"("end":{"line":1,"column":2},"offset":0}],"help":"h","witness":"w","pointer":"/é"})"
        "\n");
}

TEST_CASE("summary: counts by severity", "[diag][render]") {
  Diagnostic warning = finding(0, 1, 2);
  warning.severity = Severity::Warning;
  CHECK(summary({}) == "no findings");
  CHECK(summary({finding(0, 0, 1), warning, warning}) == "1 error, 2 warnings in 1 file");
}

}  // namespace gw::compiler
