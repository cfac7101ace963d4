#include "compiler/passes/schema_shape.h"

#include <algorithm>

namespace gw::compiler {
namespace {

using namespace gw::schema;

constexpr u32 kMaxDepth = 16;  // of schemas that refer to each other
constexpr size_t kMaxNamed = 1024;

u32 type_of_name(std::string_view name) {
  if (name == "null") return kTypeNull;
  if (name == "boolean") return kTypeBool;
  if (name == "integer") return kTypeInteger;
  if (name == "number") return kTypeNumber;
  if (name == "string") return kTypeString;
  if (name == "array") return kTypeArray;
  if (name == "object") return kTypeObject;
  return 0;
}

u32 type_of_value(NodeRef value) {
  switch (value.kind()) {
    case NodeKind::Null:
      return kTypeNull;
    case NodeKind::Bool:
      return kTypeBool;
    case NodeKind::Map:
      return kTypeObject;
    case NodeKind::Seq:
      return kTypeArray;
    case NodeKind::String:
      return kTypeString;
    default:
      return kTypeNumber;
  }
}

// What `type`, `enum` and `const` say; 0: nothing.
u32 own_types(NodeRef schema) {
  u32 mask = 0;
  const NodeRef type = schema.get("type");
  if (type && type.is_scalar()) mask = type_of_name(type.text());
  if (type && type.is_seq()) {
    for (const NodeRef item : type.items()) {
      if (item.is_scalar()) mask |= type_of_name(item.text());
    }
  }
  const NodeRef nullable = schema.get("nullable");
  if (mask != 0 && nullable && nullable.kind() == NodeKind::Bool && nullable.boolean()) {
    mask |= kTypeNull;
  }
  if (mask != 0) return mask;
  if (const NodeRef values = schema.get("enum"); values && values.is_seq()) {
    for (const NodeRef value : values.items()) mask |= type_of_value(value);
  }
  if (const NodeRef value = schema.get("const")) mask |= type_of_value(value);
  if (mask != 0) return mask;
  if (schema.get("properties") || schema.get("additionalProperties")) return kTypeObject;
  if (schema.get("items") || schema.get("prefixItems")) return kTypeArray;
  return 0;
}

}  // namespace

u32 SchemaShape::types(NodeRef schema, u32 depth) const {
  if (!schema || !schema.is_map() || depth > kMaxDepth) return kAllTypes;
  u32 mask = own_types(schema);
  if (mask == 0) mask = kAllTypes;
  if (schema.get("$ref")) mask &= types(document_.resolve(schema), depth + 1);
  if (const NodeRef all = schema.get("allOf"); all && all.is_seq()) {
    for (const NodeRef part : all.items()) mask &= types(part, depth + 1);
  }
  for (const std::string_view name : {"oneOf", "anyOf"}) {
    const NodeRef alternatives = schema.get(name);
    if (!alternatives || !alternatives.is_seq()) continue;
    u32 any = 0;
    for (const NodeRef part : alternatives.items()) any |= types(part, depth + 1);
    mask &= any;
  }
  return mask;
}

u32 SchemaShape::text_types(NodeRef schema) const {
  const u32 mask = types(schema, 0);
  return mask == kAllTypes ? u32{kTypeString} : mask;
}

NodeRef SchemaShape::keyword(NodeRef schema, std::string_view name, u32 depth) const {
  if (!schema || !schema.is_map() || depth > kMaxDepth) return {};
  if (const NodeRef own = schema.get(name)) return own;
  if (schema.get("$ref")) {
    if (const NodeRef found = keyword(document_.resolve(schema), name, depth + 1)) return found;
  }
  for (const std::string_view group : {"allOf", "oneOf", "anyOf"}) {
    const NodeRef parts = schema.get(group);
    if (!parts || !parts.is_seq()) continue;
    for (const NodeRef part : parts.items()) {
      if (const NodeRef found = keyword(part, name, depth + 1)) return found;
    }
  }
  return {};
}

u32 SchemaShape::item_types(NodeRef schema) const {
  return text_types(keyword(schema, "items", 0));
}

void SchemaShape::collect(NodeRef schema, std::vector<ShapeProperty>& out, u32 depth) const {
  if (!schema || !schema.is_map() || depth > kMaxDepth || out.size() >= kMaxNamed) return;
  if (schema.get("$ref")) collect(document_.resolve(schema), out, depth + 1);
  if (const NodeRef properties = schema.get("properties"); properties && properties.is_map()) {
    for (const auto [key, value] : properties.entries()) {
      out.push_back({std::string(key.text()), value});
    }
  }
  for (const std::string_view group : {"allOf", "oneOf", "anyOf"}) {
    const NodeRef parts = schema.get(group);
    if (!parts || !parts.is_seq()) continue;
    for (const NodeRef part : parts.items()) collect(part, out, depth + 1);
  }
}

std::vector<ShapeProperty> SchemaShape::properties(NodeRef schema) const {
  std::vector<ShapeProperty> found;
  collect(schema, found, 0);
  std::ranges::stable_sort(found, {}, &ShapeProperty::name);
  // Not std::ranges: clang 14 cannot read its subranges in libstdc++ 12.
  const auto same_name = [](const ShapeProperty& a, const ShapeProperty& b) {
    return a.name == b.name;
  };
  found.erase(std::unique(found.begin(), found.end(), same_name), found.end());
  if (found.size() > kMaxNamed) found.resize(kMaxNamed);
  return found;
}

u32 SchemaShape::rest_types(NodeRef schema) const {
  return text_types(keyword(schema, "additionalProperties", 0));
}

bool SchemaShape::is_open(NodeRef schema) const {
  const NodeRef rest = keyword(schema, "additionalProperties", 0);
  if (rest) return !(rest.kind() == NodeKind::Bool && !rest.boolean());
  return properties(schema).empty();
}

bool SchemaShape::is_any_text_property(NodeRef schema, std::string_view name) const {
  std::vector<ShapeProperty> found;
  collect(schema, found, 0);
  return std::ranges::all_of(found, [&](const ShapeProperty& property) {
    if (property.name != name || is_any_text(property.schema)) return true;
    return types(property.schema) == kTypeArray && is_any_text(keyword(property.schema, "items"));
  });
}

bool SchemaShape::is_any_text(NodeRef schema) const {
  for (u32 depth = 0; depth < kMaxDepth; ++depth) {
    if (!schema) return true;
    if (schema.kind() == NodeKind::Bool) return schema.boolean();
    if (!schema.is_map()) return false;
    if (schema.get("$ref") && schema.size() == 1) {
      schema = document_.resolve(schema);
      continue;
    }
    for (const auto [key, value] : schema.entries()) {
      const std::string_view name = key.text();
      const bool says_nothing = name == "description" || name == "title" || name == "example" ||
                                name == "examples" || name == "default" || name == "deprecated" ||
                                name == "$comment" || name == "contentMediaType" ||
                                name == "contentEncoding" || name.starts_with("x-");
      const bool is_text = name == "type" && value.is_scalar() && value.text() == "string";
      const bool is_bytes = name == "format" && value.is_scalar() &&
                            (value.text() == "binary" || value.text() == "password");
      if (!says_nothing && !is_text && !is_bytes) return false;
    }
    return true;
  }
  return false;
}

}  // namespace gw::compiler
