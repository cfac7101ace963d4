// Texts to values, by style: the table of OpenAPI 3.1.1 section 4.12.4, and what it leaves open.
#include "runtime/policies/validate/parameters.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "runtime/policies/validate/known_fields.h"
#include "runtime/policies/validate/media_type.h"
#include "runtime/policies/validate/testing/parameter_maker.h"
#include "runtime/schema/format.h"

namespace gw::validate {
namespace {

using policies::ParameterStyle;
using policies::Place;

constexpr u32 kText = schema::kTypeString;
constexpr u32 kInteger = schema::kTypeInteger;
constexpr u32 kList = schema::kTypeArray;
constexpr u32 kObject = schema::kTypeObject;

struct Case {
  Place place;
  ParameterStyle style;
  bool explode;
  u32 types;
  const char* text;   // raw value of path and header; query or cookies
  const char* value;  // as JSON, or the name of a Reading
};

std::string read(const Case& one, u32 item_types = kText, u32 rest_types = kText) {
  testing::ParameterMaker maker;
  const policies::ParameterRecord parameter =
      maker.make("color", one.place, one.style, one.explode, one.types, item_types, rest_types);
  return maker.read(parameter, one.text);
}

}  // namespace

TEST_CASE("parameters: the table of styles", "[validate]") {
  const char* const kColors = R"(["blue","black","brown"])";
  const char* const kRgb = R"({"R":100,"G":200,"B":150})";
  const Case kCases[] = {
      {Place::Path, ParameterStyle::Matrix, false, kText, ";color=", R"("")"},
      {Place::Path, ParameterStyle::Matrix, false, kText, ";color", R"("")"},
      {Place::Path, ParameterStyle::Matrix, false, kText, ";color=blue", R"("blue")"},
      {Place::Path, ParameterStyle::Matrix, false, kList, ";color=blue,black,brown", kColors},
      {Place::Path, ParameterStyle::Matrix, false, kObject, ";color=R,100,G,200,B,150", kRgb},
      {Place::Path, ParameterStyle::Matrix, true, kText, ";color=blue", R"("blue")"},
      {Place::Path, ParameterStyle::Matrix, true, kList, ";color=blue;color=black;color=brown",
       kColors},
      {Place::Path, ParameterStyle::Matrix, true, kObject, ";R=100;G=200;B=150", kRgb},
      {Place::Path, ParameterStyle::Label, false, kText, ".", R"("")"},
      {Place::Path, ParameterStyle::Label, false, kText, ".blue", R"("blue")"},
      {Place::Path, ParameterStyle::Label, false, kList, ".blue,black,brown", kColors},
      {Place::Path, ParameterStyle::Label, false, kObject, ".R,100,G,200,B,150", kRgb},
      {Place::Path, ParameterStyle::Label, true, kList, ".blue.black.brown", kColors},
      {Place::Path, ParameterStyle::Label, true, kObject, ".R=100.G=200.B=150", kRgb},
      {Place::Path, ParameterStyle::Simple, false, kText, "blue", R"("blue")"},
      {Place::Path, ParameterStyle::Simple, false, kList, "blue,black,brown", kColors},
      {Place::Path, ParameterStyle::Simple, false, kObject, "R,100,G,200,B,150", kRgb},
      {Place::Path, ParameterStyle::Simple, true, kList, "blue,black,brown", kColors},
      {Place::Path, ParameterStyle::Simple, true, kObject, "R=100,G=200,B=150", kRgb},
      {Place::Query, ParameterStyle::Form, true, kText, "color=", R"("")"},
      {Place::Query, ParameterStyle::Form, true, kText, "color=blue", R"("blue")"},
      {Place::Query, ParameterStyle::Form, false, kList, "color=blue,black,brown", kColors},
      {Place::Query, ParameterStyle::Form, false, kObject, "color=R,100,G,200,B,150", kRgb},
      {Place::Query, ParameterStyle::Form, true, kList, "color=blue&color=black&color=brown",
       kColors},
      {Place::Query, ParameterStyle::Form, true, kObject, "R=100&G=200&B=150", kRgb},
      {Place::Query, ParameterStyle::SpaceDelimited, false, kList, "color=blue%20black%20brown",
       kColors},
      {Place::Query, ParameterStyle::SpaceDelimited, false, kObject,
       "color=R%20100%20G%20200%20B%20150", kRgb},
      {Place::Query, ParameterStyle::PipeDelimited, false, kList, "color=blue%7Cblack%7Cbrown",
       kColors},
      {Place::Query, ParameterStyle::PipeDelimited, false, kObject,
       "color=R%7C100%7CG%7C200%7CB%7C150", kRgb},
      {Place::Query, ParameterStyle::DeepObject, true, kObject,
       "color%5BR%5D=100&color%5BG%5D=200&color%5BB%5D=150", R"({"B":150,"G":200,"R":100})"},
      {Place::Cookie, ParameterStyle::Form, true, kText, "color=blue", R"("blue")"},
      {Place::Cookie, ParameterStyle::Form, false, kList, "color=blue,black,brown", kColors},
  };
  for (const Case& one : kCases) {
    CAPTURE(one.text, static_cast<u32>(one.style), one.explode);
    CHECK(read(one, kText, kInteger) == one.value);
  }
}

TEST_CASE("parameters: what is written otherwise is malformed, not guessed", "[validate]") {
  const Case kCases[] = {
      {Place::Path, ParameterStyle::Matrix, false, kText, "blue", "malformed"},
      {Place::Path, ParameterStyle::Matrix, false, kText, ";colour=blue", "malformed"},
      {Place::Path, ParameterStyle::Matrix, false, kText, ";color=a;color=b", "malformed"},
      {Place::Path, ParameterStyle::Matrix, true, kList, ";color=a;b=c", "malformed"},
      {Place::Path, ParameterStyle::Label, false, kText, "blue", "malformed"},
      {Place::Path, ParameterStyle::Simple, false, kObject, "R,100,G", "malformed"},
      {Place::Path, ParameterStyle::Simple, true, kObject, "R,100", "malformed"},
      {Place::Path, ParameterStyle::Simple, false, kObject, "R,1,R,2", "refused"},
      {Place::Path, ParameterStyle::Simple, false, kText, "%ff", "refused"},
      {Place::Query, ParameterStyle::Form, true, kText, "color=a&color=b", "several"},
      {Place::Query, ParameterStyle::Form, false, kList, "color=a&color=b", "several"},
      {Place::Query, ParameterStyle::Form, true, kText, "colour=a", "absent"},
      {Place::Query, ParameterStyle::DeepObject, true, kObject, "color=a", "absent"},
      {Place::Query, ParameterStyle::DeepObject, true, kObject, "color[a=1", "malformed"},
      {Place::Query, ParameterStyle::DeepObject, true, kObject, "color[]=1", "malformed"},
      {Place::Query, ParameterStyle::DeepObject, true, kObject, "color[a]=1&color[a]=2", "several"},
      {Place::Query, ParameterStyle::DeepObject, true, kObject, "color[a]=1&color[a][b]=2",
       "malformed"},
      {Place::Query, ParameterStyle::DeepObject, true, kObject, "color[a][]=1&color[a][b]=2",
       "malformed"},
      {Place::Query, ParameterStyle::DeepObject, true, kObject, "color[a][][b]=1", "malformed"},
      {Place::Query, ParameterStyle::DeepObject, true, kObject, "color[a]b=1", "malformed"},
      {Place::Query, ParameterStyle::DeepObject, true, kObject, "color[a[b]]=1", "malformed"},
      {Place::Query, ParameterStyle::DeepObject, true, kObject,
       "color[1][2][3][4][5][6][7][8][9]=1", "malformed"},
  };
  for (const Case& one : kCases) {
    CAPTURE(one.text, static_cast<u32>(one.style), one.explode);
    CHECK(read(one) == one.value);
  }
}

TEST_CASE("parameters: brackets are levels of a deepObject, and lists", "[validate]") {
  const auto value = [](const char* text) {
    return read({Place::Query, ParameterStyle::DeepObject, true, kObject, text, ""});
  };
  CHECK(value("color[a][b]=1") == R"({"a":{"b":"1"}})");
  CHECK(value("color[a][b][c]=1&color[x]=2&color[a][d]=3") ==
        R"({"a":{"b":{"c":"1"},"d":"3"},"x":"2"})");
  CHECK(value("color[1][2][3][4][5][6][7][8]=1") ==
        R"({"1":{"2":{"3":{"4":{"5":{"6":{"7":{"8":"1"}}}}}}}})");
  CHECK(value("color%5Ba%5D%5B%5D=2&x=1&color[a][]=1") == R"({"a":["2","1"]})");
  CHECK(value("color[a][]=1") == R"({"a":["1"]})");
  CHECK(value("color[a][0]=x") == R"({"a":{"0":"x"}})");  // an index is no list
  CHECK(value("color[ab]=1&color[a]=2&color[a b]=3") == R"({"a b":"3","a":"2","ab":"1"})");
  CHECK(value("colors[a]=1&color=2") == "absent");
}

TEST_CASE("parameters: many brackets cost no more than their number", "[validate]") {
  std::string text;
  for (u32 i = 0; i < kMaxPairs; ++i) {
    text += (i == 0 ? "color[p" : "&color[p") + std::to_string(i) + "][q][r]=1";
  }
  const std::string out =
      read({Place::Query, ParameterStyle::DeepObject, true, kObject, text.c_str(), ""});
  CHECK(out.size() > kMaxPairs);
  CHECK(out.starts_with(R"({"p0":{"q":{"r":"1"}})"));
}

TEST_CASE("parameters: types of the schema say what a text becomes", "[validate]") {
  const auto value = [](u32 types, const char* text) {
    return read({Place::Query, ParameterStyle::Form, true, types, text, ""});
  };
  CHECK(value(kInteger, "color=5") == "5");
  CHECK(value(kInteger, "color=-0.5e3") == "-0.5e3");
  CHECK(value(kInteger, "color=05") == R"("05")");
  CHECK(value(kInteger, "color=") == R"("")");
  CHECK(value(kText, "color=5") == R"("5")");
  CHECK(value(kText | kInteger, "color=5") == "5");
  CHECK(value(schema::kTypeBool, "color=true") == "true");
  CHECK(value(schema::kTypeBool, "color=TRUE") == R"("TRUE")");
  CHECK(value(schema::kTypeNull | kInteger, "color=null") == "null");
  CHECK(value(schema::kTypeNull | kText, "color=null") == R"("null")");
  CHECK(value(kList | kInteger, "color=5") == "5");
  CHECK(value(kList | kInteger, "color=5&color=6") == R"(["5","6"])");
  CHECK(value(kText, "color=a+b%2Bc%20d") == R"("a b+c d")");
  CHECK(value(kText, "color=%zz%4") == R"("%zz%4")");
}

TEST_CASE("parameters: a comma that is encoded belongs to its item", "[validate]") {
  const Case one{Place::Query, ParameterStyle::Form, false, kList, "color=a%2Cb,c", ""};
  CHECK(read(one, kText) == R"(["a,b","c"])");
  // Where no item could hold one, it separates: many clients encode all commas.
  const Case numbers{Place::Query, ParameterStyle::Form, false, kList, "color=1%2C2%2C3", ""};
  CHECK(read(numbers, kInteger) == "[1,2,3]");
}

TEST_CASE("parameters: headers are not percent-encoded", "[validate]") {
  CHECK(read({Place::Header, ParameterStyle::Simple, false, kText, "a%20b", ""}) == R"("a%20b")");
  CHECK(read({Place::Header, ParameterStyle::Simple, false, kList, "1 ,\t2", ""}, kInteger) ==
        "[1,2]");
  CHECK(read({Place::Header, ParameterStyle::Simple, false, kList, "", ""}) == "[]");
  CHECK(read({Place::Header, ParameterStyle::Simple, true, kObject, "a=1, b=2", ""}) ==
        R"({"a":"1","b":"2"})");
}

TEST_CASE("parameters: more pairs than the limit are refused", "[validate]") {
  Arena arena;
  std::span<Pair> pairs;
  std::string text = "a";
  for (u32 i = 1; i < kMaxPairs; ++i) text += "&a";
  CHECK(split_pairs(text, arena, pairs));
  CHECK(pairs.size() == kMaxPairs);
  CHECK_FALSE(split_pairs(text + "&b", arena, pairs));
}

TEST_CASE("media types: patterns and lists of Accept", "[validate]") {
  Arena arena;
  MediaType media;
  CHECK(parse_media_type("Text/HTML; charset=\"a;b\" ; x=y", arena, media));
  CHECK(media.type == "text/html");
  CHECK(media_parameter(media, "Charset") == "a;b");
  CHECK(media_parameter(media, "x") == "y");
  for (const char* wrong : {"", "text", "text/", "/html", "text/a b", "a/b/c", "a/b,c/d"}) {
    CAPTURE(wrong);
    CHECK_FALSE(parse_media_type(wrong, arena, media));
  }
  CHECK(media_matches("application/*+json", "application/problem+json"));
  CHECK(media_matches("text/*", "text/plain"));
  CHECK_FALSE(media_matches("text/*", "image/png"));
  CHECK_FALSE(media_matches("application/*+json", "application/+jso"));
  const std::string_view types[] = {"application/json", "text/csv"};
  const auto accepts = [&](std::string_view accept) { return accepts_any(accept, types, arena); };
  CHECK(accepts(""));
  CHECK(accepts("text/*"));
  CHECK(accepts("text/html, application/json;q=0.1"));
  CHECK_FALSE(accepts("text/html"));
  CHECK_FALSE(accepts("application/json;q=0, text/csv;q=0.000"));
  CHECK(accepts("*/*;q=0, text/csv"));
  CHECK_FALSE(accepts("*/*, application/*;q=0, text/*;q=0"));
}

}  // namespace gw::validate
