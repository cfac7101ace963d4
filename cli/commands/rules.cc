// gwctl rules: the rule catalogue.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <memory>

#include "cli/commands/commands.h"
#include "cli/spec_options.h"
#include "compiler/diag/rules.h"
#include "compiler/diag/sink.h"
#include "compiler/xgw/encode.h"

namespace gw::cli {
namespace {

struct RulesCommand {
  std::string id;
  OutputFormat format = OutputFormat::Text;
};

boost::json::object json_of(const compiler::Rule& rule) {
  return {{"rule", rule.id},
          {"severity", compiler::severity_name(rule.severity)},
          {"summary", rule.summary}};
}

ExitCode list_rules(const RulesCommand& command, const Console& console) {
  std::string out;
  for (const compiler::Rule& rule : compiler::all_rules()) {
    if (command.format == OutputFormat::Json) {
      out += boost::json::serialize(json_of(rule)) + "\n";
    } else {
      out += fmt::format("{:<32} {:<8} {}\n", rule.id, compiler::severity_name(rule.severity),
                         rule.summary);
    }
  }
  console.out(out);
  return ExitCode::Ok;
}

ExitCode run_rules(const RulesCommand& command, const Console& console) {
  if (command.id.empty()) return list_rules(command, console);
  const compiler::Rule* rule = compiler::find_rule(command.id);
  if (rule == nullptr) {
    std::vector<std::string_view> ids;
    for (const compiler::Rule& known : compiler::all_rules()) ids.push_back(known.id);
    const std::string guess = compiler::did_you_mean(command.id, ids);
    console.error(
        fmt::format("there is no rule `{}`{}{}", command.id, guess.empty() ? "" : "; ", guess));
    return ExitCode::Usage;
  }
  if (command.format == OutputFormat::Json) {
    boost::json::object out = json_of(*rule);
    out["page"] = compiler::explain_page(rule->id);
    console.out(boost::json::serialize(out) + "\n");
    return ExitCode::Ok;
  }
  console.out(fmt::format("{} ({})\n{}\n\n{}", rule->id, compiler::severity_name(rule->severity),
                          rule->summary, compiler::explain_page(rule->id)));
  return ExitCode::Ok;
}

}  // namespace

Run add_rules(CLI::App& gwctl) {
  CLI::App& app = *gwctl.add_subcommand("rules", "List the rules, or explain one");
  const auto command = std::make_shared<RulesCommand>();
  app.add_option("rule", command->id, "Rule to explain")->option_text("RULE");
  add_format_options(app, command->format);
  app.footer(
      "Examples:\n"
      "  gwctl rules\n"
      "  gwctl rules route-ambiguous\n"
      "\n"
      "Exit status: 0, or 2 for a rule that does not exist. See gwctl-rules(1).");
  return [command](const Console& console) { return run_rules(*command, console); };
}

}  // namespace gw::cli
