// Findings of documents for other programs.
#include <fmt/format.h>

#include <algorithm>

#include "compiler/diag/render.h"
#include "compiler/diag/rules.h"
#include "compiler/report/report.h"

namespace gw::compiler {
namespace {

ReportLevel level_of(Severity severity) {
  return severity == Severity::Error     ? ReportLevel::Error
         : severity == Severity::Warning ? ReportLevel::Warning
                                         : ReportLevel::Note;
}

ReportPlace place_of(const FileSet& files, const Label& label) {
  const Span span = label.span;
  if (!span.valid()) return {};
  const Position begin = files.position(span.file, span.begin);
  const Position end = files.position(span.file, span.end);
  return {.file = std::string(files.name(span.file)),
          .line = begin.line,
          .column = begin.column,
          .end_line = end.line,
          .end_column = end.column,
          .text = label.text};
}

ReportItem item_of(const FileSet& files, const Diagnostic& finding) {
  ReportItem item{.id = finding.rule,
                  .level = level_of(finding.severity),
                  .message = finding.message,
                  .place = place_of(files, finding.primary)};
  const auto add = [&](std::string_view line) {
    if (line.empty()) return;
    if (!item.details.empty()) item.details += '\n';
    item.details += line;
  };
  add(finding.primary.text);
  if (!finding.witness.empty()) add("for instance " + finding.witness);
  if (!finding.help.empty()) add("help: " + finding.help);
  for (const Label& label : finding.related) item.related.push_back(place_of(files, label));
  return item;
}

}  // namespace

std::string render_report(const FileSet& files, const std::vector<Diagnostic>& findings,
                          Format format) {
  Report report{.tool_part = "lint", .items = {}, .rules = {}, .remarks = {}};
  std::vector<std::string_view> ids;
  for (const Diagnostic& finding : findings) {
    report.items.push_back(item_of(files, finding));
    ids.push_back(finding.rule);
  }
  std::ranges::sort(ids);
  const auto repeated = std::ranges::unique(ids);
  ids.erase(repeated.begin(), repeated.end());
  for (const std::string_view id : ids) {
    const Rule* rule = find_rule(id);
    report.rules.push_back({id, rule == nullptr ? std::string_view() : rule->summary});
  }
  if (format == Format::Github) return render_github(report);
  if (format == Format::Junit) return render_junit(report);
  return render_sarif(report, GW_VERSION);
}

std::string render_markdown(const FileSet& files, const std::vector<Diagnostic>& findings) {
  std::string out = fmt::format("### gwctl lint: {}\n", summary(findings));
  if (findings.empty()) return out;
  out += "\n| | where | rule | what |\n|---|---|---|---|\n";
  for (const Diagnostic& finding : findings) {
    std::string where;
    if (finding.primary.span.valid()) {
      const ReportPlace place = place_of(files, finding.primary);
      where = fmt::format("{}:{}:{}", markdown_text(place.file), place.line, place.column);
    }
    std::string what = markdown_text(finding.message);
    if (!finding.help.empty()) what += "<br>" + markdown_text(finding.help);
    out += fmt::format("| {} | {} | `{}` | {} |\n", severity_name(finding.severity), where,
                       finding.rule, what);
  }
  return out;
}

}  // namespace gw::compiler
