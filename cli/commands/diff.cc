// gwctl diff: what changes for requests between two gateways.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "cli/commands/commands.h"
#include "cli/gateway_argument.h"
#include "compiler/diff/accept.h"
#include "compiler/diff/diff.h"
#include "compiler/diff/render.h"

namespace gw::cli {
namespace {

namespace diff = compiler::diff;

struct DiffCommand {
  SpecOptions spec;
  std::string old_gateway;
  std::string new_gateway;
  std::string format = "text";
  std::string fail_on = "breaking";
  std::string show = "cosmetic";
  std::string accept;
  u32 limit = 5;
};

// Of a word that the command line has checked.
diff::Class class_of(const std::string& word) {
  const auto found = std::ranges::find(diff::kClassNames, word);
  return static_cast<diff::Class>(found - std::begin(diff::kClassNames));
}

bool load_side(const std::string& argument, const DiffCommand& command,
               const std::map<std::string, std::string>& variables, const Console& console,
               diff::Input& input, std::vector<std::string>& remarks, ExitCode& exit) {
  LoadedGateway loaded = load_gateway_argument(argument, command.spec, console);
  if (loaded.file == nullptr) {
    exit = loaded.exit;
    return false;
  }
  remarks.insert(remarks.end(), loaded.remarks.begin(), loaded.remarks.end());
  input = {.name = argument,
           .file = std::move(loaded.file),
           .contracts_only = !loaded.annotated,
           .variables = variables,
           .has_router = loaded.has_router};
  return true;
}

std::string render(const DiffCommand& command, const diff::Outcome& outcome,
                   const Console& console) {
  const bool never = command.fail_on == "never";
  const diff::Class fail_on = never ? diff::Class::Security : class_of(command.fail_on);
  if (command.format == "json") return diff::render_json(outcome);
  if (command.format == "markdown") return diff::render_markdown(outcome);
  if (command.format == "github") return diff::render_github(outcome, fail_on, never);
  if (command.format == "sarif") return diff::render_sarif(outcome, fail_on, never, GW_VERSION);
  if (command.format == "junit") return diff::render_junit(outcome, fail_on, never);
  return diff::render_text(outcome, {.color = console.color_out(), .operations = command.limit});
}

ExitCode run_diff(const DiffCommand& command, const Console& console) {
  std::vector<diff::Acceptance> acceptances;
  if (!command.accept.empty()) {
    std::vector<std::string> problems;
    acceptances = diff::read_acceptances(command.accept, problems);
    for (const std::string& problem : problems) console.error(problem);
    if (!problems.empty()) return ExitCode::Usage;
  }
  std::map<std::string, std::string> variables;
  if (!read_env_file(command.spec.env_file, variables, console)) return ExitCode::Usage;
  diff::Input old_input;
  diff::Input new_input;
  ExitCode exit = ExitCode::Ok;
  std::vector<std::string> remarks;
  if (!load_side(command.old_gateway, command, variables, console, old_input, remarks, exit) ||
      !load_side(command.new_gateway, command, variables, console, new_input, remarks, exit)) {
    return exit;
  }
  const std::string today = command.spec.compile_options().today;
  diff::Comparison comparison = diff::compare(old_input, new_input, today);
  if (!comparison.problem.empty()) {
    console.error(comparison.problem);
    return ExitCode::Usage;
  }
  diff::Outcome outcome{.old_name = command.old_gateway,
                        .new_name = command.new_gateway,
                        .findings = std::move(comparison.findings),
                        .accepted = {},
                        .remarks = std::move(comparison.remarks)};
  outcome.remarks.insert(outcome.remarks.end(), remarks.begin(), remarks.end());
  outcome.accepted =
      diff::accept(outcome.findings, acceptances, command.accept, today, outcome.remarks);
  const bool fails = command.fail_on != "never" &&
                     std::ranges::any_of(outcome.findings, [&](const diff::Finding& finding) {
                       return finding.rank <= class_of(command.fail_on);
                     });
  std::erase_if(outcome.findings, [&](const diff::Finding& finding) {
    return finding.rank > class_of(command.show);
  });
  console.out(render(command, outcome, console));
  if (command.format == "text") console.note(diff::summary(outcome));
  return fails ? ExitCode::Findings : ExitCode::Ok;
}

}  // namespace

Run add_diff(CLI::App& gwctl) {
  CLI::App& app = *gwctl.add_subcommand("diff", "Say what changes for requests");
  const auto command = std::make_shared<DiffCommand>();
  app.add_option("old", command->old_gateway, "A document, a table, or admin:ADDR")
      ->option_text("OLD")
      ->required();
  app.add_option("new", command->new_gateway, "What it is compared with")
      ->option_text("NEW")
      ->required();
  app.add_option("--format", command->format,
                 "text, json (one change per line), markdown, github, sarif or junit [text]")
      ->option_text("FORMAT")
      ->check(CLI::IsMember({"text", "json", "markdown", "github", "sarif", "junit"}));
  app.add_flag_callback(
      "--json", [command] { command->format = "json"; }, "Same as --format json");
  app.add_option("--fail-on", command->fail_on,
                 "Least class that makes the exit status 1: security, breaking, behaviour, "
                 "compatible, cosmetic, never [breaking]")
      ->option_text("CLASS")
      ->check(
          CLI::IsMember({"security", "breaking", "behaviour", "compatible", "cosmetic", "never"}));
  app.add_option("--show", command->show, "Least class that is shown [cosmetic]")
      ->option_text("CLASS")
      ->check(CLI::IsMember({"security", "breaking", "behaviour", "compatible", "cosmetic"}));
  app.add_option("--accept", command->accept,
                 "Changes that are accepted: a YAML list of fingerprint, or id and operation; "
                 "reason; until")
      ->option_text("FILE");
  app.add_option("--limit", command->limit, "Operations shown of one change, 0 for all [5]")
      ->option_text("N");
  add_spec_options(app, command->spec);
  app.footer(
      "Classes, the worst first: security (protection is lost), breaking (clients\n"
      "that kept to the contract fail), behaviour (something else happens within\n"
      "it), compatible (nobody has to change), cosmetic (words only).\n"
      "\n"
      "What is `deprecated: true` may go: with `x-sunset: YYYY-MM-DD` from that day on\n"
      "(UTC), and before it that is breaking. So is an x-sunset that comes earlier,\n"
      "that is taken away, or that is no date of RFC 3339.\n"
      "\n"
      "`admin:ADDR` is the table that a gateway serves: admin:default, admin:/PATH of\n"
      "a socket, or admin:HOST:PORT with the token in the file that\n"
      "GWCTL_ADMIN_TOKEN_FILE names.\n"
      "\n"
      "Examples:\n"
      "  gwctl diff old.yaml new.yaml\n"
      "  gwctl diff gateway.gwt gateway.yaml --format markdown\n"
      "\n"
      "Exit status: 0 nothing at --fail-on or worse, 1 changes that are, or a\n"
      "document with errors, 2 wrong use or refused table. See gwctl-diff(1).");
  return [command](const Console& console) { return run_diff(*command, console); };
}

}  // namespace gw::cli
