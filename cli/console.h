// Where a command's words go, and how it ends.
#pragma once
#include <cstdio>
#include <string_view>

namespace gw::cli {

/// Exit statuses; the manual and the help print from this list.
enum class ExitCode : int {
  Ok = 0,        // done
  Findings = 1,  // the documents or tests have findings at or above --fail-on
  Usage = 2,     // wrong use, unreadable file, refused table, could not start
  Bug = 70,      // a fault of gwctl
};

enum class ColorChoice { Auto, Always, Never };

/// Standard output holds what was asked for, standard error what is said about it.
class Console {
 public:
  Console() = default;
  void set_color(ColorChoice choice) { color_ = choice; }
  void set_quiet(bool quiet) { quiet_ = quiet; }

  void out(std::string_view text) const { write(stdout, text); }
  /// `gwctl: MESSAGE`, one line.
  void error(std::string_view message) const;
  /// Talk that --quiet silences.
  void note(std::string_view text) const;
  /// Raw text to standard error (findings of `compile`).
  void err(std::string_view text) const { write(stderr, text); }

  bool color_out() const { return color_for(stdout); }
  bool color_err() const { return color_for(stderr); }

 private:
  static void write(std::FILE* stream, std::string_view text);
  bool color_for(std::FILE* stream) const;
  ColorChoice color_ = ColorChoice::Auto;
  bool quiet_ = false;
};

}  // namespace gw::cli
