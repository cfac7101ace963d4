// gwctl openapi: the document that a gateway shows to those who call it.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands/commands.h"
#include "cli/findings.h"
#include "cli/output_file.h"
#include "cli/spec_options.h"
#include "compiler/publish/public_document.h"
#include "compiler/publish/write_public.h"

namespace gw::cli {
namespace {

struct OpenApiCommand {
  SpecOptions spec;
  compiler::PublishOptions publish;
  std::string format = "yaml";
  std::string output = "-";
};

// A table holds no documents.
bool is_document(const std::string& path, const Console& console) {
  const bool running = is_running_gateway(path);
  if (!running && !is_table(path) && !path.ends_with(".gwt")) return true;
  console.error(fmt::format(
      "{} is a {}, which holds no documents; name the gateway document that it was made of", path,
      running ? "running gateway" : "compiled table"));
  return false;
}

// What does not compile is not served, and so not shown.
bool compiles(const compiler::CompileOptions& options, compiler::Compilation& compilation,
              const Console& console) {
  compiler::compile(options, false, compilation);
  if (compilation.sink.error_count() == 0) return true;
  std::erase_if(compilation.sink.all(), [](const compiler::Diagnostic& finding) {
    return finding.severity != compiler::Severity::Error;
  });
  show_findings(compilation, {.to_stderr = true, .notes = false}, console);
  return false;
}

ExitCode run_openapi(const OpenApiCommand& command, const Console& console) {
  if (!is_document(command.spec.paths[0], console)) return ExitCode::Usage;
  if (!check_documents(command.spec, console)) return ExitCode::Usage;
  compiler::CompileOptions options = command.spec.compile_options();
  options.for_comparison = true;  // a document without `x-gw` is one as well
  compiler::Compilation compilation;
  if (!compiles(options, compilation, console)) return ExitCode::Findings;

  compiler::DiagnosticSink told;  // all that it holds has been told
  compiler::Module module(compilation.files, options, told);
  module.gateway = compiler::read_gateway(options, compilation.files, told);
  std::string problem;
  const auto document = compiler::publish(module, command.publish, problem);
  if (!document) {
    console.error(problem);
    return ExitCode::Usage;
  }
  const auto write = command.format == "json" ? compiler::write_json : compiler::write_yaml;
  const std::string text = write(document->root, document->components);
  if (!write_output(command.output, text, console)) return ExitCode::Usage;
  for (const std::string& note : document->notes) console.note(note);
  return ExitCode::Ok;
}

}  // namespace

Run add_openapi(CLI::App& gwctl) {
  CLI::App& app = *gwctl.add_subcommand("openapi", "Print the public OpenAPI document");
  const auto command = std::make_shared<OpenApiCommand>();
  app.add_option_function<std::string>(
         "gateway", [command](const std::string& path) { command->spec.paths = {path}; },
         "A gateway document; - reads standard input")
      ->option_text("GATEWAY")
      ->required();
  app.add_option("--client", command->publish.client,
                 "What clients of this class get: its views, without what refuses it")
      ->option_text("CLASS");
  app.add_option("--host", command->publish.host, "Only what is served at this host")
      ->option_text("NAME");
  app.add_option("--server", command->publish.servers,
                 "URL for `servers`, in place of those made of hosts; may be repeated")
      ->option_text("URL")
      ->allow_extra_args(false);
  app.add_option("--format", command->format, "yaml or json [yaml]")
      ->option_text("FORMAT")
      ->check(CLI::IsMember({"yaml", "json"}));
  app.add_flag_callback(
      "--json", [command] { command->format = "json"; }, "Same as --format json");
  app.add_option("-o,--output", command->output, "Where it is written [-]")->option_text("FILE");
  add_spec_options(app, command->spec);
  app.footer(
      "The documents of all services are put together: operations at their public\n"
      "places and by their identities, the components that they use, no x-gw.\n"
      "Schemas are printed as they are declared. With --client the answers of\n"
      "operations with a view for that class are those that it gets.\n"
      "\n"
      "Examples:\n"
      "  gwctl openapi gateway.yaml > public.yaml\n"
      "  gwctl openapi --client mobile --format json gateway.yaml -o mobile.json\n"
      "\n"
      "Exit status: 0 done, 1 the documents do not compile, 2 wrong use.\n"
      "See gwctl-openapi(1), and specs/x-gw.md for what is printed of views.");
  return [command](const Console& console) { return run_openapi(*command, console); };
}

}  // namespace gw::cli
