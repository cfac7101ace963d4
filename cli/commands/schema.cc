// gwctl schema: the x-gw language for editors and people.
#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands/commands.h"
#include "compiler/xgw/reference.h"

namespace gw::cli {

Run add_schema(CLI::App& gwctl) {
  CLI::App& app = *gwctl.add_subcommand("schema", "Print the JSON Schema of x-gw");
  const auto format = std::make_shared<std::string>("json");
  app.add_option("--format", *format, "json (JSON Schema) or markdown (reference tables) [json]")
      ->option_text("FORMAT")
      ->check(CLI::IsMember({"json", "markdown"}));
  app.footer(
      "Examples:\n"
      "  gwctl schema > x-gw.schema.json\n"
      "\n"
      "Exit status: 0. See gwctl-schema(1).");
  return [format](const Console& console) {
    console.out(*format == "markdown" ? compiler::x_gw_reference() : compiler::x_gw_json_schema());
    return ExitCode::Ok;
  };
}

}  // namespace gw::cli
