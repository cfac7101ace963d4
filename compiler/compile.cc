// The compiler, top to bottom. Read this file first.
#include "compiler/compile.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>

#include "compiler/contract/contract_builder.h"
#include "compiler/overlay/overlay.h"
#include "compiler/passes/check_assertions.h"
#include "compiler/passes/lower_cache.h"
#include "compiler/passes/passes.h"
#include "runtime/base/check.h"
#include "runtime/table/table_file.h"
#include "runtime/table/verify.h"
#include "runtime/table/view.h"

namespace gw::compiler {
namespace {

struct Pass {
  std::string_view name;  // as --report lists it
  void (*run)(Module&);
};

// The sink is shared and the files are grown here only; later passes read them.
void read_documents(Module& module) {
  module.gateway = read_gateway(module.options, const_cast<FileSet&>(module.files), module.sink);
}

constexpr std::array kPasses{
    Pass{"read", read_documents},                // text -> trees -> models; services put together
    Pass{"lower-gateway", lower_gateway},        // upstreams, listeners -> records
    Pass{"consumers", lower_consumers},          // who is known, and by what
    Pass{"captures", collect_captures},          // path templates in the spelling of requests
    Pass{"lower-operations", lower_operations},  // effective x-gw -> plans and settings
    Pass{"invalidation", lower_invalidation},    // what changes things where answers are stored
    Pass{"schemes", check_schemes},              // names of security schemes across documents
    Pass{"places", check_places},                // x-gw of parameters, schemes, responses
    Pass{"security", check_security},            // what is public, what is weaker than it looks
    Pass{"upstreams", check_upstreams},          // rules about upstreams and how they are used
    Pass{"headers", check_headers},              // fields that clients write
    Pass{"bodies", check_bodies},                // bodies and their limits, what is left open
    Pass{"body-paths", check_body_paths},        // changes of bodies against the schemas
    Pass{"body-fields", check_body_fields},      // pointers into bodies against the schemas
    Pass{"compositions", check_compose},         // parts and answers against the schemas
    Pass{"breach", check_breach},                // secrets in answers that are compressed
    Pass{"access-log", check_access_log},        // credentials that the log is asked for
    Pass{"answers", check_answers},              // fixed answers and examples against their schemas
    Pass{"schemas", check_schemas},              // schemas that cost too much, or never end
    Pass{"router", build_router},                // templates -> automaton, overlaps reported
    Pass{"gateway-rules", check_gateway},        // rules over the whole
    Pass{"probes", check_probes},                // paths that listeners answer by themselves
    Pass{"patterns", check_patterns},            // schema patterns that could not be enforced
    Pass{"assertions", check_assertions},        // what the gateway document says must hold
    Pass{"waivers", apply_waivers},              // accepted findings leave; idle waivers are found
    Pass{"finish", finish_table},                // route records, files, notes
};

double milliseconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
      .count();
}

bool is_annotated(const Gateway& gateway) {
  const auto has_it = [](const auto& part) { return static_cast<bool>(part.x_gw); };
  return std::ranges::any_of(gateway.documents, [&](const auto& document) {
    return has_it(*document) || std::ranges::any_of(document->paths, [&](const auto& item) {
             return has_it(item) || std::ranges::any_of(item.operations, has_it);
           });
  });
}

void fill_report(const Module& module, const std::vector<std::byte>& table, CompileReport& report) {
  report.routes = static_cast<u32>(module.operations.size());
  report.plans = static_cast<u32>(module.table.plans.size());
  report.upstreams = static_cast<u32>(module.table.upstreams.size());
  report.router_states = module.router_states;
  report.table_bytes = table.size();
  report.notes = module.router_notes;
  for (const table::RegexRecord& regex : module.table.pools.regexes.records()) {
    report.patterns.push_back(
        {module.table.pools.strings.bytes().substr(regex.source.offset, regex.source.bytes),
         regex.states, regex.dfa.count});
  }
  if (table.empty()) return;
  const table::TableView view{Bytes(table)};
  for (const table::Section& section : view.sections()) {
    report.sections.push_back({table::section_name(section.kind), section.bytes});
  }
}

}  // namespace

Gateway read_gateway(const CompileOptions& compile_options, FileSet& files, DiagnosticSink& sink) {
  GatewayOptions options;
  options.paths = compile_options.paths;
  options.load.roots = compile_options.allowed_roots;
  std::shared_ptr<Overlays> overlays;  // shared with the documents, which read files late
  if (!compile_options.overlays.empty()) {
    overlays = std::make_shared<Overlays>(files, options.paths, sink);
    for (const std::string& path : compile_options.overlays) overlays->read(path);
    options.load.edit = [overlays](Tree& tree, const std::string& path) {
      overlays->apply(tree, path);
    };
  }
  Gateway gateway = load_gateway(files, options, sink);
  if (overlays) overlays->report_unused();
  return gateway;
}

void compile(const CompileOptions& given, bool emit, Compilation& result) {
  CompileOptions options = given;
  Module module(result.files, options, result.sink);
  for (const Pass& pass : kPasses) {
    const auto start = std::chrono::steady_clock::now();
    pass.run(module);
    result.report.passes.push_back({pass.name, milliseconds_since(start)});
    if (pass.run != read_documents) continue;
    result.annotated = is_annotated(module.gateway);
    if (given.for_comparison && !result.annotated) {
      options.mock = options.unenforced_security = true;
    }
  }
  const std::optional<TableBudget> budget = table_budget(module);
  if ((emit || budget) && result.sink.error_count() == 0) {
    const auto before = std::chrono::steady_clock::now();
    module.table.contracts = build_contracts(module);
    result.report.passes.push_back({"contracts", milliseconds_since(before)});
    const auto start = std::chrono::steady_clock::now();
    result.table = write_table(module.table);
    result.report.passes.push_back({"emit", milliseconds_since(start)});
    const auto check = std::chrono::steady_clock::now();
    const Result<void> verified = table::verify(result.table);
    if (!verified) {
      std::fprintf(stderr, "gwctl: bug: the table that was made is refused: %.*s\n",
                   static_cast<int>(verified.error().what.size()), verified.error().what.data());
    }
    GW_CHECK(verified.has_value());
    result.report.passes.push_back({"verify", milliseconds_since(check)});
    const bool fits = !budget || check_table_size(module, *budget, result.table.size());
    if (!emit || !fits) result.table.clear();
  }
  if (emit && result.sink.error_count() != 0 && options.for_comparison &&
      !module.operations.empty()) {
    result.table = contract_table(module);
    result.contracts_only = true;
    GW_CHECK(table::verify(result.table).has_value());
  }
  fill_report(module, result.table, result.report);
}

}  // namespace gw::compiler
