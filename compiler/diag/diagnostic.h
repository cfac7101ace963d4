// What the compiler says to its user about a document.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "compiler/source/file_set.h"

namespace gw::compiler {

enum class Severity : u8 { Info, Warning, Error };
std::string_view severity_name(Severity severity);  // "info", "warning", "error"

/// A marked place and what it has to do with the finding; the text never repeats the message.
struct Label {
  Span span;
  std::string text;
};

struct Diagnostic {
  std::string_view rule;  // an id of rules.def
  Severity severity = Severity::Error;
  std::string message;  // lower case, no stop, code in backquotes; stands alone
  Label primary;        // span may be invalid: then there is no frame
  std::vector<Label> related = {};
  std::string help = {};     // imperative; empty: none
  std::string witness = {};  // a request, value or string that shows it; empty: none
  std::string pointer = {};  // JSON pointer of the place, for waivers; empty: unknown
};

}  // namespace gw::compiler
