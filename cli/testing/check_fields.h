// Whether a part of a test file has the fields that it may have.
#pragma once
#include <span>
#include <string_view>

#include "cli/testing/fields.h"
#include "cli/testing/value.h"
#include "compiler/diag/sink.h"

namespace gw::cli::tests {

/// Checks `value`, `what` by name in messages, with all that is in it. False after findings.
bool check_object(const Value& value, std::span<const Field> fields, std::string_view what,
                  compiler::DiagnosticSink& sink);

void report(compiler::DiagnosticSink& sink, std::string_view rule, compiler::Span span,
            std::string message, std::string label, std::string help = {});

}  // namespace gw::cli::tests
