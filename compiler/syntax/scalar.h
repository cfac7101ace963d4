// What both readers share: scalar typing, UTF-8, and the words of their findings.
#pragma once
#include <string>
#include <string_view>

#include "compiler/diag/sink.h"
#include "compiler/syntax/limits.h"
#include "compiler/syntax/node.h"

namespace gw::compiler {

/// Type of a plain scalar by the core schema of YAML 1.2 (section 10.3.2).
NodeKind plain_kind(std::string_view text);

inline constexpr size_t kAllValid = static_cast<size_t>(-1);
/// Offset of the first byte that is not well-formed UTF-8 (RFC 3629: no surrogates, no overlong
/// forms), or kAllValid.
size_t find_invalid_utf8(std::string_view text);
/// Appends a code point; it must not be a surrogate.
void append_utf8(std::string& text, u32 code_point);

/// A finding of the rule `syntax`.
Diagnostic syntax_error(Span span, std::string message, std::string label, std::string help = {});
/// Completes a tree (Tree::finish) and reports its duplicate keys.
void finish_tree(Tree& tree, DiagnosticSink& sink);

}  // namespace gw::compiler
