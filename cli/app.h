// The command tree, in the order of the manual.
#pragma once
#include <CLI/App.hpp>
#include <string>
#include <vector>

#include "cli/commands/commands.h"

namespace gw::cli {

struct Verb {
  CLI::App* app = nullptr;
  Run run;
};

/// Global flags.
struct GlobalOptions {
  std::string color = "auto";
  bool quiet = false;
  bool version = false;
};

/// Fills `gwctl`; the verbs keep references to options that live as long as the returned list.
std::vector<Verb> build_app(CLI::App& gwctl, GlobalOptions& globals);

}  // namespace gw::cli
