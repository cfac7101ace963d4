#include "runtime/http/structured_field.h"

#include <array>
#include <catch2/catch.hpp>
#include <limits>
#include <vector>

namespace gw::http::structured {
namespace {

std::string again(std::string_view text) {
  Arena arena;
  const Result<Item> item = parse_item(text, arena);
  if (!item) return std::string("no: ").append(item.error().what);
  std::string out;
  REQUIRE(write_item(*item, out));
  return out;
}

std::string list_again(std::string_view text) {
  Arena arena;
  const Result<Members> list = parse_list(text, arena);
  if (!list) return std::string("no: ").append(list.error().what);
  std::string out;
  REQUIRE(write_list(*list, out));
  return out;
}

std::string dictionary_again(std::string_view text) {
  Arena arena;
  const Result<Members> dictionary = parse_dictionary(text, arena);
  if (!dictionary) return std::string("no: ").append(dictionary.error().what);
  std::string out;
  REQUIRE(write_dictionary(*dictionary, out));
  return out;
}

}  // namespace

TEST_CASE("structured field: every type is read and written", "[http][structured]") {
  struct Case {
    std::string_view text;
    BareItem value;
  };
  const Case cases[] = {
      {"42", BareItem::integer(42)},
      {"-999999999999999", BareItem::integer(-kMaxInteger)},
      {"4.5", BareItem::decimal(4500)},
      {"-0.125", BareItem::decimal(-125)},
      {R"("a \"b\" \\")", BareItem::string(R"(a "b" \)")},
      {"*/x:y", BareItem::token("*/x:y")},
      {":AAECAw==:", BareItem::bytes(std::string_view("\0\1\2\3", 4))},
      {"::", BareItem::bytes("")},
      {"?0", BareItem::boolean(false)},
      {"@1659578233", BareItem::date(1659578233)},
      {"@-1", BareItem::date(-1)},
      {R"(%"f%c3%bc%22%25")", BareItem::display("f\xc3\xbc\"%")},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    Arena arena;
    const Result<Item> item = parse_item(c.text, arena);
    REQUIRE(item);
    CHECK(item->value == c.value);
    CHECK(again(c.text) == c.text);
  }
}

TEST_CASE("structured field: what has several texts is written as one", "[http][structured]") {
  CHECK(again("  007 ") == "7");
  CHECK(again("1.50") == "1.5");
  CHECK(again("-0") == "0");
  CHECK(again("a; b ;c") == "no: something behind the value");
  CHECK(again("a; b;c=?1;d=?0") == "a;b;c;d=?0");
  CHECK(again(":YWI:") == ":YWI=:");  // padding may lack
  CHECK(list_again("a ,\tb,(c  d );e") == "a, b, (c d);e");
  CHECK(dictionary_again("a=?1, b=1,c") == "a, b=1, c");
  CHECK(list_again("") == "");
}

TEST_CASE("structured field: of a key twice the last value stands, at its first place",
          "[http][structured]") {
  CHECK(dictionary_again("a=1, b=2, a=3;x") == "a=3;x, b=2");
  CHECK(again("1;a=1;b;a=2") == "1;a=2;b");
}

TEST_CASE("structured field: a fault anywhere spoils all of it", "[http][structured]") {
  for (const std::string_view text : {"",
                                      "1 2",
                                      "1,",
                                      "9999999999999999",
                                      "1234567890123.1",
                                      "1.2345",
                                      "1.",
                                      "-",
                                      "\"a",
                                      "\"\\a\"",
                                      "\"\x7f\"",
                                      ":a:",
                                      ":ab=:",
                                      ":a b=:",
                                      ":YQ==",
                                      "?2",
                                      "?",
                                      "@1.5",
                                      "@",
                                      "%\"%C3%BC\"",
                                      "%\"%c3\"",
                                      "%\"%c\"",
                                      "%\"a",
                                      "%a",
                                      "a;",
                                      "a;B",
                                      "a;=1",
                                      "=",
                                      "\x80"}) {
    CAPTURE(text);
    CHECK(again(text).starts_with("no: "));
  }
  for (const std::string_view text : {"1,", ",1", "1,,2", "1 2", "(1", "(1,2)", "(1)2", "((1))"}) {
    CAPTURE(text);
    CHECK(list_again(text).starts_with("no: "));
  }
  for (const std::string_view text : {"a=", "A=1", "a=1,", "1", "a=1 b=2", "a b"}) {
    CAPTURE(text);
    CHECK(dictionary_again(text).starts_with("no: "));
  }
}

TEST_CASE("structured field: what cannot be written is refused whole", "[http][structured]") {
  std::string out = "before";
  const Parameter bad_key[] = {{"Bad", BareItem::integer(1)}};
  const Parameter good[] = {{"a", BareItem::integer(1)}};
  CHECK_FALSE(write_item({BareItem::integer(1), bad_key}, out));
  CHECK_FALSE(write_item({BareItem::string("line\n"), {}}, out));
  CHECK_FALSE(write_item({BareItem::string("caf\xc3\xa9"), {}}, out));
  CHECK_FALSE(write_item({BareItem::token("1a"), {}}, out));
  CHECK_FALSE(write_item({BareItem::token(""), {}}, out));
  CHECK_FALSE(write_item({BareItem::integer(kMaxInteger + 1), good}, out));
  CHECK_FALSE(write_item({BareItem::integer(std::numeric_limits<i64>::min()), good}, out));
  CHECK_FALSE(write_item({BareItem::date(-kMaxInteger - 1), good}, out));
  CHECK_FALSE(write_item({BareItem::display("\xff"), good}, out));
  CHECK_FALSE(write_parameter("", BareItem::boolean(true), out));
  CHECK(out == "before");
  CHECK_FALSE(decimal_of(1e12));
  CHECK_FALSE(decimal_of(std::numeric_limits<double>::quiet_NaN()));
}

TEST_CASE("structured field: limits are those of the RFC, and not more", "[http][structured]") {
  const auto repeated = [](std::string_view each, size_t count) {
    std::string out;
    for (size_t i = 0; i < count; ++i) out += each;
    return out;
  };
  CHECK(list_again("a" + repeated(",a", kMaxMembers - 1)).starts_with("a, a"));
  CHECK(list_again("a" + repeated(",a", kMaxMembers)) == "no: a list with too many members");
  CHECK(list_again("(" + repeated("a ", kMaxInnerItems) + ")").starts_with("(a a"));
  CHECK(list_again("(" + repeated("a ", kMaxInnerItems + 1) + ")") ==
        "no: an inner list with too many items");
  CHECK(again("\"" + repeated("a", kMaxTextBytes) + "\"") == "no: a field that is too long");
  // The same key again is no further parameter.
  std::string item = "a";
  for (u32 i = 0; i < kMaxParameters; ++i) item += ";a" + std::to_string(i);
  CHECK(again(item + ";a0").starts_with("a;a0;a1"));
  CHECK(again(item + ";b") == "no: an item with too many parameters");
}

TEST_CASE("structured field: memory follows the text", "[http][structured]") {
  // Each of these would be dear if room were made for what is not there.
  for (const std::string_view each : {"%\"a\",", "(1;a 1;b),", ":YQ==:,", "\"\\\"\","}) {
    CAPTURE(each);
    std::string text;
    while (text.size() + each.size() < kMaxTextBytes / 16) text += each;
    text.pop_back();
    Arena arena;
    REQUIRE(parse_list(text, arena));
    CHECK(arena.held_bytes() < 200 * text.size());
  }
}

TEST_CASE("structured field: lines of one field are one value", "[http][structured]") {
  Arena arena;
  const std::string_view lines[] = {"a=1", "b;x=2, c"};
  const std::string_view text = join_lines(lines, arena);
  const Result<Members> dictionary = parse_dictionary(text, arena);
  REQUIRE(dictionary);
  CHECK(find(*dictionary, "b") != nullptr);
  CHECK(find(find(*dictionary, "b")->parameters, "x")->number == 2);
  CHECK(find(*dictionary, "d") == nullptr);
  CHECK(find(find(*dictionary, "b")->parameters, "y") == nullptr);
  CHECK(join_lines(std::span(lines).first(1), arena).data() == lines[0].data());
}

}  // namespace gw::http::structured
