// gwctl purge: stored answers are thrown away.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cstdint>
#include <memory>

#include "cli/admin_client.h"
#include "cli/commands/commands.h"

namespace gw::cli {
namespace {

namespace json = boost::json;

struct PurgeCommand {
  AdminOptions admin;
  std::string tag;
  std::string operation;
  std::string key;
  bool all = false;
};

ExitCode run_purge(const PurgeCommand& command, const Console& console) {
  json::object body;
  const bool named = command.all || !(command.tag + command.operation + command.key).empty();
  if (!named) {
    console.error("name what is to go: --tag, --operation, --key or --all");
    return ExitCode::Usage;
  }
  if (!command.tag.empty()) body["tag"] = command.tag;
  if (!command.operation.empty()) body["operation"] = command.operation;
  if (!command.key.empty()) body["key"] = command.key;
  if (command.all) body["all"] = "true";
  const auto answer =
      ask_admin_json(command.admin, console, "POST", "/v1/purge", json::serialize(body));
  if (!answer) return ExitCode::Usage;
  const auto purged = answer->at("purged").to_number<std::uint64_t>();
  console.note(fmt::format("purged {} stored answer{}", purged, purged == 1 ? "" : "s"));
  return ExitCode::Ok;
}

}  // namespace

Run add_purge(CLI::App& gwctl) {
  CLI::App& app = *gwctl.add_subcommand("purge", "Throw stored answers away");
  const auto command = std::make_shared<PurgeCommand>();
  CLI::Option* const tag =
      app.add_option("--tag", command->tag, "Those with this tag, of cache.tags or Surrogate-Key")
          ->option_text("TAG");
  CLI::Option* const operation =
      app.add_option("--operation", command->operation, "Those of this operation")
          ->option_text("ID")
          ->excludes(tag);
  CLI::Option* const key =
      app.add_option("--key", command->key,
                     "Those of this path or URL; with a query of that one alone")
          ->option_text("URL")
          ->excludes(tag, operation);
  app.add_flag("--all", command->all, "All of them")->excludes(tag, operation, key);
  add_admin_options(app, command->admin);
  app.footer(
      "What is on its way from an upstream meanwhile is given to who asked for it and\n"
      "not stored.\n"
      "\n"
      "Examples:\n"
      "  gwctl purge --tag user-7\n"
      "  gwctl purge --operation listOrders\n"
      "  gwctl purge --key '/orders?limit=5'\n"
      "  gwctl purge --all\n"
      "\n"
      "Exit status: 0 done, 2 not reached.\n"
      "See gwctl-purge(1).");
  return [command](const Console& console) { return run_purge(*command, console); };
}

}  // namespace gw::cli
