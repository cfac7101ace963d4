// The difference of two languages: texts of the wanted letters and length that are none of the
// pattern's. So a text that is found is proved by the automaton that the engine itself would run.
// A pattern whose automaton would be too large is asked about a few texts, by RE2.
#include "cli/testing/pattern_text.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>

#include "compiler/regex/regex.h"

namespace gw::cli::tests {
namespace {

namespace regex = compiler::regex;

constexpr u64 kMostCounted = 64;  // longer texts would make large automata

std::optional<std::string> difference(const regex::CompiledRegex& pattern,
                                      std::string_view characters, u64 least, u64 most) {
  const u64 from = std::clamp<u64>(least, 1, kMostCounted);
  const std::string upper =
      most > kMostCounted ? std::string() : std::to_string(std::max(most, from));
  const auto wanted = regex::compile(fmt::format("{}{{{},{}}}", characters, from, upper),
                                     regex::Syntax::Re2, regex::Mode::Anchored);
  const auto* texts = std::get_if<regex::CompiledRegex>(&wanted);
  if (texts == nullptr || texts->dfa.empty()) return std::nullopt;
  return regex::string_only_in(texts->dfa, pattern.dfa);
}

std::optional<std::string> tried(const regex::CompiledRegex& pattern) {
  const re2::RE2 compiled(pattern.re2, re2::RE2::Quiet);
  if (!compiled.ok()) return std::nullopt;
  for (const std::string_view text : {"!", "0", "a", "A", "_", "-", "a-0_!"}) {
    const re2::StringPiece piece(text.data(), text.size());
    const bool found = pattern.mode == regex::Mode::Search ? re2::RE2::PartialMatch(piece, compiled)
                                                           : re2::RE2::FullMatch(piece, compiled);
    if (!found) return std::string(text);
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> PatternBreaker::text_beside(std::string_view pattern, u64 least,
                                                       u64 most, bool any_character) {
  const std::string key = fmt::format("{} {} {} {}", least, most, any_character, pattern);
  const auto known = known_.find(key);
  if (known != known_.end()) return known->second;
  std::optional<std::string>& found = known_[key];
  const auto compiled = regex::compile(pattern, regex::Syntax::Ecma, regex::Mode::Search);
  if (const auto* fine = std::get_if<regex::CompiledRegex>(&compiled)) {
    found = fine->dfa.empty() ? tried(*fine) : difference(*fine, "[0-9A-Za-z_!-]", least, most);
    if (!found && any_character && !fine->dfa.empty()) {
      found = difference(*fine, "(?s:.)", least, most);
    }
  }
  return found;
}

}  // namespace gw::cli::tests
