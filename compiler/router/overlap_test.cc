#include "compiler/router/overlap.h"

#include <catch2/catch.hpp>
#include <random>

#include "compiler/regex/regex.h"
#include "compiler/router/naive_router.h"

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
        {{OverlapKind::Unreachable, 0, 1, "/a/new"}});
  check({path("/a/new"), path("/a/{x}", {3})}, {});
  // A suffix takes what ends with it, a catch-all all that begins so.
  check({path("/a/{x}w"), path("/a/{x}", {3}), path("/a/old")},
        {{OverlapKind::Unreachable, 0, 1, "/a/new"}});
  check({path("/new/{r+}"), path("/{x}/b", {3}), path("/old/b")},
        {{OverlapKind::Unreachable, 0, 1, "/new/b"},
         {OverlapKind::OrderedOnlyByLeftmost, 0, 1, "/new/b"}});
  check({path("/new/{r+}"), path("/{x}/b", {3}), path("/old/c")},
        {{OverlapKind::OrderedOnlyByLeftmost, 0, 1, "/new/b"}});
}

TEST_CASE("overlap: one of a shape is unreachable whose values others take first", "[router]") {
  const std::vector<std::string> patterns = {"[0-9].*", "[^0-9].*", "[0-9]{1,3}|x", "n.*"};
  std::vector<std::vector<std::byte>> dfas;
  for (const std::string& pattern : patterns) dfas.push_back(anchored("(?s:" + pattern + ")"));
  const auto find = [&](std::vector<PathInput> paths) {
    RouterInput input;
    input.hosts = {{"", 0, std::move(paths)}};
    input.dfas = dfas;
    return find_overlaps(input).findings;
  };
  const auto found = find({path("/a/{x}", {0}), path("/a/{y}", {1}), path("/a/{z}")});
  REQUIRE(found.size() == 1);
  CHECK(found[0].kind == OverlapKind::Unreachable);
  CHECK(found[0].loser.path == 2);
  CHECK(found[0].winner.path == 1);
  CHECK(found[0].witness == "/a/a");
  CHECK_FALSE(found[0].one_method);
  REQUIRE(found[0].further_winners.size() == 1);
  CHECK(found[0].further_winners[0].path == 0);

  // Only one method of it; the other has nobody before it.
  PathInput two = path("/a/{z}");
  two.methods.push_back({http::Method::Post, "", 1});
  const auto one = find({path("/a/{x}", {0}), path("/a/{y}", {1}), two});
  REQUIRE(one.size() == 1);
  CHECK(one[0].one_method);
  CHECK(one[0].method == "GET");

  // Letters remain, other methods take nothing, and a literal takes one value only.
  CHECK(find({path("/a/{x}", {0}), path("/a/{y}", {3}), path("/a/{z}")}).empty());
  CHECK(
      find({path("/a/{x}", {0}, http::Method::Post), path("/a/{y}", {1}), path("/a/{z}")}).empty());
  CHECK(find({path("/a/{x}", {0}), path("/a/x"), path("/a/{z}", {2})}).size() == 1);
}

// Whatever is said to be out of reach is so for every path of these segments.
TEST_CASE("overlap: nothing that is unreachable is ever found", "[router]") {
  const std::vector<std::string> values = {"a", "b",  "ab",  "ba",  "0",
                                           "1", "01", "new", "old", "a0"};
  const std::vector<std::string> patterns = {"[0-9]+", "new|old", "[a-z]+", "[^0-9].*", "[0-9].*",
                                             "a.*",    ".*[0-9]", "0|1",    "a|b|ab|ba"};
  std::vector<std::vector<std::byte>> dfas;
  for (const std::string& pattern : patterns) dfas.push_back(anchored(pattern));
  std::mt19937 random(20);
  const auto below = [&](size_t bound) { return static_cast<size_t>(random() % bound); };
  const auto random_path = [&](u32 route) {
    PathInput out{.text = "", .methods = {{http::Method::Get, "", route}}};
    for (size_t segment = 1 + below(2); segment > 0; --segment) {
      const size_t kind = below(8);
      if (kind < 3) {
        out.text += "/" + values[below(values.size())];
        continue;
      }
      const std::string name = "{p" + std::to_string(out.constraints.size()) + "}";
      out.text += "/" + std::string(kind == 3 ? "a" : "") + name + (kind == 4 ? "0" : "");
      const bool asks = kind > 4 && below(3) != 0;
      out.constraints.push_back(
          asks ? Constraint{Constraint::Kind::Dfa, static_cast<u32>(below(dfas.size())), false}
               : Constraint{});
    }
    return out;
  };
  size_t unreachable = 0;
  for (int round = 0; round < 3000; ++round) {
    std::vector<PathInput> paths;
    for (u32 route = 0; route < 20; ++route) paths.push_back(random_path(route));
    RouterInput input;
    input.hosts = {{"", 0, paths}};
    input.dfas = dfas;
    for (const OverlapFinding& finding : find_overlaps(input).findings) {
      if (finding.kind != OverlapKind::Unreachable) continue;
      ++unreachable;
      CAPTURE(paths[finding.loser.path].text, finding.witness);
      CHECK(naive_find(input, "", finding.witness, http::Method::Get, "GET").route !=
            finding.loser.path);
      for (const std::string& first : values) {
        const auto one = naive_find(input, "", "/" + first, http::Method::Get, "GET");
        REQUIRE((one.route != finding.loser.path || one.constraint_failed));
        for (const std::string& second : values) {
          const auto two =
              naive_find(input, "", "/" + first + "/" + second, http::Method::Get, "GET");
          REQUIRE((two.route != finding.loser.path || two.constraint_failed));
        }
      }
    }
  }
  CHECK(unreachable > 50);
}

TEST_CASE("overlap: what the schema accepts counts where the router does not ask", "[router]") {
  PathInput asked = path("/a/{x}");
  asked.accepted = {{Constraint::Kind::Dfa, 3, false}};
  check({path("/a/new"), path("/a/old"), asked}, {{OverlapKind::Unreachable, 0, 2, "/a/new"}});
  asked.accepted = {{Constraint::Kind::Dfa, 0, false}};
  check({path("/a/new"), path("/a/old"), asked}, {});
}

TEST_CASE("overlap: patterns without a DFA are compared all the same", "[router]") {
  const std::vector<std::vector<std::byte>> dfas = {anchored("[0-9]+"), anchored("[ab]+")};
  const std::vector<Re2Pattern> re2s = {{"[ab]*a[ab]{18}"}, {"[bc]*c[bc]{19}"}, {"[cd]*c[cd]{19}"}};
  const auto of_re2 = [](u32 index) {
    PathInput out = path("/a/{x}");
    out.constraints = {{Constraint::Kind::Re2, index, false}};
    return out;
  };
  const auto find = [&](std::vector<PathInput> paths) {
    RouterInput input;
    input.hosts = {{"", 0, std::move(paths)}};
    input.dfas = dfas;
    input.re2s = re2s;
    return find_overlaps(input).findings;
  };
  CHECK(find({of_re2(0), path("/a/{y}", {0})}).empty());  // disjoint
  CHECK(find({of_re2(0), path("/a/{y}", {1})}).empty());  // narrower
  CHECK(find({of_re2(0), of_re2(2)}).empty());
  const auto both = find({of_re2(1), of_re2(2)});
  REQUIRE(both.size() == 1);
  CHECK(both[0].kind == OverlapKind::Ambiguous);
  CHECK(both[0].proved);
  CHECK(both[0].witness.size() == 3 + 20);
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
