#include "cli/findings.h"

#include <vector>

namespace gw::cli {

void show_findings(compiler::Compilation& compilation, const FindingOptions& options,
                   const Console& console) {
  std::vector<compiler::Diagnostic> findings = compilation.sink.sorted();
  if (!options.notes) {
    std::erase_if(findings,
                  [](const auto& finding) { return finding.severity == compiler::Severity::Info; });
  }
  const bool color = options.to_stderr ? console.color_err() : console.color_out();
  const std::string text =
      compiler::render(compilation.files, findings,
                       {.format = options.format,
                        .color = color && options.format == compiler::Format::Text,
                        .limit = options.limit});
  if (options.to_stderr) {
    console.err(text);
  } else {
    console.out(text);
  }
  if (options.summary && !findings.empty()) console.note(compiler::summary(findings));
}

}  // namespace gw::cli
