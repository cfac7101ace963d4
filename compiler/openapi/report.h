// Reporting on a place of a document: severity from the rule, pointer from the node.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "compiler/diag/sink.h"
#include "compiler/syntax/node.h"

namespace gw::compiler::openapi {

struct Finding {
  std::string_view rule;
  NodeRef node = {};  // for the pointer and, unless `span` is given, the place
  std::string message = {};
  std::string label = {};
  std::string help = {};
  Span span = {};
  std::vector<Label> related = {};
  bool as_warning = false;  // though the rule is an error by default
};

/// Reports under the rule's default severity.
void report(DiagnosticSink& sink, Finding finding);

/// `text` in backquotes, cut when it is very long.
std::string in_quotes(std::string_view text);

}  // namespace gw::compiler::openapi
