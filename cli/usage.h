// Wrong command lines: one line, the nearest right word, status 2.
#pragma once
#include <CLI/App.hpp>

#include "cli/console.h"

namespace gw::cli {

/// Help and version requests end with 0, everything else with a message and 2.
ExitCode report_parse_error(const CLI::App& gwctl, const CLI::ParseError& error, int argc,
                            char** argv, const Console& console);

}  // namespace gw::cli
