// The formats that programs read, and Markdown.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "compiler/diff/classify.h"
#include "compiler/diff/render.h"
#include "compiler/report/report.h"

namespace gw::compiler::diff {
namespace {

namespace json = boost::json;

json::value place_json(const Place& place) {
  if (!place.known()) return nullptr;
  return json::object{{"file", place.file}, {"line", place.line}, {"column", place.column}};
}

json::value text_or_null(const std::string& text) {
  return text.empty() ? json::value(nullptr) : json::value(text);
}

json::object finding_json(const Finding& finding) {
  json::array operations;
  for (const Subject& subject : finding.operations) {
    operations.push_back(json::object{{"id", subject.id},
                                      {"method", subject.method},
                                      {"host", subject.host},
                                      {"path", subject.path}});
  }
  return {{"id", finding.id},
          {"class", class_name(finding.rank)},
          {"message", finding.message},
          {"reason", finding.reason},
          {"where", text_or_null(finding.where)},
          {"operations", std::move(operations)},
          {"before", text_or_null(finding.before)},
          {"after", text_or_null(finding.after)},
          {"witness", text_or_null(finding.witness)},
          {"old", place_json(finding.old_place)},
          {"new", place_json(finding.new_place)},
          {"fingerprint", finding.fingerprint}};
}

std::string operations_line(const Finding& finding, size_t most) {
  std::string out;
  for (size_t i = 0; i < std::min(most, finding.operations.size()); ++i) {
    const Subject& subject = finding.operations[i];
    out += (out.empty() ? "" : ", ") + (subject.path.empty() ? subject.id : place_of(subject));
  }
  if (finding.operations.size() > most) {
    out += fmt::format(" and {} more", finding.operations.size() - most);
  }
  return out;
}

Report report_of(const Outcome& outcome, Class fail_on, bool never) {
  Report report{.tool_part = "diff", .items = {}, .rules = {}, .remarks = outcome.remarks};
  std::vector<std::string_view> ids;
  for (const Finding& finding : outcome.findings) {
    const Place& place = finding.new_place.known() ? finding.new_place : finding.old_place;
    const bool fails = !never && finding.rank <= fail_on;
    ReportItem item{.id = finding.id,
                    .level = fails                              ? ReportLevel::Error
                             : finding.rank <= Class::Behaviour ? ReportLevel::Warning
                                                                : ReportLevel::Note,
                    .message = finding.message,
                    .place = {place.file, place.line, place.column},
                    .fingerprint = finding.fingerprint};
    std::string subject = finding.where;
    const std::string operations = operations_line(finding, 5);
    if (!operations.empty()) subject += (subject.empty() ? "" : ", ") + operations;
    if (!subject.empty()) item.message = subject + ": " + finding.message;
    item.details = fmt::format("{}: {}", class_name(finding.rank), finding.reason);
    if (!finding.witness.empty()) item.details += "\nrequest: " + finding.witness;
    if (finding.new_place.known() && finding.old_place.known()) {
      item.related.push_back({finding.old_place.file, finding.old_place.line,
                              finding.old_place.column, 0, 0, "in the old version"});
    }
    report.items.push_back(std::move(item));
    ids.push_back(finding.id);
  }
  std::ranges::sort(ids);
  const auto repeated = std::ranges::unique(ids);
  ids.erase(repeated.begin(), repeated.end());
  for (const std::string_view id : ids) report.rules.push_back({id, find_change(id)->reason});
  return report;
}

}  // namespace

std::string render_json(const Outcome& outcome) {
  std::string out;
  for (const Finding& finding : outcome.findings) {
    out += json::serialize(finding_json(finding)) + "\n";
  }
  for (const Finding& finding : outcome.accepted) {
    json::object line = finding_json(finding);
    line["accepted"] = true;
    out += json::serialize(line) + "\n";
  }
  for (const std::string& remark : outcome.remarks) {
    out += json::serialize(json::object{{"remark", remark}}) + "\n";
  }
  return out;
}

std::string render_markdown(const Outcome& outcome) {
  std::string out = fmt::format("### gwctl diff: {}\n\n", summary(outcome));
  const Class* last = nullptr;
  for (const Finding& finding : outcome.findings) {
    if (last == nullptr || *last != finding.rank) {
      if (last != nullptr) out += "\n";
      out += fmt::format("#### {}\n\n| change | operations | what | why |\n|---|---|---|---|\n",
                         class_name(finding.rank));
      last = &finding.rank;
    }
    std::string what = markdown_text(finding.message);
    if (!finding.where.empty()) what = markdown_text(finding.where) + ": " + what;
    if (!finding.witness.empty()) what += fmt::format("<br>request: `{}`", finding.witness);
    const Place& place = finding.new_place.known() ? finding.new_place : finding.old_place;
    if (place.known()) {
      what += fmt::format("<br>{}:{}", markdown_text(place.file), place.line);
    }
    out += fmt::format("| `{}` | {} | {} | {} |\n", finding.id,
                       markdown_text(operations_line(finding, 5)), what,
                       markdown_text(finding.reason));
  }
  if (!outcome.accepted.empty()) out += fmt::format("\n{} accepted\n", outcome.accepted.size());
  if (!outcome.remarks.empty()) out += "\n";
  for (const std::string& remark : outcome.remarks) out += "- " + markdown_text(remark) + "\n";
  return out;
}

std::string render_github(const Outcome& outcome, Class fail_on, bool never) {
  return compiler::render_github(report_of(outcome, fail_on, never));
}

std::string render_sarif(const Outcome& outcome, Class fail_on, bool never,
                         std::string_view version) {
  return compiler::render_sarif(report_of(outcome, fail_on, never), version);
}

std::string render_junit(const Outcome& outcome, Class fail_on, bool never) {
  return compiler::render_junit(report_of(outcome, fail_on, never));
}

}  // namespace gw::compiler::diff
