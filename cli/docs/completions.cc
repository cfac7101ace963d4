#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <vector>

#include "cli/docs/docs.h"

namespace gw::cli {
namespace {

std::vector<const CLI::App*> verbs_of(const CLI::App& gwctl) {
  std::vector<const CLI::App*> verbs;
  for (const CLI::App* verb : gwctl.get_subcommands([](const CLI::App*) { return true; })) {
    if (!verb->get_group().empty()) verbs.push_back(verb);
  }
  return verbs;
}

struct Flag {
  std::vector<std::string> names;  // with dashes
  std::string description;
  bool takes_value = false;
  bool is_file = false;
};

std::vector<Flag> flags_of(const CLI::App& app) {
  std::vector<Flag> flags;
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_positional() && option->get_lnames().empty() && option->get_snames().empty())
      continue;
    Flag flag;
    for (const std::string& name : option->get_snames()) flag.names.push_back("-" + name);
    for (const std::string& name : option->get_lnames()) flag.names.push_back("--" + name);
    if (flag.names.empty()) continue;
    flag.description = option->get_description();
    flag.takes_value = option->get_items_expected_max() > 0;
    flag.is_file = option->get_option_text().find("FILE") != std::string::npos ||
                   option->get_option_text() == "KEY" ||
                   option->get_option_text().find("DIR") != std::string::npos;
    flags.push_back(std::move(flag));
  }
  return flags;
}

std::string words_of(const CLI::App& app) {
  std::string words;
  for (const Flag& flag : flags_of(app)) {
    for (const std::string& name : flag.names) words += " " + name;
  }
  return words.empty() ? words : words.substr(1);
}

// Text inside single quotes of a shell.
std::string shell_quoted(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out;
}

// zsh reads brackets and colons in descriptions.
std::string zsh_text(std::string_view text) {
  std::string out;
  for (const char c : shell_quoted(text)) {
    if (c == '[' || c == ']' || c == ':') out += '\\';
    out += c;
  }
  return out;
}

std::string bash(const CLI::App& gwctl) {
  std::string names;
  std::string cases;
  for (const CLI::App* verb : verbs_of(gwctl)) {
    names += verb->get_name() + " ";
    cases += fmt::format("    {}) words='{} {}' ;;\n", verb->get_name(), words_of(*verb),
                         words_of(gwctl));
  }
  names.pop_back();
  return fmt::format(
      "# bash completion for gwctl; made by `gwctl completions bash`.\n"
      "_gwctl() {{\n"
      "  local current=${{COMP_WORDS[COMP_CWORD]}} verb= word words\n"
      "  for word in \"${{COMP_WORDS[@]:1:COMP_CWORD-1}}\"; do\n"
      "    case $word in -*) ;; *) verb=$word; break ;; esac\n"
      "  done\n"
      "  case $verb in\n"
      "    '') words='{} {}' ;;\n"
      "{}"
      "    *) words= ;;\n"
      "  esac\n"
      "  if [[ $current == -* || -z $verb ]]; then\n"
      "    COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
      "  else\n"
      "    COMPREPLY=($(compgen -f -- \"$current\"))\n"
      "  fi\n"
      "}}\n"
      "complete -o filenames -F _gwctl gwctl\n",
      names, words_of(gwctl), cases);
}

std::string zsh_flags(const CLI::App& app, std::string_view indent) {
  std::string out;
  for (const Flag& flag : flags_of(app)) {
    for (const std::string& name : flag.names) {
      out += fmt::format(" \\\n{}'{}[{}]{}'", indent, name, zsh_text(flag.description),
                         !flag.takes_value ? ""
                         : flag.is_file    ? ":file:_files"
                                           : ":value: ");
    }
  }
  return out;
}

std::string zsh(const CLI::App& gwctl) {
  std::string verbs;
  std::string cases;
  for (const CLI::App* verb : verbs_of(gwctl)) {
    verbs += fmt::format("    '{}:{}'\n", verb->get_name(), zsh_text(verb->get_description()));
    cases += fmt::format("    {})\n      _arguments{} \\\n        '*:file:_files' ;;\n",
                         verb->get_name(), zsh_flags(*verb, "        "));
  }
  return fmt::format(
      "#compdef gwctl\n"
      "# zsh completion for gwctl; made by `gwctl completions zsh`.\n"
      "_gwctl() {{\n"
      "  local -a verbs\n"
      "  verbs=(\n{}  )\n"
      "  if (( CURRENT == 2 )); then\n"
      "    _describe -t verbs 'verb' verbs\n"
      "    _arguments{}\n"
      "    return\n"
      "  fi\n"
      "  local verb=$words[2]\n"
      "  shift words\n"
      "  (( CURRENT-- ))\n"
      "  case $verb in\n{}"
      "  esac\n"
      "}}\n"
      "_gwctl \"$@\"\n",
      verbs, zsh_flags(gwctl, "      "), cases);
}

std::string fish_flags(const CLI::App& app, std::string_view condition) {
  std::string out;
  for (const Flag& flag : flags_of(app)) {
    std::string names;
    for (const std::string& name : flag.names) {
      names += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
    }
    out += fmt::format("complete -c gwctl -n '{}'{}{} -d '{}'\n", condition, names,
                       flag.takes_value ? " -r" : "", shell_quoted(flag.description));
  }
  return out;
}

std::string fish(const CLI::App& gwctl) {
  std::string out = "# fish completion for gwctl; made by `gwctl completions fish`.\n";
  out += fish_flags(gwctl, "__fish_use_subcommand");
  for (const CLI::App* verb : verbs_of(gwctl)) {
    out += fmt::format("complete -c gwctl -f -n __fish_use_subcommand -a {} -d '{}'\n",
                       verb->get_name(), shell_quoted(verb->get_description()));
    out += fish_flags(*verb, fmt::format("__fish_seen_subcommand_from {}", verb->get_name()));
  }
  return out;
}

}  // namespace

std::string completions(const CLI::App& gwctl, std::string_view shell) {
  if (shell == "bash") return bash(gwctl);
  if (shell == "zsh") return zsh(gwctl);
  if (shell == "fish") return fish(gwctl);
  return {};
}

}  // namespace gw::cli
