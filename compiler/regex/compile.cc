#include <re2/re2.h>

#include "compiler/regex/determinise.h"
#include "compiler/regex/regex.h"

namespace gw::compiler::regex {

std::variant<CompiledRegex, RegexError> compile(std::string_view pattern, Syntax syntax, Mode mode,
                                                const Limits& limits) {
  auto parsed = parse(pattern, syntax, limits);
  if (auto* error = std::get_if<RegexError>(&parsed)) return std::move(*error);
  const Ast& ast = std::get<Ast>(parsed);
  CompiledRegex out;
  out.mode = mode;
  out.re2 = to_re2(ast);
  if (const auto nfa = build_nfa(ast, limits)) {
    if (const auto dfa = determinise(*nfa, mode, limits)) {
      const DfaTable smallest = minimise(*dfa);
      out.dfa = write_dfa(smallest);
      out.states = smallest.state_count();
    }
  }
  if (!out.dfa.empty()) return out;
  RE2::Options options;
  options.set_log_errors(false);
  if (const RE2 fallback(out.re2, options); !fallback.ok()) {
    return RegexError{0, "the pattern is too big to run in bounded memory"};
  }
  return out;
}

}  // namespace gw::compiler::regex
