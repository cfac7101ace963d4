// What the passes work on: the gateway on one side, the growing table on the other.
#pragma once
#include <string>
#include <unordered_map>
#include <vector>

#include "compiler/diag/sink.h"
#include "compiler/emit/writer.h"
#include "compiler/gateway/gateway.h"
#include "compiler/source/file_set.h"
#include "compiler/xgw/encode.h"

namespace gw::compiler {

/// Choices of the command line that change what is compiled.
struct CompileOptions {
  std::vector<std::string> paths;
  bool mock = false;                 // --mock: every operation answers from its examples
  bool unenforced_security = false;  // --unenforced security
  std::string upstream;              // --upstream URL: every operation goes there
  std::string today;                 // YYYY-MM-DD, for waivers; empty: waivers do not expire
  std::vector<std::string> overlays;
  std::vector<std::string> allowed_roots;  // --allow-ref: folders that $ref may reach into
  /// For comparison alone: documents without `x-gw` are compiled as with --mock and --unenforced
  /// security, and with errors there is still a table of routes and contracts.
  bool for_comparison = false;
};

/// One operation on its way into the table; index = route index.
struct PlannedOperation {
  const GatewayOperation* source = nullptr;
  std::vector<std::string> captures;  // parameter names in order of the template
  std::vector<bool> greedy;           // of each capture
  u32 plan = 0;
  u32 settings = 0;
  u32 flags = 0;           // table::RouteFlag
  bool anonymous = false;  // those without credentials are let in as well
  u32 upstream = table::kNone;
};

/// A limit of an operation, or of whom it is another for.
struct LimitName {
  u32 kind = 0;  // policies::LimitKind
  std::string_view name;
  Span span = {};
  u32 period = 3;  // of a quota: into policies::kQuotaPeriodWords; a month
  bool has_period = false;
};

struct Module {
  Module(const FileSet& file_set, const CompileOptions& compile_options,
         DiagnosticSink& diagnostics)
      : files(file_set), options(compile_options), sink(diagnostics) {}

  const FileSet& files;
  const CompileOptions& options;
  DiagnosticSink& sink;
  Gateway gateway;
  TableParts table;
  std::vector<PlannedOperation> operations;
  std::unordered_map<std::string_view, u32> upstream_index;  // name -> index into table.upstreams
  std::vector<bool> upstream_used;
  bool upstream_dangling = false;  // an operation names one that is not there
  std::string override_name;       // of the upstream of --upstream

  std::unordered_map<std::string, std::string> pattern_examples;  // made by mocks
  bool has_consumers = false;
  std::vector<LimitName> limit_overrides;  // of consumers and plans

  // For the report.
  std::vector<std::string> router_notes;
  u32 router_states = 0;
};

/// A finding without a related place.
void report(Module& module, std::string_view rule, Severity severity, Span span,
            std::string message, std::string label, std::string help = {});

/// `unenforced: {security: reason}` at the nearest place that has it; absent: it is enforced.
NodeRef unenforced_security(const GatewayOperation& operation);

/// The requirement list that holds for an operation, of its document, its service entry or the
/// gateway document; absent: nobody states any.
NodeRef security_of(const GatewayOperation& operation);

}  // namespace gw::compiler
