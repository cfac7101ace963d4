#include "cli/usage.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "compiler/diag/sink.h"

namespace gw::cli {
namespace {

// The verb that the words name, or the app itself.
const CLI::App& named_verb(const CLI::App& gwctl, int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    for (const CLI::App* verb : gwctl.get_subcommands([](const CLI::App*) { return true; })) {
      if (verb->get_name() == argv[i]) return *verb;
    }
  }
  return gwctl;
}

std::vector<std::string> flags_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

std::string hint(const CLI::App& gwctl, const CLI::App& verb, int argc, char** argv) {
  std::vector<std::string> words = flags_of(verb);
  for (const std::string& flag : flags_of(gwctl)) words.push_back(flag);
  const bool no_verb = &verb == &gwctl;
  if (no_verb) {
    for (const CLI::App* known : gwctl.get_subcommands([](const CLI::App*) { return true; })) {
      words.push_back(known->get_name());
    }
  }
  for (int i = 1; i < argc; ++i) {
    std::string word = argv[i];
    if (const size_t equals = word.find('='); equals != word.npos) word.erase(equals);
    const bool is_flag = word.starts_with("--");
    if (!is_flag && !(no_verb && i == 1)) continue;
    std::vector<std::string_view> candidates;
    bool known = false;
    for (const std::string& candidate : words) {
      known = known || candidate == word;
      if (candidate.starts_with("--") == is_flag) candidates.push_back(candidate);
    }
    if (known) continue;
    if (const std::string guess = compiler::did_you_mean(word, candidates); !guess.empty())
      return guess;
  }
  return {};
}

// `new is required` names an argument as the program does; the usage line has another word for it.
std::string with_usage_words(const CLI::App& verb, std::string message) {
  constexpr std::string_view kLacks = " is required";
  for (const CLI::Option* option : verb.get_options()) {
    const std::string& words = option->get_option_text();
    if (!option->get_positional() || words.empty()) continue;
    if (message == option->get_name(true) + std::string(kLacks)) return words + std::string(kLacks);
  }
  return message;
}

}  // namespace

ExitCode report_parse_error(const CLI::App& gwctl, const CLI::ParseError& error, int argc,
                            char** argv, const Console& console) {
  const CLI::App& verb = named_verb(gwctl, argc, argv);
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) {
    console.out(&verb == &gwctl ? gwctl.help() : verb.help(gwctl.get_name()));
    return ExitCode::Ok;
  }
  std::string message = with_usage_words(verb, error.what());
  const bool no_verb = &verb == &gwctl;
  if (no_verb && argc > 1 && argv[1][0] != '-')
    message = fmt::format("there is no verb `{}`", argv[1]);
  const std::string guess = hint(gwctl, verb, argc, argv);
  console.error(fmt::format("{}{}{}", message, guess.empty() ? "" : "; ", guess));
  console.note(no_verb ? "see gwctl --help" : fmt::format("see gwctl {} --help", verb.get_name()));
  return ExitCode::Usage;
}

}  // namespace gw::cli
