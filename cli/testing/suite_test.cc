// Reading of test files: what becomes of fixtures, tables, steps and values.
#include <boost/json.hpp>
#include <catch2/catch.hpp>

#include "cli/testing/fields.h"
#include "cli/testing/suite.h"
#include "compiler/diag/render.h"
#include "compiler/schema/testing/program.h"

namespace gw::cli::tests {
namespace {

Suite suite_of(const std::string& text) {
  static compiler::FileSet files;
  static int number = 0;
  const std::string name = "suite" + std::to_string(++number) + ".yaml";
  files.add(name, text);
  compiler::DiagnosticSink sink;
  Suite suite;
  const bool fine = read_suite(files, name, sink, suite);
  INFO(compiler::render(files, sink.sorted(), {}));
  REQUIRE(fine);
  return suite;
}

bool reads(const std::string& text) {
  compiler::FileSet files;
  files.add("suite.yaml", text);
  compiler::DiagnosticSink sink;
  Suite suite;
  return read_suite(files, "suite.yaml", sink, suite);
}

}  // namespace

TEST_CASE("suite: a test is put on its fixtures, in order", "[cli][tests]") {
  const Suite suite = suite_of(R"(
fixtures:
  a: {request: {method: POST, headers: {x-a: one, x-b: one}}}
  b: {use: a, request: {headers: {x-b: two}}, wait: 5s}
tests:
  - {name: t, use: [a, b], request: {path: /x, headers: {x-c: [p, q]}}, expect: {status: 200}}
)");
  const TestRequest& request = suite.tests.at(0).steps.at(0).request;
  CHECK(request.method == "POST");
  REQUIRE(request.headers.size() == 4);
  CHECK(request.headers[0].value == "one");
  CHECK(request.headers[1].value == "two");
  CHECK(request.headers[2].value == "p");
  CHECK(request.headers[3].name == "x-c");
  CHECK(suite.tests[0].steps[0].wait_ms == 5'000);
}

TEST_CASE("suite: each row of a table is a test of its own", "[cli][tests]") {
  const Suite suite = suite_of(R"(
tests:
  - name: t
    request: {path: /x}
    expect: {status: 400, by: validate}
    cases:
      - {name: one, request: {path: /y}}
      - {expect: {status: 401}}
      - {name: many, steps: [{repeat: 3}, {wait: 1m}, {expect: {by: cors}}]}
)");
  REQUIRE(suite.tests.size() == 3);
  CHECK(suite.tests[0].name == "t: one");
  CHECK(suite.tests[0].steps[0].request.path == "/y");
  CHECK(suite.tests[1].name == "t #2");
  CHECK(suite.tests[1].steps[0].expect.get("status")->text == "401");
  CHECK(suite.tests[1].steps[0].expect.get("by")->text == "validate");
  const std::vector<Step>& steps = suite.tests[2].steps;
  REQUIRE(steps.size() == 3);
  CHECK(steps[0].repeat == 3);
  CHECK_FALSE(steps[1].sends);
  CHECK(steps[1].wait_ms == 60'000);
  CHECK(steps[2].expect.get("status")->text == "400");
  CHECK(steps[2].expect.get("by")->text == "cors");
}

TEST_CASE("suite: a body that is no text is JSON and says so", "[cli][tests]") {
  const Suite suite = suite_of(R"(
tests:
  - {name: a, request: {path: /x, body: {n: 1.50, t: 'x', l: [true, null]}}, expect: {status: 200}}
  - {name: b, request: {path: /x, body: plain}, expect: {status: 200}}
  - {name: c, request: {path: /x, body: [], headers: {Content-Type: text/x}}, expect: {status: 200}}
  - {name: d, request: {path: /x, bodySize: 3}, expect: {status: 200}}
)");
  const auto request = [&](size_t index) { return suite.tests.at(index).steps.at(0).request; };
  CHECK(request(0).body == R"({"n":1.50,"t":"x","l":[true,null]})");
  CHECK(request(0).headers.at(0).value == "application/json");
  CHECK(request(1).body == "plain");
  CHECK(request(1).headers.empty());
  CHECK(request(2).headers.size() == 1);
  CHECK(request(3).body == "   ");
}

TEST_CASE("suite: numbers of bodies are sent as they are written", "[cli][tests]") {
  const Suite suite = suite_of(R"(
tests:
  - name: t
    request: {path: /x, body: [19.99, 0.5, 1e3, -0.0, 12345678901234567890123, 0x1f, .5, +7, +12345678901234567890, 007, 00, +0.50]}
    upstream: [{body: {p: 19.99, q: [100.250]}}]
    expect: {status: 200}
)");
  const Step& step = suite.tests.at(0).steps.at(0);
  CHECK(step.request.body ==
        "[19.99,0.5,1e3,-0.0,12345678901234567890123,31,0.5,7,12345678901234567890,7,0,0.5]");
  CHECK(step.upstream.at(0).body == R"({"p":19.99,"q":[100.250]})");
}

TEST_CASE("suite: what grows without bound is refused", "[cli][tests]") {
  // Fixtures of fixtures: each is put together once.
  std::string text = "fixtures:\n  f0: {request: {path: /x}, expect: {status: 200}}\n";
  for (int i = 1; i <= 60; ++i) {
    const std::string last = "f" + std::to_string(i - 1);
    text += "  f" + std::to_string(i) + ": {use: [" + last + ", " + last + ", " + last + "]}\n";
  }
  CHECK(reads(text + "tests: [{name: t, use: f60}]\n"));
  // A long body in each row of a long table.
  std::string row;
  for (int i = 0; i < 3'000; ++i) row += "1, ";
  std::string rows;
  for (int i = 0; i < 3'000; ++i) rows += "{}, ";
  CHECK_FALSE(reads("tests: [{name: t, request: {path: /x, body: [" + row +
                    "]}, expect: {status: 200}, cases: [" + rows + "]}]\n"));
}

TEST_CASE("suite: times are those of RFC 3339", "[cli][tests]") {
  CHECK(parse_time("1970-01-01T00:00:00Z") == 0);
  CHECK(parse_time("2026-01-01T00:00:00Z") == 1'767'225'600'000);
  CHECK(parse_time("2026-01-01t02:30:00.2567+02:30") == 1'767'225'600'256);
  CHECK(parse_time("2025-12-31T23:00:00-01:00") == 1'767'225'600'000);
  for (const char* text :
       {"", "2026-01-01", "2026-02-30T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:00:00",
        "2026-01-01T00:00:00Zx", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00+1:00"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_time(text).has_value());
  }
  CHECK(format_time(1'767'225'599'999) == "2025-12-31T23:59:59Z");
}

TEST_CASE("suite: values are written so that they are read as what they were", "[cli][tests]") {
  for (const char* text :
       {"",    "null", "yes",       "7",      "a b",  "a: b",        "it's", "#x",
        "- x", "a\nb", "tab\there", "/a?b=c", "{x}",  "[",           "true", "'",
        "\"",  "@x",   "plain",     "x:",     "\x7f", "caf\xc3\xa9", "1e3",  "~",
        "=",   "<<",   "!t",        "&a",     "*a",   "%x",          "`"}) {
    CAPTURE(text);
    const boost::json::value value{{"k", text}, {"l", boost::json::array{text, 1, nullptr}}};
    compiler::FileSet files;
    const compiler::FileId file = files.add("x.yaml", to_flow(value) + "\n");
    compiler::DiagnosticSink sink;
    const auto tree = compiler::read_tree(files, file, sink);
    INFO(to_flow(value));
    REQUIRE(tree != nullptr);
    CHECK(to_json(value_of(tree->root())) == value);
  }
}

// The reader checks by tables, and the schema is made of them: this holds the two together by what
// they accept.
TEST_CASE("suite: the reader and its JSON Schema agree", "[cli][tests]") {
  compiler::schema::TestProgram schema;
  const u32 root = schema.compile(test_json_schema());
  REQUIRE(root != gw::schema::kNone);
  struct Case {
    const char* request;
    const char* expect;
    const char* more;
  };
  const Case cases[] = {
      {"", "", ""},
      {"methd: GET", "", ""},
      {"https: 1", "", ""},
      {"https: true", "", ""},
      {"headers: {a: 1, b: [x, y]}", "", ""},
      {"headers: {a: null}", "", ""},
      {"headers: [a]", "", ""},
      {"bodySize: 1, ip: '::1'", "", ""},
      {"bodySize: -1", "", ""},
      {"bodySize: x", "", ""},
      {"jwt: {sub: a}, consumer: b, scheme: c", "", ""},
      {"jwt: a", "", ""},
      {"certificate: {san: a}", "", ""},
      {"certificate: {sans: a}", "", ""},
      {"", "decision: allow, operation: a, by: b, tries: 2", ""},
      {"", "decision: maybe", ""},
      {"", "operation: null", ""},
      {"", "operation: [a]", ""},
      {"", "status: 99", ""},
      {"", "status: 4XX", ""},
      {"", "status: 4xx", ""},
      {"", "headers: {a: null, b: {present: true}}, body: {a: 1}", ""},
      {"", "upstream: [{of: a, path: /x, exact: 1}]", ""},
      {"", "upstream: [{off: a}]", ""},
      {"", "upstream: {}", ""},
      {"", "", "upstream: [{of: a, status: 200, delay: 1m30s, fail: reset}]"},
      {"", "", "upstream: [{fail: never}]"},
      {"", "", "upstream: [{delay: 5}]"},
      {"", "", "wait: 5s, repeat: 2, snapshot: true"},
      {"", "", "repeat: 1"},
      {"", "", "repeat: 0"},
      {"", "", "repeat: 1000000"},
      {"", "", "repeat: 1000001"},
      {"", "", "repeat: -1"},
      {"", "", "wait: 5"},
      {"", "", "snapshot: perhaps"},
      {"", "", "use: []"},
      {"", "", "use: {}"},
      {"", "", "cases: [{name: a, steps: [{expect: {status: 200}}]}]"},
      {"", "", "cases: [{nam: a}]"},
      {"", "", "steps: [{wait: 1s}, {request: {path: /y}}]"},
      {"", "", "steps: [{cases: []}]"},
  };
  for (const Case& row : cases) {
    const auto part = [](const char* text) { return *text == 0 ? "" : std::string(", ") + text; };
    const std::string text = "tests: [{name: t, request: {path: /x" + part(row.request) +
                             "}, expect: {status: 200" + part(row.expect) + "}" + part(row.more) +
                             "}]\n";
    // The last of two keys `status` would be a mistake of YAML.
    std::string usable = text;
    if (std::string_view(row.expect).find("status") != std::string_view::npos) {
      usable.replace(usable.find("status: 200, "), 13, "");
    }
    CAPTURE(usable);
    compiler::FileSet files;
    const compiler::FileId file = files.add("x.yaml", usable);
    compiler::DiagnosticSink sink;
    const auto tree = compiler::read_tree(files, file, sink);
    REQUIRE(tree != nullptr);
    const std::string json = boost::json::serialize(to_json(value_of(tree->root())));
    CHECK(schema.accepts(root, json) == reads(usable));
  }
}

}  // namespace gw::cli::tests
