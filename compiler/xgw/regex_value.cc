#include <fmt/format.h>

#include "compiler/regex/dialect.h"
#include "compiler/regex/regex.h"
#include "compiler/xgw/value.h"

namespace gw::compiler {

u32 encode_regex(std::string_view pattern, bool is_ecma, bool anchored, Span span, Pools& pools,
                 DiagnosticSink& sink) {
  const auto syntax = is_ecma ? regex::Syntax::Ecma : regex::Syntax::Re2;
  const auto mode = anchored ? regex::Mode::Anchored : regex::Mode::Search;
  auto result = regex::compile(pattern, syntax, mode);
  if (const auto* error = std::get_if<regex::RegexError>(&result)) {
    // The offset is right for plain scalars; quotes shift it by one, escapes by more.
    const u32 at = span.valid() ? std::min(error->offset, span.end - span.begin) : 0;
    sink.report({.rule = "regex-unsupported",
                 .severity = Severity::Error,
                 .message = fmt::format("pattern `{}` cannot be used: {}", pattern, error->message),
                 .primary = {span, fmt::format("at character {}", at + 1)},
                 .help = std::string(
                     is_ecma ? regex::help_for(pattern, *error)
                             : "patterns run in linear time: no look-around, no back-references")});
    return table::kNone;
  }
  const auto& compiled = std::get<regex::CompiledRegex>(result);
  if (compiled.dfa.empty()) {
    sink.report({.rule = "regex-too-big",
                 .severity = Severity::Warning,
                 .message = fmt::format("pattern `{}` needs too many states for a table", pattern),
                 .primary = {span, "is compiled when the table is loaded instead"},
                 .help = "shorten its counted repeats"});
  }
  table::RegexRecord record{};
  if (!compiled.dfa.empty()) {
    record.dfa = {pools.dfa_data.add(compiled.dfa), static_cast<u32>(compiled.dfa.size())};
  }
  record.re2 = pools.strings.add(compiled.re2);
  record.source = pools.strings.add(pattern);
  record.anchored = anchored ? 1 : 0;
  record.states = compiled.states;
  return pools.regexes.add({record}).offset;
}

}  // namespace gw::compiler
