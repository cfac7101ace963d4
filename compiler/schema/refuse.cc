#include "compiler/schema/refuse.h"

#include <vector>

#include "compiler/openapi/report.h"
#include "runtime/schema/formats.h"

namespace gw::compiler::schema {

void refuse(DiagnosticSink& sink, std::string_view rule, NodeRef node, std::string message,
            std::string label, std::string help) {
  sink.report({.rule = rule,
               .severity = Severity::Error,
               .message = std::move(message),
               .primary = {node.span(), std::move(label)},
               .help = std::move(help),
               .pointer = node.tree()->pointer(node.index())});
}

bool is_hint(std::string_view format) { return format == "password" || format == "binary"; }

void warn_of_format(DiagnosticSink& sink, NodeRef format) {
  std::vector<std::string_view> names;
  for (u32 i = 0; i <= static_cast<u32>(gw::schema::kLastFormat); ++i) {
    names.push_back(gw::schema::format_name(static_cast<gw::schema::Format>(i)));
  }
  openapi::report(sink,
                  {.rule = "format-unknown",
                   .node = format,
                   .message = "the format " + openapi::in_quotes(format.text()) + " is not checked",
                   .label = "not among the formats that are known",
                   .help = did_you_mean(format.text(), names)});
}

}  // namespace gw::compiler::schema
