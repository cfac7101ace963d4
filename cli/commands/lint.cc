// gwctl lint and gwctl validate: report what is wrong with documents, writing nothing.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands/commands.h"
#include "cli/findings.h"
#include "cli/spec_options.h"

namespace gw::cli {
namespace {

struct LintOptions {
  SpecOptions spec;
  std::string format = "text";
  std::string fail_on = "error";
  u32 limit = 20;
  bool errors_only = false;
};

constexpr std::pair<std::string_view, compiler::Format> kFormats[] = {
    {"text", compiler::Format::Text},   {"json", compiler::Format::Json},
    {"sarif", compiler::Format::Sarif}, {"github", compiler::Format::Github},
    {"junit", compiler::Format::Junit}, {"markdown", compiler::Format::Markdown}};

// Of a word that the command line has checked.
compiler::Format format_of(std::string_view word) {
  for (const auto& [name, format] : kFormats) {
    if (name == word) return format;
  }
  return compiler::Format::Text;
}

bool fails(const compiler::DiagnosticSink& sink, std::string_view fail_on) {
  if (fail_on == "never") return false;
  if (fail_on == "warning") return sink.count(compiler::Severity::Warning) > 0;
  if (fail_on == "info") return sink.count(compiler::Severity::Info) > 0;
  return sink.error_count() > 0;
}

ExitCode run_lint(const LintOptions& options, const Console& console) {
  if (!check_documents(options.spec, console)) return ExitCode::Usage;
  compiler::Compilation compilation;
  compiler::compile(options.spec.compile_options(), false, compilation);
  if (options.errors_only) {
    std::erase_if(compilation.sink.all(), [](const compiler::Diagnostic& finding) {
      return finding.severity != compiler::Severity::Error;
    });
  }
  show_findings(compilation,
                {.to_stderr = false,
                 .format = format_of(options.format),
                 .limit = options.limit,
                 .summary = true},
                console);
  return fails(compilation.sink, options.fail_on) ? ExitCode::Findings : ExitCode::Ok;
}

void declare(CLI::App& app, LintOptions& options) {
  app.add_option("spec", options.spec.paths, "OpenAPI documents; - reads standard input")
      ->option_text("SPEC...")
      ->required();
  app.add_option("--format", options.format,
                 "text, json (one finding per line), sarif, github, junit or markdown [text]")
      ->option_text("FORMAT")
      ->check(CLI::IsMember({"text", "json", "sarif", "github", "junit", "markdown"}));
  app.add_flag_callback(
      "--json", [&options] { options.format = "json"; }, "Same as --format json");
  app.add_option(
         "--fail-on", options.fail_on,
         "Lowest severity that makes the exit status 1: error, warning, info, never [error]")
      ->option_text("LEVEL")
      ->check(CLI::IsMember({"error", "warning", "info", "never"}));
  app.add_option("--limit", options.limit, "Findings shown per rule and file, 0 for all [20]")
      ->option_text("N");
  add_spec_options(app, options.spec);
}

}  // namespace

Run add_lint(CLI::App& gwctl) {
  CLI::App& app = *gwctl.add_subcommand("lint", "Report problems in OpenAPI documents");
  const auto options = std::make_shared<LintOptions>();
  declare(app, *options);
  app.footer(
      "Examples:\n"
      "  gwctl lint api.yaml\n"
      "  gwctl lint --format json --fail-on warning gateway.yaml\n"
      "\n"
      "Exit status: 0 clean, 1 findings at --fail-on or above, 2 wrong use.\n"
      "See gwctl-lint(1); gwctl rules RULE explains one rule.");
  return [options](const Console& console) { return run_lint(*options, console); };
}

Run add_validate(CLI::App& gwctl) {
  CLI::App& app =
      *gwctl.add_subcommand("validate", "Report what compile would refuse, writing nothing");
  const auto options = std::make_shared<LintOptions>();
  options->errors_only = true;
  declare(app, *options);
  app.footer(
      "Examples:\n"
      "  gwctl validate gateway.yaml\n"
      "\n"
      "Exit status: 0 it compiles, 1 it does not, 2 wrong use.\n"
      "See gwctl-validate(1); gwctl lint reports warnings as well.");
  return [options](const Console& console) { return run_lint(*options, console); };
}

}  // namespace gw::cli
