// gwctl completions, and the hidden verb `man` that writes the manual pages.
#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands/commands.h"
#include "cli/docs/docs.h"

namespace gw::cli {

Run add_completions(CLI::App& gwctl) {
  CLI::App& app = *gwctl.add_subcommand("completions", "Print a completion script for a shell");
  const auto shell = std::make_shared<std::string>();
  app.add_option("shell", *shell, "bash, zsh or fish")
      ->option_text("SHELL")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  app.footer(
      "Examples:\n"
      "  gwctl completions bash > /etc/bash_completion.d/gwctl\n"
      "\n"
      "Exit status: 0. See gwctl-completions(1).");
  return [shell, &gwctl](const Console& console) {
    console.out(completions(gwctl, *shell));
    return ExitCode::Ok;
  };
}

Run add_man(CLI::App& gwctl) {
  CLI::App& app = *gwctl.add_subcommand("man", "Print a manual page as roff");
  app.group("");  // for the build; users read man/
  const auto verb = std::make_shared<std::string>();
  app.add_option("verb", *verb, "Verb; none: gwctl(1)");
  return [verb, &gwctl](const Console& console) {
    const CLI::App* page = verb->empty() ? &gwctl : nullptr;
    for (const CLI::App* known : gwctl.get_subcommands([](const CLI::App*) { return true; })) {
      if (known->get_name() == *verb) page = known;
    }
    if (page == nullptr) {
      console.error("there is no verb `" + *verb + "`");
      return ExitCode::Usage;
    }
    console.out(manual_page(gwctl, *page));
    return ExitCode::Ok;
  };
}

}  // namespace gw::cli
