#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <vector>

#include "cli/docs/docs.h"

namespace gw::cli {
namespace {

// Text as roff shows it: no dash becomes a hyphen, no line begins with a request.
std::string roff(std::string_view text) {
  std::string out;
  bool at_line_start = true;
  for (const char c : text) {
    if (at_line_start && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
    at_line_start = c == '\n';
  }
  return out;
}

std::string upper(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return text;
}

std::string option_entry(const CLI::Option& option) {
  std::string names;
  for (const std::string& name : option.get_snames()) {
    names += fmt::format("{}\\-{}", names.empty() ? "" : ", ", roff(name));
  }
  for (const std::string& name : option.get_lnames()) {
    names += fmt::format("{}\\-\\-{}", names.empty() ? "" : ", ", roff(name));
  }
  const std::string value = option.get_option_text();
  if (names.empty()) names = value.empty() ? roff(option.get_name()) : roff(value);
  const bool shows_value = !value.empty() && !option.get_lnames().empty();
  return fmt::format(".TP\n.B {}{}\n{}\n", names,
                     shows_value ? "\\fR \\fI" + roff(value) + "\\fR" : "",
                     roff(option.get_description()));
}

// Help stands once, among the options of every verb.
std::string options_of(const CLI::App& app, bool with_help) {
  std::string out;
  for (const CLI::Option* option : app.get_options()) {
    if (with_help || option != app.get_help_ptr()) out += option_entry(*option);
  }
  return out;
}

// NAME wants a phrase, not a sentence.
std::string phrase(std::string text) {
  if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z') {
    text[0] = static_cast<char>(text[0] - 'A' + 'a');
  }
  if (text.ends_with('.')) text.pop_back();
  return text;
}

// The footer holds prose, "Examples:" and "Exit status:", in this order.
struct Footer {
  std::string prose;
  std::string examples;
  std::string exit_status;
};

Footer split_footer(const std::string& text) {
  Footer footer;
  const size_t examples = text.find("Examples:\n");
  const size_t status = text.find("Exit status:");
  footer.prose = text.substr(0, std::min(examples, status));
  if (examples != text.npos) {
    footer.examples =
        text.substr(examples + 10, status == text.npos ? text.npos : status - examples - 10);
  }
  if (status != text.npos) {
    footer.exit_status = text.substr(status + 13);
    footer.exit_status.erase(
        std::min(footer.exit_status.find("\nSee "), footer.exit_status.find(" See ")));
  }
  return footer;
}

std::string verb_list(const CLI::App& gwctl) {
  std::string out = ".SH VERBS\n";
  for (const CLI::App* verb : gwctl.get_subcommands([](const CLI::App*) { return true; })) {
    if (verb->get_group().empty()) continue;
    out += fmt::format(".TP\n.B {}\n{}\n", roff(verb->get_name()), roff(verb->get_description()));
  }
  return out;
}

std::string synopsis(const CLI::App& gwctl, const CLI::App& page) {
  if (&page == &gwctl) return ".B gwctl\n.I VERB\n[\\fIOPTIONS\\fR]\n";
  std::string out = fmt::format(".B gwctl {}\n[\\fIOPTIONS\\fR]\n", page.get_name());
  for (const CLI::Option* option : page.get_options()) {
    if (!option->get_lnames().empty() || !option->get_snames().empty()) continue;
    const std::string text = roff(option->get_option_text());
    out += option->get_required() ? fmt::format("\\fI{}\\fR\n", text)
                                  : fmt::format("[\\fI{}\\fR]\n", text);
  }
  return out;
}

}  // namespace

std::string manual_page(const CLI::App& gwctl, const CLI::App& page) {
  const bool main_page = &page == &gwctl;
  const std::string name = main_page ? "gwctl" : "gwctl-" + page.get_name();
  const Footer footer = split_footer(page.get_footer());
  std::string out =
      fmt::format(".TH {} 1 \"\" \"gwctl {}\" \"gwctl manual\"\n", roff(upper(name)), GW_VERSION);
  out += fmt::format(".SH NAME\n{} \\- {}\n", roff(name), roff(phrase(page.get_description())));
  out += ".SH SYNOPSIS\n" + synopsis(gwctl, page);
  if (!footer.prose.empty()) out += ".SH DESCRIPTION\n" + roff(footer.prose) + "\n";
  if (!footer.examples.empty()) out += ".SH EXAMPLES\n.nf\n" + roff(footer.examples) + ".fi\n";
  if (main_page) out += verb_list(gwctl);
  out += ".SH OPTIONS\n" + options_of(page, main_page);
  if (!main_page) out += ".SS Options of every verb\n" + options_of(gwctl, true);
  if (!footer.exit_status.empty()) out += ".SH EXIT STATUS\n" + roff(footer.exit_status) + "\n";
  out += ".SH SEE ALSO\n";
  if (main_page) {
    std::string list;
    for (const CLI::App* verb : gwctl.get_subcommands([](const CLI::App*) { return true; })) {
      if (!verb->get_group().empty())
        list += fmt::format("{}.BR gwctl\\-{} (1)", list.empty() ? "" : ",\n", verb->get_name());
    }
    out += list + "\n";
  } else {
    out += ".BR gwctl (1)\n";
  }
  return out;
}

}  // namespace gw::cli
