// How help is laid out: positionals under the words that the manual uses for them.
#pragma once
#include <CLI/App.hpp>
#include <CLI/Formatter.hpp>
#include <string>

namespace gw::cli {

class HelpFormat final : public CLI::Formatter {
 public:
  std::string make_option_name(const CLI::Option* option, bool is_positional) const override {
    // Its text says it all, and make_option_opts puts that behind.
    if (is_positional && !option->get_option_text().empty()) return {};
    return CLI::Formatter::make_option_name(option, is_positional);
  }
  std::string make_option_usage(const CLI::Option* option) const override {
    const std::string& text = option->get_option_text();
    return option->get_required() ? text : "[" + text + "]";
  }
  std::string make_option_desc(const CLI::Option* option) const override {
    return wrapped(CLI::Formatter::make_option_desc(option), kColumns - get_column_width());
  }

 private:
  static constexpr size_t kColumns = 79;

  /// Lines of at most `width` columns; each but the first is indented by whoever writes them.
  static std::string wrapped(std::string text, size_t width) {
    for (size_t begin = 0; begin + width < text.size();) {
      const size_t space = text.rfind(' ', begin + width);
      if (space == std::string::npos || space <= begin) break;
      text[space] = '\n';
      begin = space + 1;
    }
    return text;
  }
};

}  // namespace gw::cli
