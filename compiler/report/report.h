// Findings, of whatever kind, for other programs: annotations, SARIF, JUnit.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/types.h"

namespace gw::compiler {

enum class ReportLevel : u8 { Error, Warning, Note };

struct ReportPlace {
  std::string file;  // "": nowhere
  u32 line = 0;      // 1-based; columns count characters
  u32 column = 0;
  u32 end_line = 0;  // 0: not known
  u32 end_column = 0;
  std::string text = {};  // what it has to do with the finding; of related places
};

struct ReportItem {
  std::string_view id;
  ReportLevel level = ReportLevel::Error;
  std::string message;       // one line
  std::string details = {};  // further lines
  ReportPlace place = {};
  std::vector<ReportPlace> related = {};
  std::string fingerprint = {};  // empty: made from id, file and message
};

struct ReportRule {
  std::string_view id;
  std::string_view summary;
};

struct Report {
  std::string_view tool_part;  // "lint", "diff"
  std::vector<ReportItem> items;
  std::vector<ReportRule> rules = {};  // those that items name, for SARIF
  std::vector<std::string> remarks = {};
};

/// Workflow commands of GitHub Actions, one a line. GitHub shows few of them, so a summary comes
/// first.
std::string render_github(const Report& report);
/// SARIF 2.1.0.
std::string render_sarif(const Report& report, std::string_view version);
/// A test suite with one failed case for each error; what is less fails nothing.
std::string render_junit(const Report& report);
/// `text` for an element or an attribute in quotes. Control characters, which XML 1.0 has no place
/// for, are blanks.
std::string escaped_xml(std::string_view text);
/// `text` for a table or a paragraph of Markdown: nothing in it is markup.
std::string markdown_text(std::string_view text);

}  // namespace gw::compiler
