#include "compiler/router/overlap.h"

#include <catch2/catch.hpp>

#include "compiler/regex/regex.h"

using namespace gw;
using namespace gw::compiler::router;

namespace {

std::vector<std::byte> anchored(std::string_view pattern) {
  using namespace gw::compiler::regex;
  auto compiled = compile(pattern, Syntax::Re2, Mode::Anchored);
  return std::get<CompiledRegex>(std::move(compiled)).dfa;
}

PathInput path(std::string text, std::vector<int> constraints = {},
               http::Method method = http::Method::Get) {
  PathInput out{.text = std::move(text), .methods = {{method, "", 0}}};
  for (const int index : constraints) {
    if (index < 0) {
      out.constraints.push_back({});
    } else {
      out.constraints.push_back({Constraint::Kind::Dfa, static_cast<u32>(index), false});
    }
  }
  return out;
}

struct Expected {
  OverlapKind kind;
  u32 winner;
  u32 loser;
  std::string witness;
};

void check(const std::vector<PathInput>& paths, const std::vector<Expected>& expected) {
  // digits; 1 to 3 characters; letters and digits; one of two words
  const std::vector<std::vector<std::byte>> dfas = {anchored("[0-9]+"), anchored("[a-z0-9]{1,3}"),
                                                    anchored("[a-z0-9]+"), anchored("new|old")};
  RouterInput input;
  input.hosts = {{"", 0, paths}};
  input.dfas = dfas;
  const OverlapReport report = find_overlaps(input);
  CHECK_FALSE(report.truncated);
  std::string texts;
  for (const PathInput& it : paths) texts += it.text + " ";
  CAPTURE(texts);
  REQUIRE(report.findings.size() == expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    CHECK(report.findings[i].kind == expected[i].kind);
    CHECK(report.findings[i].winner.path == expected[i].winner);
    CHECK(report.findings[i].loser.path == expected[i].loser);
    CHECK(report.findings[i].witness == expected[i].witness);
  }
}

}  // namespace

TEST_CASE("overlap: what specificity decides is no finding", "[router]") {
  check({path("/a/{x}"), path("/a/b"), path("/{r+}"), path("/{x}/{y}"), path("/a/{x}/c")}, {});
  check({path("/a/{x}.json"), path("/a/{x}")}, {});
  check({path("/{x}.json"), path("/a{x}.json")}, {});
  check({path("/a/{x}"), path("/b/{y}"), path("/a/{x}/{y}/c"), path("/b/{x}/{y}/d")}, {});
  check({path("/a/{x}", {0}), path("/a/{x}", {2}), path("/a/{x}")}, {});
  check({path("/a/{x}"), path("/a/{y}", {}, http::Method::Post)}, {});
}

TEST_CASE("overlap: one shape, one method, equal constraints is an error", "[router]") {
  check({path("/a/{x}"), path("/a/{y}")}, {{OverlapKind::Identical, 0, 1, "/a/x"}});
  check({path("/a/{x}", {0}), path("/a/{y}", {0})}, {{OverlapKind::Identical, 0, 1, "/a/0"}});
}

TEST_CASE("overlap: constraints that overlap are ambiguous, with a witness", "[router]") {
  check({path("/a/{x}", {0}), path("/a/{y}", {1})}, {{OverlapKind::Ambiguous, 0, 1, "/a/0"}});
  check({path("/a/{x}/{y}", {0, 2}), path("/a/{x}/{y}", {2, 0})},
        {{OverlapKind::OrderedOnlyByLeftmost, 0, 1, "/a/0/0"}});
  check({path("/a/{x}", {0}), path("/a/{y}", {3})}, {});
}

TEST_CASE("overlap: partial segments that overlap are ambiguous", "[router]") {
  check({path("/a{x}"), path("/{x}b")}, {{OverlapKind::Ambiguous, 0, 1, "/ab"}});
  check({path("/{x}.json"), path("/{x}.xml")}, {});
}

TEST_CASE("overlap: precedence by position alone is worth a warning", "[router]") {
  check({path("/a/{x}/b"), path("/a/b/{y}")},
        {{OverlapKind::OrderedOnlyByLeftmost, 1, 0, "/a/b/b"}});
  check({path("/{x}/b"), path("/a/{r+}")}, {{OverlapKind::OrderedOnlyByLeftmost, 1, 0, "/a/b"}});
}

TEST_CASE("overlap: a parameter whose values all have templates is unreachable", "[router]") {
  check({path("/a/new"), path("/a/{x}", {3}), path("/a/old")},
        {{OverlapKind::Unreachable, 2, 1, "/a/new"}});
  check({path("/a/new"), path("/a/{x}", {3})}, {});
}

TEST_CASE("overlap: work is bounded", "[router]") {
  std::vector<PathInput> paths;
  for (int i = 0; i < 40; ++i) {
    const std::string n = std::to_string(i);
    paths.push_back(path("/{x}/l" + n + "/{y}"));
    paths.push_back(path("/l" + n + "/{x}/l" + n));
  }
  RouterInput input;
  input.hosts = {{"", 0, paths}};
  const OverlapReport report = find_overlaps(input, {.findings = 100, .steps = 10'000});
  CHECK(report.truncated);
  CHECK(report.findings.size() <= 100);
}
