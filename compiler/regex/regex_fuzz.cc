// Property: what our parser accepts as RE2 syntax RE2 accepts too, and both answer alike on valid
// UTF-8. Input: one byte of mode, the pattern, a newline-free separator 0xff, the haystack.
#include <re2/re2.h>

#include <cstdlib>
#include <string_view>

#include "compiler/regex/regex.h"
#include "runtime/table/dfa.h"

namespace {

bool is_valid_utf8(std::string_view text) {
  static const RE2 valid("(?s).*");
  for (const char c : text) {
    if (static_cast<unsigned char>(c) >= 0x80) return false;  // ASCII is enough here
  }
  return RE2::FullMatch(text, valid);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  namespace regex = gw::compiler::regex;
  if (size < 2 || size > 300) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  const size_t cut = input.find('\xff');
  if (cut == std::string_view::npos) return 0;
  const std::string_view pattern = input.substr(0, cut);
  const std::string_view haystack = input.substr(cut + 1);
  const auto mode = (data[0] & 1) != 0 ? regex::Mode::Search : regex::Mode::Anchored;
  const regex::Limits limits{.states = 2000, .nfa_edges = 20'000, .work = 2'000'000};
  if ((data[0] & 2) != 0) {
    (void)regex::compile(pattern, regex::Syntax::Ecma, mode, limits);
    return 0;
  }
  const auto result = regex::compile(pattern, regex::Syntax::Re2, mode, limits);
  const auto* compiled = std::get_if<regex::CompiledRegex>(&result);
  if (compiled == nullptr || compiled->dfa.empty()) return 0;
  if (!gw::verify_dfa(compiled->dfa)) std::abort();
  RE2::Options options;
  options.set_log_errors(false);
  const RE2 oracle(std::string(pattern), options);
  // RE2 has bounds of its own on repeats and program size, so its refusal proves nothing.
  if (!oracle.ok() || !is_valid_utf8(haystack)) return 0;
  const bool expected = mode == regex::Mode::Search ? RE2::PartialMatch(haystack, oracle)
                                                    : RE2::FullMatch(haystack, oracle);
  if (gw::Dfa(compiled->dfa.data()).matches(haystack) != expected) std::abort();
  return 0;
}
