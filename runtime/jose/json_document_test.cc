// What is kept of a JSON text, and how it is found again.
#include "runtime/jose/json_document.h"

#include <catch2/catch.hpp>

using namespace gw;
using namespace gw::jose;

namespace {

std::string walk(JsonValue value) {
  switch (value.kind()) {
    case JsonKind::Absent:
      return "absent";
    case JsonKind::Null:
      return "null";
    case JsonKind::Array:
    case JsonKind::Object: {
      std::string out = value.is(JsonKind::Array) ? "[" : "{";
      for (JsonValue item = value.first(); item.present(); item = item.next()) {
        out += std::string(item.name()) + ":" + walk(item) + " ";
      }
      return out + (value.is(JsonKind::Array) ? "]" : "}");
    }
    default:
      return std::string(value.text());
  }
}

}  // namespace

TEST_CASE("json document: keeps every value in its place", "[jose][json]") {
  const auto document = JsonDocument::parse(
      R"( {"a":[1,[],{"b":null,"c":{}},-2.50e+3],"d":true,"":"x","e\u0041":"\ud83d\ude00\n"} )");
  REQUIRE(document);
  CHECK(walk(document->root()) ==
        "{a:[:1 :[] :{b:null c:{} } :-2.50e+3 ] d:true :x eA:\xf0\x9f\x98\x80\n }");
  CHECK(walk(JsonDocument::parse("7")->root()) == "7");
  CHECK(walk(JsonDocument::parse("[]")->root()) == "[]");
  CHECK(!JsonDocument::parse("[1,2]")->root().next().present());
}

TEST_CASE("json document: survives being moved and the end of its text", "[jose][json]") {
  std::optional<JsonDocument> kept;
  {
    std::string text = R"({"a":"b"})";
    auto document = JsonDocument::parse(text);
    kept = std::move(document);
    text.assign(text.size(), '#');
  }
  const auto other = JsonDocument::parse(R"({"z":"y"})");
  CHECK(kept->root().find("a").text() == "b");
}

TEST_CASE("json document: pointers lead where RFC 6901 says", "[jose][json]") {
  const auto document = JsonDocument::parse(
      R"({"foo":["bar","baz"],"":0,"a/b":1,"m~n":8,"https://x.test/r":{"roles":["admin"]},"0":9})");
  const JsonValue root = document->root();
  CHECK(root.at("").is(JsonKind::Object));
  CHECK(root.at("/foo/0").text() == "bar");
  CHECK(root.at("/foo/1").text() == "baz");
  CHECK(root.at("/").text() == "0");
  CHECK(root.at("/a~1b").text() == "1");
  CHECK(root.at("/m~0n").text() == "8");
  CHECK(root.at("/0").text() == "9");
  CHECK(root.at("/https:~1~1x.test~1r/roles/0").text() == "admin");
  for (const char* nowhere : {"foo", "/foo/2", "/foo/-", "/foo/00", "/foo/01", "/foo/+1", "/foo/",
                              "/foo/0/x", "/a~2b", "/m~", "/fo", "/foo/99999999999999999999"}) {
    CAPTURE(nowhere);
    CHECK(!root.at(nowhere).present());
  }
}

TEST_CASE("json document: refuses what two readers may understand differently", "[jose][json]") {
  for (const std::string text :
       {"", " ", "{", "{\"a\":1}x", "{\"a\":1}{}", "{'a':1}", "{\"a\":01}", "{\"a\":1,}", "NaN",
        "{\"a\":1,\"a\":2}", "{\"a\":1,\"\\u0061\":2}", "[{\"b\":{\"a\":1,\"c\":2,\"a\":1}}]",
        "\xef\xbb\xbf{}", "\"\xff\"", "\"\\ud800\"", "\"\\udc00\\ud800\"", "/**/{}",
        "{\"a\":1e}"}) {
    CAPTURE(text);
    CHECK(!JsonDocument::parse(text));
  }
  const std::string open(JsonDocument::kMaxDepth, '[');
  const std::string close(JsonDocument::kMaxDepth, ']');
  CHECK(JsonDocument::parse(open + close));
  CHECK(!JsonDocument::parse("[" + open + close + "]"));
  CHECK(!JsonDocument::parse(std::string(1'000'000, '[')));
}

TEST_CASE("json document: keeps no more than it says", "[jose][json]") {
  std::string text = "[1";
  for (int i = 0; i < 4000; ++i) text += ",1";
  text += "]";
  CHECK(JsonDocument::parse(text)->held_bytes() <= 13 * text.size());
}
