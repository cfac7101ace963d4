#include "cli/gateway_argument.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>

#include "cli/admin_client.h"
#include "cli/findings.h"

namespace gw::cli {
namespace {

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

// What the operator has taken out of service is no part of any table, and changes what happens.
std::vector<std::string> drains_of(const std::string& argument, const Console& console) {
  const auto status = ask_admin_json(admin_of(argument), console, "GET", "/v1/status");
  std::vector<std::string> remarks;
  if (!status) return remarks;
  for (const boost::json::value& value : status->at("drained").get_array()) {
    const boost::json::object& entry = value.get_object();
    const auto* target = entry.if_contains("target");
    remarks.push_back(fmt::format(
        "{}: {}{}{} is drained by order and takes no requests", argument,
        std::string_view(entry.at("upstream").get_string()), target != nullptr ? "/" : "",
        target != nullptr ? std::string_view(target->get_string()) : std::string_view()));
  }
  return remarks;
}

}  // namespace

LoadedGateway load_gateway_argument(const std::string& argument, const SpecOptions& options,
                                    const Console& console) {
  if (is_running_gateway(argument)) {
    auto fetched = fetch_table(argument, console);
    if (fetched == nullptr) return {.file = nullptr, .exit = ExitCode::Usage};
    return {.file = std::move(fetched), .remarks = drains_of(argument, console)};
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
