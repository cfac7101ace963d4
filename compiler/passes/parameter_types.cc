#include "compiler/passes/parameter_types.h"

#include <fmt/format.h>

#include <algorithm>

#include "compiler/passes/schema_shape.h"
#include "runtime/base/letter_case.h"

namespace gw::compiler {
std::function<u32(table::ExpressionSource, std::string_view)> parameter_types(
    const GatewayOperation& source) {
  return [&source](table::ExpressionSource from, std::string_view name) -> u32 {
    using openapi::ParameterIn;
    const SchemaShape shape(*source.unit->document);
    for (const openapi::Parameter& parameter : source.operation->parameters) {
      const bool is_field = parameter.in == ParameterIn::Header;
      const bool same =
          is_field ? equal_ignoring_case(parameter.name.value, name) : parameter.name.value == name;
      const bool here =
          (from == table::ExpressionSource::PathParameter && parameter.in == ParameterIn::Path) ||
          (from == table::ExpressionSource::Query && parameter.in == ParameterIn::Query) ||
          (from == table::ExpressionSource::Cookie && parameter.in == ParameterIn::Cookie) ||
          (from == table::ExpressionSource::Header && is_field);
      if (same && here) return shape.text_types(parameter.schema);
    }
    return 0;
  };
}

// Values of templates keep the types of parameters; most operations have no template.
std::string key_of_types(const Levels& levels, const GatewayOperation& source) {
  const bool changes = std::ranges::any_of(levels.levels, [](const Level& level) {
    return level.node && level.node.is_map() &&
           (level.node.get("request") || level.node.get("response") || level.node.get("use"));
  });
  if (!changes) return {};
  std::string key;
  const SchemaShape shape(*source.unit->document);
  for (const openapi::Parameter& parameter : source.operation->parameters) {
    const u32 types = shape.text_types(parameter.schema);
    if (types != gw::schema::kTypeString) {
      key += fmt::format("|{}:{}", parameter.name.value, types);
    }
  }
  return key;
}

}  // namespace gw::compiler
