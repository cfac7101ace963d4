// gwctl schema: the x-gw language for editors and people.
#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands/commands.h"
#include "cli/testing/fields.h"
#include "compiler/xgw/reference.h"

namespace gw::cli {

Run add_schema(CLI::App& gwctl) {
  CLI::App& app = *gwctl.add_subcommand("schema", "Print the JSON Schema of x-gw");
  const auto format = std::make_shared<std::string>("json");
  app.add_option("--format", *format, "json (JSON Schema) or markdown (reference tables) [json]")
      ->option_text("FORMAT")
      ->check(CLI::IsMember({"json", "markdown"}));
  const auto of_tests = std::make_shared<bool>(false);
  app.add_flag("--tests", *of_tests, "That of test files (gwctl test) instead");
  app.footer(
      "Examples:\n"
      "  gwctl schema > x-gw.schema.json\n"
      "  gwctl schema --tests > test.schema.json\n"
      "\n"
      "Exit status: 0. See gwctl-schema(1).");
  return [format, of_tests](const Console& console) {
    if (*of_tests) {
      console.out(tests::test_json_schema());
      return ExitCode::Ok;
    }
    console.out(*format == "markdown" ? compiler::x_gw_reference() : compiler::x_gw_json_schema());
    return ExitCode::Ok;
  };
}

}  // namespace gw::cli
