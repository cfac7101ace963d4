// Our DFAs against RE2, on patterns from a grammar and on published suites.
#include <re2/re2.h>

#include <boost/json.hpp>
#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>
#include <map>
#include <random>

#include "cmake/source_dir.h"
#include "compiler/regex/regex.h"
#include "runtime/table/dfa.h"

namespace regex = gw::compiler::regex;
using gw::u32;
using regex::Mode;
using regex::Syntax;

namespace {

class Generator {
 public:
  explicit Generator(u32 seed) : random_(seed) {}
  u32 below(u32 bound) { return static_cast<u32>(random_() % bound); }

  std::string pattern(u32 depth) {
    switch (below(depth == 0 ? 8 : 15)) {
      case 8:
        return pattern(depth - 1) + "|" + pattern(depth - 1);
      case 9:
      case 10:
      case 11:
        return pattern(depth - 1) + pattern(depth - 1);
      case 12:
        return "(?:" + pattern(depth - 1) + ")" + pick({"*", "+", "?", "{2}", "{1,2}", "{0,3}?"});
      case 13:
        return "(" + pattern(depth - 1) + ")";
      case 14:
        return "(?" + pick({"i", "s", "m", "-i", "ms"}) + ":" + pattern(depth - 1) + ")";
      case 0:
        return pick({"^", "$", "\\b", "\\B", "\\A", "\\z", ""});
      case 1:
        return pick({".", "\\d", "\\w", "\\s", "\\D", "\\W", "\\S", "\\pL", "\\PL"});
      case 2:
        return pick({"[a-c]", "[^a]", "[é-ü]", "[^\\n]", "[ab\\d]", "[[:upper:]]", "[^\\W]"});
      default:
        return pick({"a", "b", "A", "k", "é", "1", " ", "\\n", "ab", "_", "ß"});
    }
  }
  std::string text() {
    std::string out;
    for (u32 i = below(7); i > 0; --i) {
      out += pick({"a", "b", "A", "B", "k", "K", "é", "É", "1", " ", "\n", "_", "ß", "c", "ab"});
    }
    return out;
  }

 private:
  std::string pick(std::initializer_list<const char*> from) {
    return *(from.begin() + below(static_cast<u32>(from.size())));
  }
  std::mt19937 random_;
};

void compare(u32 seed, int patterns) {
  Generator generator(seed);
  RE2::Options options;
  options.set_log_errors(false);
  int compiled_count = 0;
  int re2_faults = 0;
  for (int i = 0; i < patterns; ++i) {
    const std::string pattern = generator.pattern(4);
    const RE2 oracle(pattern, options);
    for (const Mode mode : {Mode::Anchored, Mode::Search}) {
      const auto result = regex::compile(pattern, Syntax::Re2, mode);
      const auto* compiled = std::get_if<regex::CompiledRegex>(&result);
      INFO("pattern " << pattern);
      REQUIRE((compiled != nullptr) == oracle.ok());
      if (compiled == nullptr || compiled->dfa.empty()) continue;
      ++compiled_count;
      const RE2 printed(compiled->re2, options);
      INFO("printed " << compiled->re2);
      REQUIRE(printed.ok());
      const gw::Dfa dfa(compiled->dfa.data());
      for (int k = 0; k < 20; ++k) {
        const std::string text = generator.text();
        const bool anchored = mode == Mode::Anchored;
        const bool expected =
            anchored ? RE2::FullMatch(text, oracle) : RE2::PartialMatch(text, oracle);
        INFO("text " << text << (anchored ? " anchored" : " search"));
        const bool as_printed =
            anchored ? RE2::FullMatch(text, printed) : RE2::PartialMatch(text, printed);
        REQUIRE(dfa.matches(text) == as_printed);
        if (as_printed == expected) continue;
        // RE2 of Debian 12 loses the second side of `a|(?i:a)`: it takes both for the same literal.
        REQUIRE(pattern.find("i:") != std::string::npos);
        ++re2_faults;
      }
    }
  }
  CHECK(compiled_count > patterns);
  CHECK(re2_faults <= patterns / 20);
}

/// What is asked of two expressions without their DFAs, against the answers of the DFAs.
void compare_questions(u32 seed, int pairs) {
  Generator generator(seed);
  const auto compiled = [&](Mode mode) {
    for (;;) {
      auto result = regex::compile(generator.pattern(3), Syntax::Re2, mode);
      auto* found = std::get_if<regex::CompiledRegex>(&result);
      if (found != nullptr && !found->dfa.empty()) return std::move(*found);
    }
  };
  int overlapping = 0;
  int contained = 0;
  for (int i = 0; i < pairs; ++i) {
    const auto a = compiled(i % 2 == 0 ? Mode::Anchored : Mode::Search);
    const auto b = compiled(i % 3 == 0 ? Mode::Search : Mode::Anchored);
    INFO("first " << a.re2 << "  second " << b.re2);
    const regex::Language first{.dfa = {}, .re2 = a.re2, .mode = a.mode};
    const regex::Language second{.dfa = {}, .re2 = b.re2, .mode = b.mode};
    const regex::Common common = regex::common(first, second);
    REQUIRE(common.kind == regex::common(a.dfa, b.dfa).kind);
    REQUIRE(regex::contains(first, second) == regex::contains(a.dfa, b.dfa));
    REQUIRE(regex::contains(first, {.dfa = b.dfa}) == regex::contains(a.dfa, b.dfa));
    contained += regex::contains(first, second) ? 1 : 0;
    if (common.kind != regex::Common::Kind::Overlap) continue;
    ++overlapping;
    REQUIRE(gw::Dfa(a.dfa.data()).matches(common.witness));
    REQUIRE(gw::Dfa(b.dfa.data()).matches(common.witness));
  }
  CHECK(overlapping > pairs / 10);
  CHECK(overlapping < pairs);
  CHECK(contained > pairs / 50);
}

std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string conformance(const std::string& name) {
  return read(gw::source_dir() + "/../shared/conformance/" + name);
}

}  // namespace

TEST_CASE("regex oracle: generated patterns agree with RE2", "[regex]") { compare(1, 1500); }

TEST_CASE("regex oracle: expressions are compared as their DFAs are", "[regex]") {
  compare_questions(7, 800);
}

TEST_CASE("regex oracle: expressions are compared whose DFAs would be too big", "[regex]") {
  using Kind = regex::Common::Kind;
  const auto compiled = [](std::string_view pattern) {
    return std::get<regex::CompiledRegex>(regex::compile(pattern, Syntax::Re2, Mode::Anchored));
  };
  const auto language = [](const regex::CompiledRegex& from) {
    return regex::Language{.dfa = from.dfa, .re2 = from.re2, .mode = from.mode};
  };
  const auto big = compiled("[ab]*a[ab]{18}");
  REQUIRE(big.dfa.empty());
  const auto digits = compiled("[0-9]+");
  const auto letters = compiled("[a-z]+");
  const auto long_b = compiled("[ab]*b[ab]{20}");
  REQUIRE(long_b.dfa.empty());
  CHECK(regex::common(language(big), language(digits)).kind == Kind::Disjoint);
  const auto with_letters = regex::common(language(letters), language(big));
  CHECK(with_letters.kind == Kind::Overlap);
  CHECK(with_letters.witness == std::string(19, 'a'));
  CHECK(regex::contains(language(letters), language(big)));
  CHECK_FALSE(regex::contains(language(big), language(letters)));
  const auto both = regex::common(language(big), language(long_b));
  CHECK(both.kind == Kind::Overlap);
  CHECK(both.witness.size() == 21);
  CHECK(RE2::FullMatch(both.witness, big.re2));
  CHECK(RE2::FullMatch(both.witness, long_b.re2));
  // Not decided within bounds is "no".
  CHECK_FALSE(regex::contains(language(big), language(big)));
}

TEST_CASE("regex oracle: many generated patterns agree with RE2", "[.long]") {
  for (u32 seed = 2; seed < 52; ++seed) compare(seed, 5000);
}

TEST_CASE("regex oracle: the tests of rust-lang/regex", "[regex][conformance]") {
  const std::string text = conformance("regex-testdata/tests.json");
  if (text.empty()) {
    WARN("skipped: no regex-testdata");
    return;
  }
  std::map<std::string, int> skipped;
  int run = 0;
  RE2::Options options;
  options.set_log_errors(false);
  const auto document = boost::json::parse(text);
  for (const auto& value : document.as_array()) {
    const auto& test = value.as_object();
    const auto flag = [&test](const char* key, bool otherwise) {
      const auto* it = test.if_contains(key);
      return it != nullptr ? it->as_bool() : otherwise;
    };
    if (!test.at("regex").is_string()) {
      ++skipped["a set of patterns"];
      continue;
    }
    if (test.contains("bounds") || test.contains("line-terminator") || flag("unescape", false)) {
      ++skipped["bounds, line terminator or escaped haystack"];
      continue;
    }
    if (!flag("unicode", true) || !flag("utf8", true)) {
      ++skipped["not UTF-8"];
      continue;
    }
    if (flag("anchored", false)) {
      ++skipped["anchored at the start only"];
      continue;
    }
    std::string pattern(test.at("regex").as_string());
    if (flag("case-insensitive", false)) pattern = "(?i:" + pattern + ")";
    const std::string haystack(test.at("haystack").as_string());
    const RE2 oracle(pattern, options);
    const bool expected = !test.at("matches").as_array().empty();
    if (!oracle.ok()) {
      ++skipped["not RE2 syntax, or not a pattern at all"];
      continue;
    }
    if (RE2::PartialMatch(haystack, oracle) != expected) {
      ++skipped["RE2 means something else (Unicode classes and boundaries)"];
      continue;
    }
    INFO(test.at("file").as_string().c_str() << " " << test.at("name").as_string().c_str());
    INFO(pattern);
    const auto result = regex::compile(pattern, Syntax::Re2, Mode::Search);
    const auto* compiled = std::get_if<regex::CompiledRegex>(&result);
    if (const auto* error = std::get_if<regex::RegexError>(&result)) INFO(error->message);
    CHECK(compiled != nullptr);
    if (compiled == nullptr) continue;
    if (compiled->dfa.empty()) {
      ++skipped["too big for a DFA"];
      continue;
    }
    CHECK(gw::Dfa(compiled->dfa.data()).matches(haystack) == expected);
    ++run;
  }
  CHECK(run > 300);
  std::string summary = "run " + std::to_string(run);
  for (const auto& [reason, count] : skipped) {
    summary += "; skipped " + std::to_string(count) + ": " + reason;
  }
  WARN(summary);
}

TEST_CASE("regex oracle: patterns of the JSON Schema Test Suite", "[regex][conformance]") {
  int run = 0;
  int refused = 0;
  for (const char* name : {"pattern.json", "optional/ecmascript-regex.json"}) {
    std::string text;
    for (const char* folder :
         {"json-schema-test-suite/tests/draft2020-12/", "json-schema-test-suite/draft2020-12/"}) {
      if (text.empty()) text = conformance(std::string(folder) + name);
    }
    if (text.empty()) {
      WARN("skipped: no " << name);
      continue;
    }
    const auto document = boost::json::parse(text);
    for (const auto& group : document.as_array()) {
      const auto& schema = group.as_object().at("schema").as_object();
      const auto* pattern = schema.if_contains("pattern");
      if (pattern == nullptr) continue;
      const auto result = regex::compile(pattern->as_string(), Syntax::Ecma, Mode::Search);
      const auto* compiled = std::get_if<regex::CompiledRegex>(&result);
      if (compiled == nullptr || compiled->dfa.empty()) {
        const auto* error = std::get_if<regex::RegexError>(&result);
        WARN(name << ": " << pattern->as_string().c_str()
                  << " refused: " << (error != nullptr ? error->message : "too big"));
        ++refused;
        continue;
      }
      for (const auto& test : group.as_object().at("tests").as_array()) {
        const auto& data = test.as_object().at("data");
        if (!data.is_string()) continue;
        INFO(pattern->as_string().c_str() << " on " << data.as_string().c_str());
        CHECK(gw::Dfa(compiled->dfa.data()).matches(data.as_string()) ==
              test.as_object().at("valid").as_bool());
        ++run;
      }
    }
  }
  WARN("run " << run << ", refused patterns " << refused);
}
