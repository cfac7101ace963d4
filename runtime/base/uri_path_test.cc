#include "runtime/base/uri_path.h"

#include <catch2/catch.hpp>
#include <random>
#include <string>
#include <vector>

using namespace gw;

namespace {

struct Outcome {
  PathProblem problem = PathProblem::None;
  std::string path;
};

Outcome normalise(std::string_view raw, PathOptions options = {}) {
  std::vector<char> out(raw.size());
  std::string_view result;
  Outcome outcome;
  outcome.problem = normalise_path(raw, options, out.data(), result);
  if (outcome.problem == PathProblem::None) outcome.path = std::string(result);
  return outcome;
}

}  // namespace

TEST_CASE("uri path: one spelling for equal paths", "[base][uri_path]") {
  struct Case {
    std::string_view raw;
    std::string_view normal;
  };
  const Case cases[] = {
      {"/", "/"},
      {"/users/7", "/users/7"},
      {"/users/7/", "/users/7/"},
      {"/a;v=1/b:c@d,e", "/a;v=1/b:c@d,e"},
      {"/%61", "/a"},
      {"/%7Euser/%2D%5f", "/~user/-_"},
      {"/a%2ab", "/a%2Ab"},
      {"/caf%c3%a9", "/caf%C3%A9"},
      {"/100%25", "/100%25"},
      {"/%2525", "/%2525"},
      {"/.", "/"},
      {"/./", "/"},
      {"/a/.", "/a/"},
      {"/a/./b", "/a/b"},
      {"/a/..", "/"},
      {"/a/../", "/"},
      {"/a/b/..", "/a/"},
      {"/a/b/../c", "/a/c"},
      {"/a/b/c/../../d", "/a/d"},
      {"/a/%2e%2e/b", "/b"},
      {"/a/.%2E/b", "/b"},
      {"/a/%2E/b", "/a/b"},
      {"/...", "/..."},
      {"/..a", "/..a"},
      {"/.well-known/x", "/.well-known/x"},
      {"/a../b", "/a../b"},
      {"/a/...;/b", "/a/...;/b"},
      {"/a/.b;c", "/a/.b;c"},
      {"/a;.", "/a;."},
      {"/a%3Fb%23c", "/a%3Fb%23c"},
      {"/%20", "/%20"},
      {"/%2541", "/%2541"},
      {"/%252", "/%252"},
      {"/%25", "/%25"},
      {"/%C0", "/%C0"},
      {"/%E9t%E9", "/%E9t%E9"},
      {"/%E2%82%AC", "/%E2%82%AC"},
      {"/%E0%A0%80", "/%E0%A0%80"},
      {"/%F0%9F%98%80", "/%F0%9F%98%80"},
      {"/%7B%7d", "/%7B%7D"},
  };
  for (const Case& row : cases) {
    DYNAMIC_SECTION(row.raw) {
      const Outcome outcome = normalise(row.raw);
      CHECK(outcome.problem == PathProblem::None);
      CHECK(outcome.path == row.normal);
    }
  }
}

TEST_CASE("uri path: what is ambiguous is refused", "[base][uri_path]") {
  struct Case {
    std::string_view raw;
    PathProblem problem;
  };
  using namespace std::string_view_literals;
  const Case cases[] = {
      {"", PathProblem::NotAbsolute},
      {"a", PathProblem::NotAbsolute},
      {"*", PathProblem::NotAbsolute},
      {"/%", PathProblem::BadEscape},
      {"/%4", PathProblem::BadEscape},
      {"/%g1", PathProblem::BadEscape},
      {"/%1g/a", PathProblem::BadEscape},
      {"/%%41", PathProblem::BadEscape},
      {"/%u0041", PathProblem::BadEscape},
      {"/%00", PathProblem::EncodedControl},
      {"/a%00b", PathProblem::EncodedControl},
      {"/%0d%0aa", PathProblem::EncodedControl},
      {"/%09", PathProblem::EncodedControl},
      {"/%7F", PathProblem::EncodedControl},
      {"/%252e%252e/a", PathProblem::TwiceEncoded},
      {"/a%252Fb", PathProblem::TwiceEncoded},
      {"/a%255cb", PathProblem::TwiceEncoded},
      {"/a%2500", PathProblem::TwiceEncoded},
      {"/a%25252525252e", PathProblem::TwiceEncoded},
      {"/%c0%ae%c0%ae/a", PathProblem::OverlongByte},
      {"/%c1%9c", PathProblem::OverlongByte},
      {"/%e0%80%af", PathProblem::OverlongByte},
      {"/%f0%80%80%af", PathProblem::OverlongByte},
      {"/a/..;/b", PathProblem::DotParameter},
      {"/a/..;", PathProblem::DotParameter},
      {"/a/..;x=1/b", PathProblem::DotParameter},
      {"/a/.;/b", PathProblem::DotParameter},
      {"/a/%2e%2E%3b/b", PathProblem::DotParameter},
      {"/a/.%2e;/b", PathProblem::DotParameter},
      {"/..;/", PathProblem::DotParameter},
      {"/%2f", PathProblem::EncodedSlash},
      {"/a%2Fb", PathProblem::EncodedSlash},
      {"/a%5cb", PathProblem::EncodedSlash},
      {"/..%2f..%2fetc", PathProblem::EncodedSlash},
      {"//", PathProblem::EmptySegment},
      {"//a", PathProblem::EmptySegment},
      {"/a//b", PathProblem::EmptySegment},
      {"/a//", PathProblem::EmptySegment},
      {"/a/..//b", PathProblem::EmptySegment},
      {"/..", PathProblem::AboveRoot},
      {"/../a", PathProblem::AboveRoot},
      {"/a/../..", PathProblem::AboveRoot},
      {"/%2e%2e/a", PathProblem::AboveRoot},
      {"/a\\b", PathProblem::ForbiddenByte},
      {"/a b", PathProblem::ForbiddenByte},
      {"/a\tb", PathProblem::ForbiddenByte},
      {"/a\x7f", PathProblem::ForbiddenByte},
      {"/a\0b"sv, PathProblem::ForbiddenByte},
      {"/caf\xc3\xa9", PathProblem::ForbiddenByte},
      {"/{id}", PathProblem::ForbiddenByte},
      {"/a?b", PathProblem::ForbiddenByte},
      {"/a#b", PathProblem::ForbiddenByte},
      {"/a|b", PathProblem::ForbiddenByte},
      {"/a^b", PathProblem::ForbiddenByte},
      {"/a\"b", PathProblem::ForbiddenByte},
      {"/<b>", PathProblem::ForbiddenByte},
      {"/a`b", PathProblem::ForbiddenByte},
      {"/a[b]", PathProblem::ForbiddenByte},
  };
  for (const Case& row : cases) {
    DYNAMIC_SECTION(row.raw) {
      CHECK(normalise(row.raw).problem == row.problem);
      CHECK_FALSE(path_problem_text(row.problem).empty());
    }
  }
}

TEST_CASE("uri path: a route may allow what is refused by default", "[base][uri_path]") {
  PathOptions slash;
  slash.allow_encoded_slash = true;
  CHECK(normalise("/a%2fb%5cc", slash).path == "/a%2Fb%5Cc");
  CHECK(normalise("/a%2f..%2fb", slash).path == "/a%2F..%2Fb");
  PathOptions empty;
  empty.allow_empty_segments = true;
  CHECK(normalise("/a//b", empty).path == "/a//b");
  CHECK(normalise("//", empty).path == "//");
  CHECK(normalise("/a//../b", empty).path == "/a/b");
}

TEST_CASE("uri path: a clean path is returned in place", "[base][uri_path]") {
  const std::string raw = "/orders/42/items";
  std::string_view result;
  REQUIRE(normalise_path(raw, {}, nullptr, result) == PathProblem::None);
  CHECK(result.data() == raw.data());
  CHECK(result == raw);
}

TEST_CASE("uri path: normalising twice changes nothing", "[base][uri_path]") {
  std::minstd_rand random(7);
  const std::string_view pieces[] = {"/",   ".", "..",  "a",  "%2e", "%41",
                                     "%2F", "%", "%c3", "b;", ":"};
  u32 accepted = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string raw = "/";
    const auto count = random() % 9;
    for (unsigned long i = 0; i < count; ++i) raw += pieces[random() % std::size(pieces)];
    const Outcome once = normalise(raw);
    if (once.problem != PathProblem::None) continue;
    ++accepted;
    CAPTURE(raw, once.path);
    REQUIRE(once.path.size() <= raw.size());
    REQUIRE(once.path.front() == '/');
    const Outcome twice = normalise(once.path);
    REQUIRE(twice.problem == PathProblem::None);
    REQUIRE(twice.path == once.path);
    REQUIRE((once.path + "/").find("/../") == std::string::npos);
    REQUIRE((once.path + "/").find("/./") == std::string::npos);
  }
  CHECK(accepted > 1000);
}

TEST_CASE("uri path: captures are decoded once and encoded as one segment", "[base][uri_path]") {
  std::string decoded = "old";
  percent_decode("caf%C3%A9%20%2541", decoded);
  CHECK(decoded == "caf\xc3\xa9 %41");
  percent_decode("%4", decoded);
  CHECK(decoded == "%4");
  std::string encoded = "/x/";
  append_segment_encoded("a/b?c%d e:f@g;h=1\xc3", encoded);
  CHECK(encoded == "/x/a%2Fb%3Fc%25d%20e%3Af%40g;h=1%C3");
  encoded.clear();
  append_segment_encoded("..", encoded);
  CHECK(encoded == "%2E%2E");
}
