// Findings of the compiler on the console.
#pragma once
#include "cli/console.h"
#include "compiler/compile.h"
#include "compiler/diag/render.h"

namespace gw::cli {

struct FindingOptions {
  bool to_stderr = false;
  compiler::Format format = compiler::Format::Text;
  u32 limit = 20;       // per rule and file; 0: all
  bool summary = true;  // one line at the end, to standard error
  bool notes = true;    // those of severity Info as well; they are for who lints
};

/// Prints the findings in their stable order.
void show_findings(compiler::Compilation& compilation, const FindingOptions& options,
                   const Console& console);

}  // namespace gw::cli
