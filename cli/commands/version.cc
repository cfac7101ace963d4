// gwctl version.
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "cli/commands/commands.h"
#include "runtime/table/format.h"

namespace gw::cli {

Run add_version(CLI::App& gwctl) {
  gwctl.add_subcommand("version", "Print the versions of gwctl and of its tables");
  return [](const Console& console) {
    console.out(fmt::format("gwctl {}\ntable format {}.{}\n", GW_VERSION, table::kVersionMajor,
                            table::kVersionMinor));
    return ExitCode::Ok;
  };
}

}  // namespace gw::cli
