// The complete YAML reader, on yaml-cpp's events: for the few documents that use directives,
// explicit or empty keys, which our own parser leaves to it.
#pragma once
#include <memory>
#include <string_view>

#include "compiler/diag/sink.h"
#include "compiler/syntax/node.h"

namespace gw::compiler {

/// `text` is valid UTF-8. Errors go to `sink`; null then.
std::unique_ptr<Tree> read_yaml_completely(std::string_view text, FileId file,
                                           DiagnosticSink& sink);

}  // namespace gw::compiler
