// gwctl drain, gwctl undrain: what takes no new requests.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <memory>

#include "cli/admin_client.h"
#include "cli/commands/commands.h"

namespace gw::cli {
namespace {

namespace json = boost::json;

struct DrainCommand {
  AdminOptions admin;
  std::string what;  // UPSTREAM or UPSTREAM/TARGET; "": the process
};

json::object named(const std::string& what) {
  json::object body;
  const size_t slash = what.find('/');
  if (!what.empty()) body["upstream"] = what.substr(0, slash);
  if (slash != what.npos) body["target"] = what.substr(slash + 1);
  return body;
}

ExitCode run_order(const DrainCommand& command, const std::string& target, const Console& console) {
  const auto answer =
      ask_admin_json(command.admin, console, "POST", target, json::serialize(named(command.what)));
  if (!answer) return ExitCode::Usage;
  if (command.what.empty()) {
    console.note("the gateway finishes its requests and ends");
    return ExitCode::Ok;
  }
  std::string drained;
  for (const json::value& value : answer->at("drained").get_array()) {
    const json::object& entry = value.get_object();
    const auto* host = entry.if_contains("target");
    drained += fmt::format(" {}{}{}", std::string_view(entry.at("upstream").get_string()),
                           host ? "/" : "", host ? std::string_view(host->get_string()) : "");
  }
  console.note(fmt::format("drained now:{}", drained.empty() ? " nothing" : drained));
  return ExitCode::Ok;
}

}  // namespace

Run add_drain(CLI::App& gwctl) {
  CLI::App& app =
      *gwctl.add_subcommand("drain", "Take an upstream, a target or all out of service");
  const auto command = std::make_shared<DrainCommand>();
  app.add_option("what", command->what, "Without it the gateway finishes its requests and ends")
      ->option_text("UPSTREAM[/TARGET]");
  add_admin_options(app, command->admin);
  app.footer(
      "What is drained takes no new requests, whatever its health checks say; those\n"
      "under way finish. It stays drained until `gwctl undrain`: over reloads, a takeover\n"
      "and, with `serve --state`, a restart. An upstream without a target gives the answer\n"
      "of its `unavailable`, or 503.\n"
      "\n"
      "Examples:\n"
      "  gwctl drain users/127.0.0.1:9001\n"
      "  gwctl drain billing\n"
      "  gwctl drain\n"
      "\n"
      "Exit status: 0 done, 2 not known or not reached.\n"
      "See gwctl-drain(1).");
  return [command](const Console& console) { return run_order(*command, "/v1/drain", console); };
}

Run add_undrain(CLI::App& gwctl) {
  CLI::App& app = *gwctl.add_subcommand("undrain", "Put an upstream or a target back into service");
  const auto command = std::make_shared<DrainCommand>();
  app.add_option("what", command->what, "As it was drained")
      ->option_text("UPSTREAM[/TARGET]")
      ->required();
  add_admin_options(app, command->admin);
  app.footer(
      "Examples:\n"
      "  gwctl undrain users/127.0.0.1:9001\n"
      "\n"
      "Exit status: 0 done, 2 not drained or not reached.\n"
      "See gwctl-undrain(1).");
  return [command](const Console& console) { return run_order(*command, "/v1/undrain", console); };
}

}  // namespace gw::cli
