#include "compiler/regex/regex.h"

#include <catch2/catch.hpp>

#include "compiler/regex/dialect.h"
#include "runtime/table/dfa.h"

using gw::Bytes;
using gw::Dfa;
namespace regex = gw::compiler::regex;
using regex::Mode;
using regex::Syntax;

namespace {

regex::CompiledRegex dfa_of(std::string_view pattern, Syntax syntax = Syntax::Re2,
                            Mode mode = Mode::Anchored) {
  auto result = regex::compile(pattern, syntax, mode);
  if (const auto* error = std::get_if<regex::RegexError>(&result)) {
    FAIL(pattern << ": " << error->message);
  }
  auto compiled = std::get<regex::CompiledRegex>(std::move(result));
  REQUIRE(!compiled.dfa.empty());
  REQUIRE(gw::verify_dfa(compiled.dfa));
  return compiled;
}

bool matches(const regex::CompiledRegex& compiled, std::string_view text) {
  return Dfa(compiled.dfa.data()).matches(text);
}

}  // namespace

TEST_CASE("regex: answers are those of the syntax", "[regex]") {
  struct Case {
    std::string_view pattern;
    Syntax syntax;
    Mode mode;
    std::string_view text;
    bool matched;
  };
  const Case cases[] = {
      {"[0-9]+", Syntax::Re2, Mode::Anchored, "123", true},
      {"[0-9]+", Syntax::Re2, Mode::Anchored, "12a", false},
      {"[0-9]+", Syntax::Re2, Mode::Search, "ab1", true},
      {"", Syntax::Re2, Mode::Anchored, "", true},
      {"", Syntax::Re2, Mode::Anchored, "a", false},
      {"", Syntax::Re2, Mode::Search, "a", true},
      {"^a|b$", Syntax::Re2, Mode::Search, "xxb", true},
      {"^a|b$", Syntax::Re2, Mode::Search, "xax", false},
      {"(?i)straSSe", Syntax::Re2, Mode::Anchored, "STRASSE", true},
      {"(?i)k", Syntax::Re2, Mode::Anchored, "\xe2\x84\xaa", true},
      {"(?i:ä)b", Syntax::Re2, Mode::Anchored, "Äb", true},
      {"(?i:ä)b", Syntax::Re2, Mode::Anchored, "ÄB", false},
      {"a.c", Syntax::Re2, Mode::Anchored, "aéc", true},
      {"a.c", Syntax::Re2, Mode::Anchored, "a\nc", false},
      {"(?s)a.c", Syntax::Re2, Mode::Anchored, "a\nc", true},
      {"(?m)^b$", Syntax::Re2, Mode::Search, "a\nb\nc", true},
      {"\\bfoo\\b", Syntax::Re2, Mode::Search, "a foo b", true},
      {"\\bfoo\\b", Syntax::Re2, Mode::Search, "afoo b", false},
      {"\\Bo", Syntax::Re2, Mode::Search, "fo", true},
      {"x{2,3}?", Syntax::Re2, Mode::Anchored, "xxx", true},
      {"x{2,3}", Syntax::Re2, Mode::Anchored, "xxxx", false},
      {"\\Qa.b\\E+", Syntax::Re2, Mode::Anchored, "a.bb", true},
      {"[[:alpha:]_]+", Syntax::Re2, Mode::Anchored, "a_B", true},
      {"\\pL+", Syntax::Re2, Mode::Anchored, "Жé", true},
      {"\\p{Greek}", Syntax::Re2, Mode::Anchored, "λ", true},
      {"\\p{Greek}", Syntax::Re2, Mode::Anchored, "l", false},
      {"a\\d{1000}", Syntax::Re2, Mode::Anchored, "a1", false},
      {"^\\p{Letter}+$", Syntax::Ecma, Mode::Search, "Aβ", true},
      {"^\\p{Script=Greek}$", Syntax::Ecma, Mode::Search, "λ", true},
      {"^\\S+$", Syntax::Ecma, Mode::Search, "a\xc2\xa0", false},
      {"^\\cJ$", Syntax::Ecma, Mode::Search, "\n", true},
      {"^\\u{1F600}$", Syntax::Ecma, Mode::Search, "😀", true},
      {"^\\ud83d\\ude00$", Syntax::Ecma, Mode::Search, "😀", true},
      {"^[\\b\\-]$", Syntax::Ecma, Mode::Search, "\b", true},
      {"[]", Syntax::Ecma, Mode::Search, "a", false},
      {"^[^]$", Syntax::Ecma, Mode::Search, "\n", true},
      {"^.$", Syntax::Ecma, Mode::Search, "\xe2\x80\xa8", false},
      {"^(?<year>[0-9]{4})$", Syntax::Ecma, Mode::Search, "2026", true},
      {"^{a}$", Syntax::Ecma, Mode::Search, "{a}", true},
  };
  for (const Case& it : cases) {
    CAPTURE(it.pattern, it.text);
    CHECK(matches(dfa_of(it.pattern, it.syntax, it.mode), it.text) == it.matched);
  }
}

TEST_CASE("regex: bytes that are not UTF-8 match no character", "[regex]") {
  CHECK_FALSE(matches(dfa_of("."), "\xff"));
  CHECK_FALSE(matches(dfa_of("[^a]"), "\xc3"));
  CHECK_FALSE(matches(dfa_of("."), "\xed\xa0\x80"));
  CHECK(matches(dfa_of("b", Syntax::Re2, Mode::Search),
                "\xff\xff"
                "b"));
}

TEST_CASE("regex: what cannot run in linear time is refused with its place", "[regex]") {
  struct Case {
    std::string_view pattern;
    Syntax syntax;
    gw::u32 offset;
  };
  const Case cases[] = {
      {"a(?=b)", Syntax::Re2, 1},
      {"a(?!b)", Syntax::Ecma, 1},
      {"(?<=a)b", Syntax::Ecma, 0},
      {"(?<!a)b", Syntax::Ecma, 0},
      {"(a)\\1", Syntax::Re2, 3},
      {"(a)\\1", Syntax::Ecma, 3},
      {"(?<n>a)\\k<n>", Syntax::Ecma, 7},
      {"x\\C", Syntax::Re2, 1},
      {"a**", Syntax::Re2, 2},
      {"*a", Syntax::Re2, 0},
      {"(a", Syntax::Re2, 0},
      {"a)", Syntax::Re2, 1},
      {"[a", Syntax::Re2, 0},
      {"[b-a]", Syntax::Re2, 1},
      {"a{2,1}", Syntax::Re2, 1},
      {"a{1001}", Syntax::Re2, 1},
      {"\\p{Nope}", Syntax::Re2, 0},
      {"^*", Syntax::Ecma, 1},
      {"\\a", Syntax::Ecma, 0},
      {"\\Z", Syntax::Ecma, 0},
      {"a\xff", Syntax::Re2, 1},
      {"ab\\", Syntax::Re2, 2},
      {"(?i:a", Syntax::Re2, 0},
      {"[\\d-z]", Syntax::Ecma, 1},
  };
  for (const Case& it : cases) {
    CAPTURE(it.pattern);
    const auto result = regex::compile(it.pattern, it.syntax, Mode::Search);
    const auto* error = std::get_if<regex::RegexError>(&result);
    REQUIRE(error != nullptr);
    CHECK(error->offset == it.offset);
    CHECK(!error->message.empty());
  }
}

TEST_CASE("regex: beyond the limits RE2 syntax is left", "[regex]") {
  const auto result =
      regex::compile("(a|b)*a(a|b){20}", Syntax::Re2, Mode::Anchored, {.states = 1000});
  const auto& compiled = std::get<regex::CompiledRegex>(result);
  CHECK(compiled.dfa.empty());
  CHECK(compiled.states == 0);
  CHECK(!compiled.re2.empty());
  const std::string deep = std::string(300, '(') + std::string(300, ')');
  CHECK(
      std::holds_alternative<regex::RegexError>(regex::compile(deep, Syntax::Re2, Mode::Anchored)));
}

TEST_CASE("regex: equal languages give equal bytes", "[regex]") {
  CHECK(dfa_of("[0-9]+").dfa == dfa_of("\\d\\d*").dfa);
  CHECK(dfa_of("a|b|c").dfa == dfa_of("[abc]").dfa);
  CHECK(dfa_of("(?:a|ab)(?:c|bcd)?").states == dfa_of("a|ac|abcd|ab|abc|abbcd").states);
}

TEST_CASE("regex: two languages are compared with a witness", "[regex]") {
  const auto digits = dfa_of("[0-9]+");
  const auto word = dfa_of("[a-z0-9]{2,}");
  const auto name = dfa_of("[a-z]+");
  CHECK(regex::common_string(digits.dfa, word.dfa) == "00");
  CHECK(regex::common_string(digits.dfa, name.dfa) == std::nullopt);
  CHECK(regex::contains(dfa_of("\\d*").dfa, digits.dfa));
  CHECK_FALSE(regex::contains(word.dfa, digits.dfa));
  CHECK(regex::string_only_in(digits.dfa, word.dfa) == "0");
  CHECK(regex::shortest_string(dfa_of("ab*c").dfa) == "ac");
  CHECK(regex::shortest_string(dfa_of("[^\\x00-\\x{10FFFF}]").dfa) == std::nullopt);
}

TEST_CASE("regex: the empty text may be left out of the question", "[regex]") {
  using regex::EmptyText;
  const auto digits = dfa_of("[0-9]*");
  const auto letters = dfa_of("[a-z]*");
  const auto word = dfa_of("[a-z]+");
  CHECK(regex::common({.dfa = digits.dfa}, {.dfa = letters.dfa}).witness.empty());
  CHECK(regex::common({.dfa = digits.dfa}, {.dfa = letters.dfa}, EmptyText::Ignored).kind ==
        regex::Common::Kind::Disjoint);
  CHECK(regex::common({.dfa = letters.dfa}, {.dfa = letters.dfa}, EmptyText::Ignored).witness ==
        "a");
  CHECK_FALSE(regex::contains({.dfa = word.dfa}, {.dfa = letters.dfa}));
  CHECK(regex::contains({.dfa = word.dfa}, {.dfa = letters.dfa}, EmptyText::Ignored));
}

TEST_CASE("dfa: verify refuses every truncation and any state out of range", "[regex][dfa]") {
  const auto good = dfa_of("(foo|bar)[0-9]*").dfa;
  for (size_t size = 0; size < good.size(); ++size) {
    CHECK_FALSE(gw::verify_dfa(Bytes(good).first(size)));
  }
  for (size_t at = 0; at < good.size(); ++at) {
    auto bad = good;
    bad[at] = std::byte{0xff};
    if (!gw::verify_dfa(bad)) continue;
    const Dfa dfa(bad.data());
    for (const char* text : {"", "foo1", "bar", "\xff\xff\xff"}) (void)dfa.matches(text);
  }
}

TEST_CASE("regex: patterns of other engines", "[regex]") {
  const auto help = [](std::string_view pattern) {
    const auto result = regex::compile(pattern, Syntax::Ecma, Mode::Search);
    const auto* error = std::get_if<regex::RegexError>(&result);
    REQUIRE(error != nullptr);
    return std::string(regex::help_for(pattern, *error));
  };
  for (const char* pattern : {"\\Aab", "ab\\Z", "ab\\z", "a\\h", "\\Qa.b\\E", "^\\x{41}$", "(?i)ab",
                              "a(?P<n>b)", "a(?>b)", "x(?i:ab)"}) {
    CAPTURE(pattern);
    CHECK(help(pattern).find("no look-around") == std::string::npos);
  }
  CHECK(help("ab\\Z").find("write `$`") != std::string::npos);
  CHECK(help("a(?=b)").find("no look-around") != std::string::npos);
  CHECK(help("(a)\\1").find("no look-around") != std::string::npos);

  using regex::foreign_part;
  CHECK(foreign_part("^[[:alpha:]]+$") == "[:alpha:]");
  CHECK(foreign_part("[:digit:]") == "[:digit:]");
  CHECK(foreign_part("[a-z&&[^b]]") == "&&[");
  for (const char* pattern :
       {"", "[", "[:", "[:a", "[::]", "[:a-z]", "\\[:alpha:]", "a&&[b]", "[a&&b]", "\\"}) {
    CAPTURE(pattern);
    CHECK(foreign_part(pattern).empty());
  }
}
