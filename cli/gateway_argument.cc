#include "cli/gateway_argument.h"

#include <fmt/format.h>

#include "cli/findings.h"

namespace gw::cli {
namespace {

constexpr std::string_view kAdmin = "admin:";

LoadedGateway load_document(const std::string& argument, const SpecOptions& options,
                            const Console& console) {
  LoadedGateway out{.file = nullptr, .exit = ExitCode::Usage};
  SpecOptions own = options;
  own.paths = {argument};
  if (!check_documents(own, console)) return out;
  compiler::CompileOptions compile_options = own.compile_options();
  compile_options.for_comparison = true;
  compiler::Compilation compilation;
  compiler::compile(compile_options, true, compilation);
  out.annotated = compilation.annotated;
  out.has_router = !compilation.contracts_only;
  // What a gateway document is wrong about is an error; of a plain one it is only remarked.
  const bool refused = compilation.table.empty() || (out.annotated && compilation.contracts_only);
  if (refused) {
    std::erase_if(compilation.sink.all(), [](const compiler::Diagnostic& finding) {
      return finding.severity != compiler::Severity::Error;
    });
    show_findings(compilation,
                  {.to_stderr = true,
                   .format = compiler::Format::Text,
                   .limit = 20,
                   .summary = true,
                   .notes = false},
                  console);
    out.exit = ExitCode::Findings;
    return out;
  }
  auto file = table::TableFile::from_bytes(compilation.table);
  if (!file) {
    console.error(describe(argument, file.error()));
    return out;
  }
  out.file = *file;
  out.exit = ExitCode::Ok;
  return out;
}

}  // namespace

LoadedGateway load_gateway_argument(const std::string& argument, const SpecOptions& options,
                                    const Console& console) {
  if (argument.starts_with(kAdmin)) {
    console.error(
        fmt::format("{}: this gwctl cannot ask a running gateway for its table", argument));
    return {.file = nullptr, .exit = ExitCode::Usage};
  }
  if (!is_table(argument) && !argument.ends_with(".gwt")) {
    return load_document(argument, options, console);
  }
  auto file = table::TableFile::load(argument);
  if (!file) {
    console.error(describe(argument, file.error()));
    return {.file = nullptr, .exit = ExitCode::Usage};
  }
  return {.file = *file};
}

}  // namespace gw::cli
