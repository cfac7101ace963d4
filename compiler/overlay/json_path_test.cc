#include "compiler/overlay/json_path.h"

#include <catch2/catch.hpp>

namespace gw::compiler {
namespace {

std::string why_not(std::string_view text) {
  JsonPath path;
  JsonPathError error;
  return parse_json_path(text, path, error) ? "" : error.message;
}

JsonPath parsed(std::string_view text) {
  JsonPath path;
  JsonPathError error;
  REQUIRE(parse_json_path(text, path, error));
  return path;
}

}  // namespace

TEST_CASE("JSONPath: names in both spellings", "[overlay]") {
  const JsonPath path = parsed("$.paths['/orders/{id}'].get[\"x-gw\"].x-other");
  REQUIRE(path.segments.size() == 5);
  CHECK(path.segments[0].selectors[0].name == "paths");
  CHECK(path.segments[1].selectors[0].name == "/orders/{id}");
  CHECK(path.segments[3].selectors[0].name == "x-gw");
  CHECK(path.segments[4].selectors[0].name == "x-other");
  CHECK(parsed("$").segments.empty());
  CHECK(parsed(R"($['it\'s'])").segments[0].selectors[0].name == "it's");
}

TEST_CASE("JSONPath: wildcards, indices, alternatives and filters", "[overlay]") {
  using Kind = JsonPathSelector::Kind;
  const JsonPath path = parsed("$.*[*][2][-1]['get', 'put'][?@.in == 'query'][?(@['a'].b!=10)]");
  REQUIRE(path.segments.size() == 7);
  CHECK(path.segments[0].selectors[0].kind == Kind::Wildcard);
  CHECK(path.segments[1].selectors[0].kind == Kind::Wildcard);
  CHECK(path.segments[2].selectors[0].index == 2);
  CHECK(path.segments[3].selectors[0].index == -1);
  CHECK(path.segments[4].selectors.size() == 2);
  CHECK(path.segments[5].selectors[0].literal_is_text);
  CHECK(path.segments[5].selectors[0].literal == "query");
  CHECK(path.segments[6].selectors[0].path == std::vector<std::string>{"a", "b"});
  CHECK(path.segments[6].selectors[0].test == JsonPathSelector::Test::Unequal);
}

TEST_CASE("JSONPath: what is not supported is refused with its cause", "[overlay]") {
  CHECK(why_not("paths") == "a target begins with `$`");
  CHECK(why_not("$..get") == "`..` is not supported: name each step");
  CHECK(why_not("$.paths[1:2]") == "slices are not supported");
  CHECK(why_not("$.paths[:2]") == "slices are not supported");
  CHECK(why_not("$.paths.length()") == "functions are not supported");
  CHECK(why_not("$.a[(@.length-1)]") == "script expressions are not supported");
  CHECK(why_not("$.a[?@.b && @.c]") == "`&&` and `||` are not supported: use an action for each");
  CHECK(why_not("$.a[?@.b > 1]") == "a filter compares with `==` or `!=` only");
  CHECK(why_not("$.a['b") == "the quote is not closed");
  CHECK(why_not("$.a[99999999999999999999]") == "this is not an index");
  CHECK(why_not("$.") == "a name or `*` follows `.`");
  CHECK(why_not("$[") == "the target ends inside `[`");
  CHECK(why_not("$.a b") == "`.` or `[` is expected here");
  std::string deep = "$";
  for (int i = 0; i < 100; ++i) deep += ".a";
  CHECK(why_not(deep) == "the target is too deep");
}

TEST_CASE("JSONPath: every cut of a target is read or refused", "[overlay]") {
  const std::string_view whole = "$.a['b\\'c',\"d\"][-1][?(@.e['f'] == 'g')].*";
  for (size_t end = 0; end <= whole.size(); ++end) {
    JsonPath path;
    JsonPathError error;
    const bool read = parse_json_path(whole.substr(0, end), path, error);
    CHECK(read == error.message.empty());
    CHECK(error.end <= end);
  }
}

}  // namespace gw::compiler
