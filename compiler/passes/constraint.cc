#include "compiler/passes/constraint.h"

#include "compiler/xgw/value.h"

namespace gw::compiler {
namespace {

const openapi::Parameter* find_parameter(const GatewayOperation& operation, std::string_view name) {
  if (name.ends_with('+')) name.remove_suffix(1);
  for (const openapi::Parameter& parameter : operation.operation->parameters) {
    if (parameter.in == openapi::ParameterIn::Path && parameter.name.value == name)
      return &parameter;
  }
  return nullptr;
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("\\^$.|?*+()[]{}").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

std::string type_of(NodeRef schema) {
  NodeRef type = schema.get("type");
  if (type && type.is_seq()) {
    if (type.size() != 1) return {};
    type = *type.items().begin();
  }
  return type && type.is_scalar() ? std::string(type.text()) : std::string();
}

// The language of the schema's texts as RE2 syntax; empty: any.
std::string expression_of(NodeRef schema) {
  if (const NodeRef values = schema.get("enum"); values && values.is_seq() && values.size() > 0) {
    std::string out;
    for (const NodeRef value : values.items()) {
      if (!value.is_scalar()) return {};
      if (!out.empty()) out += '|';
      out += escaped(value.text());
    }
    return out;
  }
  if (const NodeRef value = schema.get("const"); value && value.is_scalar())
    return escaped(value.text());
  const NodeRef format = schema.get("format");
  const std::string type = type_of(schema);
  if (type == "string" && format && format.is_scalar()) {
    if (format.text() == "uuid") {
      return "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}";
    }
    if (format.text() == "date") return "[0-9]{4}-[0-9]{2}-[0-9]{2}";
  }
  if (type == "integer") return "-?[0-9]+";
  if (type == "number") return "-?[0-9]+(\\.[0-9]+)?([eE][+-]?[0-9]+)?";
  if (type == "boolean") return "true|false";
  return {};
}

NodeRef schema_of(const GatewayOperation& operation, std::string_view name) {
  const openapi::Parameter* parameter = find_parameter(operation, name);
  if (parameter == nullptr || !parameter->schema) return {};
  // With the styles label and matrix more than the value stands in the path.
  if (parameter->style != openapi::Style::Simple) return {};
  const NodeRef schema = operation.unit->document->resolve(parameter->schema);
  return schema && schema.is_map() ? schema : NodeRef{};
}

ParameterPattern pattern_of(NodeRef schema) {
  if (!schema) return {};
  // A schema pattern matches anywhere in the value unless it says otherwise.
  if (const NodeRef pattern = schema.get("pattern"); pattern && pattern.is_scalar())
    return {.text = std::string(pattern.text()), .is_ecma = true};
  return {.text = expression_of(schema), .anchored = true};
}

router::Constraint constraint_of(Module& module, u32 regex) {
  if (regex == table::kNone) return {};
  const table::RegexRecord& record = module.table.pools.regexes.records()[regex];
  return {
      .kind = record.dfa.count != 0 ? router::Constraint::Kind::Dfa : router::Constraint::Kind::Re2,
      .index = regex};
}

}  // namespace

ParameterPattern parameter_pattern(const GatewayOperation& operation, std::string_view name) {
  return pattern_of(schema_of(operation, name));
}

router::Constraint parameter_constraint(Module& module, const GatewayOperation& operation,
                                        std::string_view name) {
  const NodeRef schema = schema_of(operation, name);
  if (!schema) return {};
  const ParameterPattern pattern = pattern_of(schema);
  router::Constraint constraint;
  if (!pattern.text.empty()) {
    const Span span = pattern.is_ecma ? schema.get("pattern").span() : schema.span();
    constraint = constraint_of(module, encode_regex(pattern.text, pattern.is_ecma, pattern.anchored,
                                                    span, module.table.pools, module.sink));
  }
  constraint.match_only = is_match_only(operation, name);
  return constraint;
}

bool is_match_only(const GatewayOperation& operation, std::string_view name) {
  const openapi::Parameter* parameter = find_parameter(operation, name);
  if (parameter == nullptr || !parameter->x_gw || !parameter->x_gw.is_map()) return false;
  const NodeRef value = parameter->x_gw.get("matchOnly");
  return value && value.kind() == NodeKind::Bool && value.boolean();
}

}  // namespace gw::compiler
