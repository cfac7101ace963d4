// Findings about schemas that cannot be enforced as they are written.
#pragma once
#include <string>
#include <string_view>

#include "compiler/diag/sink.h"
#include "compiler/syntax/node.h"

namespace gw::compiler::schema {

/// An error at a node, whatever the rule's default is: enforcing less than is written would be a
/// silent skip.
void refuse(DiagnosticSink& sink, std::string_view rule, NodeRef node, std::string message,
            std::string label, std::string help = {});
/// Formats that say how to show a value, or what bytes it stands for: there is nothing to check.
bool is_hint(std::string_view format);
/// A warning of the rule `format-unknown`.
void warn_of_format(DiagnosticSink& sink, NodeRef format);

}  // namespace gw::compiler::schema
