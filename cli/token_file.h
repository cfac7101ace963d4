// Files that hold a token for the admin interface.
#pragma once
#include <optional>
#include <string>

namespace gw::cli {

/// The first line of the file at `path`. nullopt: it cannot be read, or is too short to be a
/// secret; `problem` says which.
std::optional<std::string> read_token_file(const std::string& path, std::string& problem);

}  // namespace gw::cli
