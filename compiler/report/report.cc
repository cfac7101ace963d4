#include "compiler/report/report.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <boost/json.hpp>

namespace gw::compiler {
namespace {

namespace json = boost::json;

size_t count(const Report& report, ReportLevel level) {
  return static_cast<size_t>(std::ranges::count(report.items, level, &ReportItem::level));
}

// Data of a workflow command; `property`: of one of its parameters.
std::string escaped_command(std::string_view text, bool property) {
  std::string out;
  for (const char c : text) {
    if (c == '%' || c == '\r' || c == '\n' || (property && (c == ':' || c == ','))) {
      out += fmt::format("%{:02X}", static_cast<unsigned>(static_cast<u8>(c)));
    } else {
      out += c;
    }
  }
  return out;
}

// A path as a relative reference (RFC 3986): what is no part of one is percent-encoded.
std::string uri_of(std::string_view path) {
  static constexpr std::string_view kPlain = "-._~/!$&'()*+,;=@";
  std::string out;
  for (const char c : path) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (letter || kPlain.find(c) != kPlain.npos) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned>(static_cast<u8>(c)));
    }
  }
  return out;
}

json::object location_of(const ReportPlace& place) {
  json::object region{{"startLine", place.line}, {"startColumn", std::max(place.column, 1u)}};
  if (place.end_line != 0) {
    region["endLine"] = place.end_line;
    region["endColumn"] = place.end_column;
  }
  json::object out{{"physicalLocation",
                    json::object{{"artifactLocation", json::object{{"uri", uri_of(place.file)}}},
                                 {"region", region}}}};
  if (!place.text.empty()) out["message"] = json::object{{"text", place.text}};
  return out;
}

std::string_view sarif_level(ReportLevel level) {
  return level == ReportLevel::Error ? "error" : level == ReportLevel::Warning ? "warning" : "note";
}

std::string fingerprint_of(const ReportItem& item) {
  if (!item.fingerprint.empty()) return item.fingerprint;
  const std::string text = fmt::format("{}\n{}\n{}", item.id, item.place.file, item.message);
  return fmt::format("{:016x}", XXH3_64bits(text.data(), text.size()));
}

json::object result_of(const ReportItem& item) {
  std::string text = item.message;
  if (!item.details.empty()) text += "\n" + item.details;
  json::object out{{"ruleId", item.id},
                   {"level", sarif_level(item.level)},
                   {"message", json::object{{"text", text}}},
                   {"partialFingerprints", json::object{{"gwctl/v1", fingerprint_of(item)}}}};
  if (item.place.line != 0) out["locations"] = json::array{location_of(item.place)};
  json::array related;
  for (const ReportPlace& place : item.related) {
    if (place.line != 0) related.push_back(location_of(place));
  }
  if (!related.empty()) out["relatedLocations"] = std::move(related);
  return out;
}

}  // namespace

std::string escaped_xml(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        // Control characters cannot be written in XML 1.0 at all.
        out += static_cast<u8>(c) < 0x20 && c != '\n' && c != '\t' ? ' ' : c;
    }
  }
  return out;
}

std::string render_github(const Report& report) {
  std::string out;
  const size_t errors = count(report, ReportLevel::Error);
  if (!report.items.empty()) {
    out += fmt::format("gwctl {}: {} errors, {} warnings, {} notes\n", report.tool_part, errors,
                       count(report, ReportLevel::Warning), count(report, ReportLevel::Note));
  }
  for (const ReportItem& item : report.items) {
    const std::string_view word = item.level == ReportLevel::Error     ? "error"
                                  : item.level == ReportLevel::Warning ? "warning"
                                                                       : "notice";
    std::string properties = fmt::format("title={}", escaped_command(item.id, true));
    if (item.place.line != 0) {
      properties += fmt::format(",file={},line={},col={}", escaped_command(item.place.file, true),
                                item.place.line, item.place.column);
      if (item.place.end_line != 0) {
        properties += fmt::format(",endLine={}", item.place.end_line);
        // A column range is taken on one line only.
        if (item.place.end_line == item.place.line) {
          properties += fmt::format(",endColumn={}", item.place.end_column);
        }
      }
    }
    std::string text = item.message;
    if (!item.details.empty()) text += "\n" + item.details;
    out += fmt::format("::{} {}::{}\n", word, properties, escaped_command(text, false));
  }
  for (const std::string& remark : report.remarks) {
    out += fmt::format("::notice title=gwctl {}::{}\n", report.tool_part,
                       escaped_command(remark, false));
  }
  return out;
}

std::string render_sarif(const Report& report, std::string_view version) {
  json::array rules;
  for (const ReportRule& rule : report.rules) {
    rules.push_back(
        json::object{{"id", rule.id}, {"shortDescription", json::object{{"text", rule.summary}}}});
  }
  json::array results;
  for (const ReportItem& item : report.items) results.push_back(result_of(item));
  json::object run{
      {"tool", json::object{{"driver", json::object{{"name", "gwctl"},
                                                    {"semanticVersion", version},
                                                    {"rules", std::move(rules)}}}}},
      {"automationDetails", json::object{{"id", fmt::format("gwctl/{}/", report.tool_part)}}},
      {"columnKind", "unicodeCodePoints"},
      {"results", std::move(results)}};
  if (!report.remarks.empty()) {
    json::array notifications;
    for (const std::string& remark : report.remarks) {
      notifications.push_back(
          json::object{{"level", "note"}, {"message", json::object{{"text", remark}}}});
    }
    run["invocations"] = json::array{json::object{
        {"executionSuccessful", true}, {"toolExecutionNotifications", std::move(notifications)}}};
  }
  const json::object out{{"$schema", "https://json.schemastore.org/sarif-2.1.0.json"},
                         {"version", "2.1.0"},
                         {"runs", json::array{std::move(run)}}};
  return json::serialize(out) + "\n";
}

std::string render_junit(const Report& report) {
  const size_t failures = count(report, ReportLevel::Error);
  const size_t cases = std::max<size_t>(report.items.size(), 1);
  std::string out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
  out += fmt::format("<testsuites tests=\"{}\" failures=\"{}\">\n", cases, failures);
  out += fmt::format("  <testsuite name=\"gwctl {}\" tests=\"{}\" failures=\"{}\">\n",
                     report.tool_part, cases, failures);
  if (report.items.empty()) out += "    <testcase name=\"no findings\" classname=\"gwctl\"/>\n";
  for (const ReportItem& item : report.items) {
    const std::string file = item.place.file.empty() ? "gwctl" : item.place.file;
    std::string text = item.message;
    if (item.place.line != 0) {
      text += fmt::format("\n{}:{}:{}", item.place.file, item.place.line, item.place.column);
    }
    if (!item.details.empty()) text += "\n" + item.details;
    out += fmt::format("    <testcase name=\"{}: {}\" classname=\"{}\">\n", escaped_xml(item.id),
                       escaped_xml(item.message), escaped_xml(file));
    if (item.level == ReportLevel::Error) {
      out += fmt::format("      <failure type=\"{}\" message=\"{}\">{}</failure>\n",
                         escaped_xml(item.id), escaped_xml(item.message), escaped_xml(text));
    } else {
      out += fmt::format("      <system-out>{}</system-out>\n", escaped_xml(text));
    }
    out += "    </testcase>\n";
  }
  // A suite has one text at most.
  if (!report.remarks.empty()) {
    out += fmt::format("    <system-out>{}</system-out>\n",
                       escaped_xml(fmt::format("{}", fmt::join(report.remarks, "\n"))));
  }
  out += "  </testsuite>\n</testsuites>\n";
  return out;
}

std::string markdown_text(std::string_view text) {
  std::string out;
  bool in_code = false;  // our messages put what documents say between backquotes
  for (const char c : text) {
    if (c == '`') in_code = !in_code;
    const bool markup = !in_code && (c == '*' || c == '_' || c == '[' || c == ']' || c == '<' ||
                                     c == '>' || c == '#' || c == '~' || c == '\\');
    if (c == '|' || markup) out += '\\';
    out += c == '\n' || c == '\r' ? ' ' : c;
  }
  if (in_code) out += '`';
  return out;
}

}  // namespace gw::compiler
