#include "cli/console.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

namespace gw::cli {

void Console::write(std::FILE* stream, std::string_view text) {
  // A closed pipe is no error: `gwctl lint x | head` ends quietly (SIGPIPE is ignored).
  static_cast<void>(std::fwrite(text.data(), 1, text.size(), stream));
}

void Console::error(std::string_view message) const {
  std::fflush(stdout);
  write(stderr, fmt::format("gwctl: {}\n", message));
}

void Console::note(std::string_view text) const {
  if (quiet_) return;
  std::fflush(stdout);
  write(stderr, fmt::format("{}\n", text));
}

bool Console::color_for(std::FILE* stream) const {
  if (color_ != ColorChoice::Auto) return color_ == ColorChoice::Always;
  const char* no_color = std::getenv("NO_COLOR");
  if (no_color != nullptr && *no_color != '\0') return false;
  const char* terminal = std::getenv("TERM");
  if (terminal == nullptr || std::string_view(terminal) == "dumb") return false;
  return ::isatty(::fileno(stream)) == 1;
}

}  // namespace gw::cli
