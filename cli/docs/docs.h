// Documents made from the command tree: completions and manual pages. There is no other list of
// verbs and flags.
#pragma once
#include <CLI/App.hpp>
#include <string>
#include <string_view>

namespace gw::cli {

/// Completion script for "bash", "zsh" or "fish"; empty for another shell.
std::string completions(const CLI::App& gwctl, std::string_view shell);

/// Manual page in roff: gwctl(1) for the app itself, gwctl-VERB(1) for a verb.
std::string manual_page(const CLI::App& gwctl, const CLI::App& page);

}  // namespace gw::cli
