// gwctl: parse, dispatch, exit status. The only place that catches what nobody else did.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <exception>

#include "cli/app.h"
#include "cli/usage.h"

namespace gw::cli {
namespace {

ExitCode dispatch(int argc, char** argv) {
  CLI::App gwctl("", "gwctl");
  GlobalOptions globals;
  const std::vector<Verb> verbs = build_app(gwctl, globals);
  Console console;
  try {
    gwctl.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return report_parse_error(gwctl, error, argc, argv, console);
  }
  console.set_quiet(globals.quiet);
  console.set_color(globals.color == "always"  ? ColorChoice::Always
                    : globals.color == "never" ? ColorChoice::Never
                                               : ColorChoice::Auto);
  if (globals.version) {
    console.out("gwctl " GW_VERSION "\n");
    return ExitCode::Ok;
  }
  for (const Verb& verb : verbs) {
    if (verb.app->parsed()) return verb.run(console);
  }
  console.err(gwctl.help());
  return ExitCode::Usage;
}

}  // namespace
}  // namespace gw::cli

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return static_cast<int>(gw::cli::dispatch(argc, argv));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "gwctl: bug: %s; please report it with the command line\n", error.what());
    return static_cast<int>(gw::cli::ExitCode::Bug);
  }
}
