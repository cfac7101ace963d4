#include "runtime/json/tape.h"

#include <catch2/catch.hpp>
#include <chrono>
#include <string>

namespace gw::json {
namespace {

struct Parsed {
  explicit Parsed(std::string source) : text(std::move(source)), result(tape.parse(text)) {}
  std::string text;
  Tape tape;
  Result<void> result;
};

bool accepts(const std::string& text) { return Parsed(text).result.has_value(); }

std::string_view reason(const std::string& text) { return Parsed(text).result.error().what; }

std::string pointer_of(const Tape& tape, u32 index) {
  std::string out;
  tape.append_pointer(index, out);
  return out;
}

std::string many_keys(u32 count, const std::string& last) {
  std::string text = "{";
  for (u32 i = 0; i < count; ++i) text += "\"key" + std::to_string(i) + "\":1,";
  return text + "\"" + last + "\":1}";
}

}  // namespace

TEST_CASE("json tape: nodes stand in the order of the text", "[json]") {
  const Parsed parsed(R"( {"a": [1, "x", null], "b": {"c": true, "d": false}, "e": -1.5e3} )");
  REQUIRE(parsed.result);
  const Tape& tape = parsed.tape;
  CHECK(tape.size() == 14);
  CHECK(tape.kind(0) == Kind::Object);
  CHECK(tape.count(0) == 3);
  CHECK(tape.next(0) == tape.size());

  const u32 a = tape.find(0, "a");
  CHECK(tape.kind(a) == Kind::Array);
  CHECK(tape.count(a) == 3);
  CHECK(tape.text(a) == R"([1, "x", null])");
  CHECK(tape.text(tape.item(a, 0)) == "1");
  CHECK(tape.is_integer_text(tape.item(a, 0)));
  CHECK(tape.text(tape.item(a, 1)) == "x");
  CHECK(tape.kind(tape.item(a, 2)) == Kind::Null);
  CHECK(tape.item(a, 3) == kNoNode);
  CHECK(tape.item(0, 0) == kNoNode);

  const u32 b = tape.find(0, "b");
  CHECK(tape.boolean(tape.find(b, "c")));
  CHECK_FALSE(tape.boolean(tape.find(b, "d")));
  const u32 e = tape.find(0, "e");
  CHECK(tape.text(e) == "-1.5e3");
  CHECK_FALSE(tape.is_integer_text(e));
  CHECK(tape.find(0, "f") == kNoNode);
  CHECK(tape.find(a, "a") == kNoNode);
}

TEST_CASE("json tape: values know where they stand in the source", "[json]") {
  const Parsed parsed(R"({"key": "text", "list": [12]})");
  REQUIRE(parsed.result);
  const auto at = [&](std::string_view pointer) {
    const SourceRange range = parsed.tape.source(parsed.tape.resolve(pointer));
    return parsed.text.substr(range.begin, range.end - range.begin);
  };
  CHECK(at("") == parsed.text);
  CHECK(at("/key") == "\"text\"");
  CHECK(at("/list") == "[12]");
  CHECK(at("/list/0") == "12");
}

TEST_CASE("json tape: children are walked without their subtrees", "[json]") {
  const Parsed parsed(R"({"a": [1, [2, 3]], "b": {}})");
  REQUIRE(parsed.result);
  std::string keys;
  for (const Member member : parsed.tape.members(0)) keys += parsed.tape.text(member.key);
  CHECK(keys == "ab");
  u32 items = 0;
  for (const u32 item : parsed.tape.items(parsed.tape.find(0, "a"))) {
    ++items;
    CHECK(parsed.tape.next(item) <= parsed.tape.size());
  }
  CHECK(items == 2);
}

TEST_CASE("json tape: escapes are replaced when somebody asks", "[json]") {
  const Parsed parsed(R"(["\"\\\/\b\f\n\r\t", "\u0041\u00e9\u20ac\ud83d\ude00", "plain é"])");
  REQUIRE(parsed.result);
  Arena arena;
  std::string buffer;
  CHECK(parsed.tape.string(1, arena) == "\"\\/\b\f\n\r\t");
  CHECK(parsed.tape.string(2, buffer) == "A\u00e9\u20ac\U0001f600");
  CHECK(parsed.tape.string_equals(2, "A\u00e9\u20ac\U0001f600"));
  CHECK_FALSE(parsed.tape.string_equals(2, "A\u00e9\u20ac"));
  CHECK_FALSE(parsed.tape.string_equals(2, "A\u00e9\u20ac\U0001f600x"));
  CHECK_FALSE(parsed.tape.has_escapes(3));
  CHECK(parsed.tape.string(3, arena).data() == parsed.tape.text(3).data());
  const Parsed keys(R"({"\u0061b": 1, "c\n": 2})");
  CHECK(keys.tape.text(keys.tape.find(0, "ab")) == "1");
  CHECK(keys.tape.text(keys.tape.find(0, "c\n")) == "2");
}

TEST_CASE("json tape: what is no JSON is refused with its place", "[json]") {
  struct Case {
    std::string text;
    u32 offset;
  };
  const Case cases[] = {
      {"", 0},
      {"  ", 2},
      {"[1,]", 3},
      {"[1 2]", 3},
      {"{\"a\" 1}", 5},
      {"{a:1}", 1},
      {"01", 1},
      {"-", 0},
      {"1.", 0},
      {".5", 0},
      {"+1", 0},
      {"1e", 0},
      {"tru", 0},
      {"NaN", 0},
      {"\"abc", 4},
      {"\"\n\"", 1},
      {"\"\\x\"", 1},
      {"\"\\ud800\"", 1},
      {"\"\\udc00\"", 1},
      {"[1]]", 3},
      {"{\"a\":1,}", 7},
      {"\xef\xbb\xbf{}", 0},
      {"\"\xc0\xaf\"", 1},
      {"\"\xed\xa0\x80\"", 1},
      {"\"\xf4\x90\x80\x80\"", 1},
      {"\"\xe2\x82\"", 1},
      {"'a'", 0},
      {"[1}", 2},
      {"\"\\u12g4\"", 1},
      {"\"\\ud800\\u0041\"", 1},
      {std::string("\0", 1), 0},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    Parsed parsed(c.text);
    CHECK_FALSE(parsed.result);
    CHECK(parsed.result.error().code == Errc::BadRequest);
    CHECK_FALSE(parsed.result.error().what.empty());
    CHECK(parsed.tape.error_offset() == c.offset);
    CHECK(parsed.tape.empty());
  }
}

TEST_CASE("json tape: every place in a long string is looked at", "[json]") {
  // Blocks of sixteen bytes and the rest of a text take different ways.
  for (size_t length = 0; length < 70; ++length) {
    for (size_t at = 0; at < length; ++at) {
      std::string text(length, 'x');
      text[at] = '\x1f';
      CAPTURE(length, at);
      CHECK_FALSE(accepts("\"" + text + "\""));
      text[at] = '\x7f';
      CHECK(accepts("\"" + text + "\""));
      text[at] = '\xff';
      CHECK_FALSE(accepts("\"" + text + "\""));
      text[at] = '"';
      CHECK_FALSE(accepts("\"" + text + "\""));
      CHECK(accepts("\"" + text.substr(0, at) + "\u00e9\U0001f600" + text.substr(at + 1) + "\""));
    }
  }
}

TEST_CASE("json tape: the same key twice is refused", "[json]") {
  CHECK(reason(R"({"a":1,"a":2})") == "an object has the same key twice");
  CHECK(reason(R"({"a":1,"\u0061":2})") == "an object has the same key twice");
  CHECK(reason(R"({"\u0061\n":1,"a\u000A":2})") == "an object has the same key twice");
  CHECK(reason(R"([{"x":{"a":1,"b":1,"a":2}}])") == "an object has the same key twice");
  CHECK(accepts(R"({"a":{"a":1},"b":{"a":1}})"));
  CHECK(accepts(R"({"":1,"a":1,"aa":1,"aaa":1,"A":1})"));
  CHECK(accepts(many_keys(15, "other")));
  CHECK_FALSE(accepts(many_keys(15, "key7")));
  CHECK(accepts(many_keys(1000, "other")));
  CHECK_FALSE(accepts(many_keys(1000, "key0")));
  CHECK_FALSE(accepts(many_keys(1000, "key\\u0039")));
  const Parsed parsed(R"({"a":1, "a":2})");
  CHECK(parsed.tape.error_offset() == 8);
}

TEST_CASE("json tape: keys that were chosen to collide cost no more", "[json]") {
  // Same length, same first and last eight bytes: the same fingerprint.
  std::string text = "{";
  for (u32 i = 0; i < 50'000; ++i) {
    std::string middle = std::to_string(i);
    middle.insert(0, 6 - middle.size(), '0');
    text += (i == 0 ? "\"" : ",\"") + ("aaaaaaaa" + middle + "zzzzzzzz\":0");
  }
  text += "}";
  const auto start = std::chrono::steady_clock::now();
  CHECK(accepts(text));
  // A quadratic search would compare 1.25 billion keys.
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(2));
}

TEST_CASE("json tape: depth and nodes are limited", "[json]") {
  Tape tape;
  const std::string deep = std::string(128, '[') + std::string(128, ']');
  CHECK(tape.parse(deep));
  const auto deeper = tape.parse("[" + deep + "]");
  CHECK(deeper.error().code == Errc::BodyTooLarge);
  CHECK(tape.parse(std::string(1'000'000, '[')).error().code == Errc::BodyTooLarge);
  CHECK(tape.parse("[1,2,3]", {.nodes = 4}));
  CHECK(tape.parse("[1,2,3,4]", {.nodes = 4}).error().code == Errc::BodyTooLarge);
  CHECK(tape.parse(R"({"a":1})", {.nodes = 2}).error().code == Errc::BodyTooLarge);
  CHECK(tape.parse("1", {.depth = 0}));
  CHECK_FALSE(tape.parse("[]", {.depth = 0}));
}

TEST_CASE("json tape: one tape reads many texts", "[json]") {
  Tape tape;
  for (int i = 0; i < 3; ++i) {
    const std::string large = many_keys(5000, "x");
    REQUIRE(tape.parse(large));
    CHECK(tape.count(0) == 5001);
    REQUIRE(tape.parse("[7]"));
    CHECK(tape.text(1) == "7");
    tape.clear();
    CHECK(tape.empty());
  }
}

TEST_CASE("json tape: pointers lead to values and back", "[json]") {
  // The document of RFC 6901 section 5.
  const Parsed parsed(R"({"foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4,
                          "i\\j": 5, "k\"l": 6, " ": 7, "m~n": 8})");
  REQUIRE(parsed.result);
  const Tape& tape = parsed.tape;
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"/foo/0", "bar"}, {"/foo/1", "baz"}, {"/", "0"},     {"/a~1b", "1"},
      {"/c%d", "2"},     {"/e^f", "3"},     {"/g|h", "4"},  {"/i\\j", "5"},
      {"/k\"l", "6"},    {"/ ", "7"},       {"/m~0n", "8"},
  };
  for (const auto& [pointer, text] : cases) {
    CAPTURE(pointer);
    const u32 found = tape.resolve(pointer);
    REQUIRE(found != kNoNode);
    CHECK(tape.text(found) == text);
    CHECK(pointer_of(tape, found) == pointer);
  }
  CHECK(tape.resolve("") == 0);
  CHECK(pointer_of(tape, 0).empty());
  for (const std::string_view none : {"foo", "/foo/2", "/foo/01", "/foo/-", "/foo/1/x", "/m~2n",
                                      "/m~", "/foo/00", "/bar", "/foo/99999999999"}) {
    CAPTURE(none);
    CHECK(tape.resolve(none) == kNoNode);
  }
  CHECK(tape.resolve("/1", tape.find(0, "foo")) == tape.resolve("/foo/1"));
}

TEST_CASE("json tape: every node has a pointer that leads back to it", "[json]") {
  const Parsed parsed(R"([{"a":[[],{},{"b":{"c":[1,2,{"d":null}]}}]},[[["x"]]],"y"])");
  REQUIRE(parsed.result);
  for (u32 i = 0; i < parsed.tape.size(); ++i) {
    const bool key = (parsed.tape.node(i).flags & kNodeKey) != 0;
    CHECK(parsed.tape.resolve(pointer_of(parsed.tape, i)) == (key ? i + 1 : i));
  }
}

}  // namespace gw::json
