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
  bool hold = false;
};

json::object named(const std::string& what) {
  json::object body;
  const size_t slash = what.find('/');
  if (!what.empty()) body["upstream"] = what.substr(0, slash);
  if (slash != what.npos) body["target"] = what.substr(slash + 1);
  return body;
}

ExitCode run_order(const DrainCommand& command, const std::string& target, const Console& console) {
  if (command.hold && !command.what.empty()) {
    console.error("--hold is for the whole gateway: name no upstream");
    return ExitCode::Usage;
  }
  json::object order = named(command.what);
  if (command.hold) order["hold"] = true;
  const auto answer =
      ask_admin_json(command.admin, console, "POST", target, json::serialize(order));
  if (!answer) return ExitCode::Usage;
  if (answer->at("held").get_bool()) {
    console.note(
        "the gateway says that it is not ready, and serves; `gwctl undrain` takes it back");
  } else if (command.what.empty() && target == "/v1/undrain") {
    console.note("the gateway says that it is ready");
  } else if (command.what.empty()) {
    console.note("the gateway finishes its requests and ends");
  }
  if (command.what.empty()) return ExitCode::Ok;
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
  app.add_flag("--hold", command->hold,
               "Of the gateway: it does not end, but says that it is not ready, until undrain");
  add_admin_options(app, command->admin);
  app.footer(
      "What is drained takes no new requests, whatever its health checks say; those\n"
      "under way finish. It stays drained until `gwctl undrain`: over reloads, a takeover\n"
      "and, with `serve --state`, a restart. An upstream without a target gives the answer\n"
      "of its `unavailable`, or 503.\n"
      "\n"
      "With --hold /readyz says 503, so that balancers send requests elsewhere, and\n"
      "those that come are served. It holds over reloads, not over a restart.\n"
      "\n"
      "Examples:\n"
      "  gwctl drain users/127.0.0.1:9001\n"
      "  gwctl drain billing\n"
      "  gwctl drain --hold\n"
      "  gwctl drain\n"
      "\n"
      "Exit status: 0 done, 2 not known or not reached.\n"
      "See gwctl-drain(1).");
  return [command](const Console& console) { return run_order(*command, "/v1/drain", console); };
}

Run add_undrain(CLI::App& gwctl) {
  CLI::App& app = *gwctl.add_subcommand("undrain", "Put back what was drained");
  const auto command = std::make_shared<DrainCommand>();
  app.add_option("what", command->what, "As it was drained; without it a gateway that is held")
      ->option_text("UPSTREAM[/TARGET]");
  add_admin_options(app, command->admin);
  app.footer(
      "Examples:\n"
      "  gwctl undrain users/127.0.0.1:9001\n"
      "  gwctl undrain\n"
      "\n"
      "Exit status: 0 done, 2 not drained or not reached.\n"
      "See gwctl-undrain(1).");
  return [command](const Console& console) { return run_order(*command, "/v1/undrain", console); };
}

}  // namespace gw::cli
