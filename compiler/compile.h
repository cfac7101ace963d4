// The compiler's public entry: documents and options to a table, with everything that is wrong
// about them.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "compiler/passes/module.h"

namespace gw::compiler {

struct PassTime {
  std::string_view name;
  double milliseconds = 0;
};

struct SectionSize {
  std::string_view name;
  u64 bytes = 0;
};

/// What `compile --report` prints.
struct CompileReport {
  u32 routes = 0;
  u32 plans = 0;
  u32 upstreams = 0;
  u32 router_states = 0;
  u64 table_bytes = 0;
  std::vector<SectionSize> sections;
  std::vector<PassTime> passes;
  struct Pattern {
    std::string source;
    u32 states = 0;  // 0: compiled at load
    u64 bytes = 0;
  };
  std::vector<Pattern> patterns;
  std::vector<std::string> notes;
};

/// Owns the texts that diagnostics point into; keep it as long as they are shown.
struct Compilation {
  FileSet files;
  DiagnosticSink sink;
  std::vector<std::byte> table;  // empty when there are errors, or when only checked
  bool annotated = false;        // some document has `x-gw`
  bool contracts_only = false;   // `table` has no router, see CompileOptions::for_comparison
  CompileReport report;
};

/// Reads and checks `options.paths` and, with `emit`, writes the table. The table has passed
/// verify(). Deterministic: equal texts and options give equal bytes.
void compile(const CompileOptions& options, bool emit, Compilation& result);

/// The documents of a gateway, overlays applied: what compile() begins with. Documents point into
/// the texts of `files`.
Gateway read_gateway(const CompileOptions& options, FileSet& files, DiagnosticSink& sink);

}  // namespace gw::compiler
