// Text that a verb writes to where `-o` says.
#pragma once
#include <string>

#include "cli/console.h"

namespace gw::cli {

/// Writes `text` to the file, or to standard output for `-`; false after a message.
bool write_output(const std::string& path, const std::string& text, const Console& console);

}  // namespace gw::cli
