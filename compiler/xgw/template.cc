#include "compiler/xgw/template.h"

#include <fmt/format.h>

#include "compiler/xgw/node_json.h"
#include "runtime/schema/format.h"
#include "runtime/table/template_format.h"

namespace gw::compiler {
namespace {

using table::ExpressionPart;
using table::ExpressionSource;
using table::TemplateKind;
using table::TemplateNode;

bool holds_expression(NodeRef node) {
  if (node.is_map()) {
    for (const auto [key, value] : node.entries()) {
      if (holds_expression(value)) return true;
    }
    return false;
  }
  if (node.is_seq()) {
    for (const NodeRef item : node.items()) {
      if (holds_expression(item)) return true;
    }
    return false;
  }
  return node.is_string() && has_expression(node.text());
}

bool is_json_source(ExpressionSource source) {
  return source == ExpressionSource::RequestBody || source == ExpressionSource::ResponseBody ||
         source == ExpressionSource::CallBody || source == ExpressionSource::Item ||
         source == ExpressionSource::Claim || source == ExpressionSource::SchemeClaim;
}

class TemplateEncoder {
 public:
  TemplateEncoder(const EncodeScope& scope, const AddLate& add_late, const std::string& path,
                  Pools& pools, DiagnosticSink& sink)
      : scope_(scope), add_late_(add_late), path_(path), pools_(pools), sink_(sink) {
    scope_.may_be_absent = true;  // its member is left out
  }

  table::Extent run(NodeRef node) {
    add(node, {}, 0);
    if (failed_) return {};
    const u32 offset = pools_.policy_data.add(std::as_bytes(std::span(nodes_)));
    return {offset, static_cast<u32>(nodes_.size())};
  }

 private:
  void refuse(Span span, std::string message, std::string help = {}) {
    if (!failed_) {
      sink_.report({.rule = "extension-value",
                    .severity = Severity::Error,
                    .message = fmt::format("`{}`: {}", path_, message),
                    .primary = {span, "here"},
                    .help = std::move(help)});
    }
    failed_ = true;
  }

  void add(NodeRef node, table::StringRef key, u32 depth) {
    if (nodes_.size() >= table::kMaxTemplateNodes || depth > table::kMaxTemplateDepth) {
      return refuse(node.span(), "the template is too large or too deep");
    }
    const size_t index = nodes_.size();
    nodes_.push_back(
        {.kind = TemplateKind::Literal, .end = 0, .key = key, .text = {}, .value = {}});
    if (!holds_expression(node)) {
      nodes_[index].text = pools_.strings.add(to_json(node));
    } else if (node.is_map()) {
      add_members(node, index, depth);
    } else if (node.is_seq()) {
      nodes_[index].kind = TemplateKind::Array;
      for (const NodeRef item : node.items()) add(item, {}, depth + 1);
    } else {
      add_expression(node, index);
    }
    nodes_[index].end = static_cast<u32>(nodes_.size());
  }

  void add_members(NodeRef node, size_t index, u32 depth) {
    nodes_[index].kind = TemplateKind::Object;
    for (const auto [key, value] : node.entries()) {
      if (node.size() == 1 && key.text().starts_with("$")) {
        return refuse(node.span(), "a map, since the expression has no quotes",
                      "write it in quotes: '{$...}'");
      }
      std::string text;
      append_json_string(key.text(), text);
      add(value, pools_.strings.add(text), depth + 1);
    }
  }

  void add_expression(NodeRef node, size_t index) {
    std::vector<ExpressionPart> parts;
    ValueError error;
    if (!parse_expression(node.text(), false, scope_, pools_.strings, add_late_, parts, error)) {
      const u32 shift = node.quoted() ? 1 : 0;
      return refuse(sub_span(node.span(), error.begin + shift, error.end + shift), error.message,
                    error.help);
    }
    const bool alone = parts.size() == 1 && node.text().starts_with('$');
    nodes_[index].kind = alone ? kind_of(parts[0]) : TemplateKind::Text;
    nodes_[index].value = pools_.expressions.add(parts);
  }

  TemplateKind kind_of(const ExpressionPart& part) const {
    if (is_json_source(part.source)) return TemplateKind::Json;
    if (part.source == ExpressionSource::ResponseStatus ||
        part.source == ExpressionSource::CallStatus) {
      return TemplateKind::Number;
    }
    if (!scope_.types || part.text.offset == table::kNone) return TemplateKind::Text;
    const std::string_view name =
        std::string_view(pools_.strings.bytes()).substr(part.text.offset, part.text.bytes);
    const u32 types = scope_.types(part.source, name);
    using namespace gw::schema;
    if (types == kTypeBool) return TemplateKind::Boolean;
    const bool is_number = types != 0 && (types & ~u32{kTypeNumber | kTypeInteger}) == 0;
    return is_number ? TemplateKind::Number : TemplateKind::Text;
  }

  EncodeScope scope_;
  const AddLate& add_late_;
  const std::string& path_;
  Pools& pools_;
  DiagnosticSink& sink_;
  std::vector<TemplateNode> nodes_;
  bool failed_ = false;
};

}  // namespace

table::Extent encode_template(NodeRef node, const EncodeScope& scope, const AddLate& add_late,
                              const std::string& path, Pools& pools, DiagnosticSink& sink) {
  return TemplateEncoder(scope, add_late, path, pools, sink).run(node);
}

}  // namespace gw::compiler
