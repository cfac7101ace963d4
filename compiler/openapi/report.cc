#include "compiler/openapi/report.h"

#include "compiler/diag/rules.h"
#include "runtime/base/check.h"

namespace gw::compiler::openapi {

void report(DiagnosticSink& sink, Finding finding) {
  const Rule* rule = find_rule(finding.rule);
  GW_CHECK(rule != nullptr);
  const Span span =
      finding.span.valid() ? finding.span : (finding.node ? finding.node.span() : Span{});
  sink.report({.rule = rule->id,
               .severity = finding.as_warning ? Severity::Warning : rule->severity,
               .message = std::move(finding.message),
               .primary = {span, std::move(finding.label)},
               .related = std::move(finding.related),
               .help = std::move(finding.help),
               .pointer = finding.node ? finding.node.tree()->pointer(finding.node.index())
                                       : std::string{}});
}

std::string in_quotes(std::string_view text) {
  constexpr size_t kLongest = 80;
  if (text.size() <= kLongest) return "`" + std::string(text) + "`";
  size_t end = kLongest;
  while (end > 0 && (static_cast<u8>(text[end]) & 0xc0) == 0x80) --end;
  return "`" + std::string(text.substr(0, end)) + "...`";
}

}  // namespace gw::compiler::openapi
