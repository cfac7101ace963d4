#include "compiler/router/path_template.h"

#include <catch2/catch.hpp>

using namespace gw;
using namespace gw::compiler::router;

TEST_CASE("path template: segments are sorted by kind", "[router]") {
  struct Case {
    std::string_view text;
    std::vector<SegmentKind> kinds;
    std::string shape;
  };
  using enum SegmentKind;
  const Case cases[] = {
      {"/", {Literal}, "/"},
      {"/users", {Literal}, "/users"},
      {"/users/", {Literal, Literal}, "/users/"},
      {"/users/{id}", {Literal, Parameter}, "/users/{}"},
      {"/users/{id}.json", {Literal, Partial}, "/users/{}.json"},
      {"/v1/{shelf}:merge", {Literal, Partial}, "/v1/{}:merge"},
      {"/{a}.{b}/c", {Partial, Literal}, "/{}.{}/c"},
      {"/files/{rest+}", {Literal, CatchAll}, "/files/{+}"},
  };
  for (const Case& it : cases) {
    CAPTURE(it.text);
    const auto parsed = parse_template(it.text);
    const auto* shape = std::get_if<PathTemplate>(&parsed);
    REQUIRE(shape != nullptr);
    std::vector<SegmentKind> kinds;
    for (const Segment& segment : shape->segments) kinds.push_back(segment.kind);
    CHECK(kinds == it.kinds);
    CHECK(shape->shape() == it.shape);
  }
}

TEST_CASE("path template: errors name their bytes", "[router]") {
  struct Case {
    std::string_view text;
    u32 begin;
    u32 end;
  };
  const Case cases[] = {
      {"", 0, 1},       {"users", 0, 1},    {"/{", 1, 2},      {"/a}", 2, 3},     {"/{}", 1, 3},
      {"/{+}", 1, 4},   {"/{a}/{a}", 5, 8}, {"/{a}{b}", 4, 7}, {"/{a+}/b", 5, 7}, {"/x{a+}", 2, 6},
      {"/{a/b}", 1, 6}, {"/{a{b}", 1, 6},   {"/{a+}/", 5, 6},  {"/{a+b}", 1, 6},
  };
  for (const Case& it : cases) {
    CAPTURE(it.text);
    const auto parsed = parse_template(it.text);
    const auto* error = std::get_if<TemplateError>(&parsed);
    REQUIRE(error != nullptr);
    CHECK(error->begin == it.begin);
    CHECK(error->end == it.end);
    CHECK(!error->reason.empty());
  }
}

TEST_CASE("path template: more segments or parameters than the table holds are refused",
          "[router]") {
  std::string segments;
  for (int i = 0; i < 65; ++i) segments += "/a";
  CHECK(std::holds_alternative<TemplateError>(parse_template(segments)));
  std::string parameters;
  for (int i = 0; i < 33; ++i) parameters += "/{p" + std::to_string(i) + "}";
  CHECK(std::holds_alternative<TemplateError>(parse_template(parameters)));
}
