// Findings to text: one format per source file, one function here.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "compiler/diag/diagnostic.h"
#include "compiler/source/file_set.h"

namespace gw::compiler {

enum class Format : u8 {
  Text,  // for people: code frames; may change between versions
  Json,  // one object per line; fields are only ever added
  // For other programs, see compiler/report/report.h.
  Github,
  Sarif,
  Junit,
  Markdown,  // a table for a pull request
};

struct RenderOptions {
  Format format = Format::Text;
  bool color = false;  // of Text
  /// Text shows at most so many findings per rule and file, then a count; 0: all.
  u32 limit = 20;
};

/// Renders findings in the order given (DiagnosticSink::sorted gives a stable one). The result
/// holds no control characters but line feeds (and escape sequences when `color` is set), so that
/// a hostile document cannot drive a terminal.
std::string render(const FileSet& files, const std::vector<Diagnostic>& findings,
                   const RenderOptions& options);

/// "2 errors and 1 warning in 1 file"; "no findings".
std::string summary(const std::vector<Diagnostic>& findings);

// The formats, one file each.
void render_text(const FileSet& files, const Diagnostic& finding, bool color, std::string& out);
void render_json(const FileSet& files, const Diagnostic& finding, std::string& out);
std::string render_markdown(const FileSet& files, const std::vector<Diagnostic>& findings);
/// Github, Sarif or Junit.
std::string render_report(const FileSet& files, const std::vector<Diagnostic>& findings,
                          Format format);

/// `text` with control characters (C0, DEL, C1, and the invisible ones that reorder text) as
/// \xNN or \u{NNNN}; tabs and line breaks as well.
std::string printable(std::string_view text);

}  // namespace gw::compiler
