// What a schema lets a text be: which types, properties and items it speaks of. Only how a
// parameter is read depends on it; whether its value is right, the schema's program says.
#pragma once
#include <string>
#include <vector>

#include "compiler/openapi/model.h"
#include "runtime/schema/format.h"

namespace gw::compiler {

struct ShapeProperty {
  std::string name;
  NodeRef schema;
};

class SchemaShape {
 public:
  explicit SchemaShape(const openapi::Document& document) : document_(document) {}

  /// Mask of schema::TypeBit, through `$ref`, allOf, oneOf and anyOf; kAllTypes: it says nothing.
  u32 types(NodeRef schema) const { return types(schema, 0); }
  /// The same for texts: what says nothing is a text.
  u32 text_types(NodeRef schema) const;
  /// Of the items of a list that is written as text.
  u32 item_types(NodeRef schema) const;
  /// Properties that are named anywhere, each once, by name.
  std::vector<ShapeProperty> properties(NodeRef schema) const;
  /// Types of properties that are not named.
  u32 rest_types(NodeRef schema) const;
  /// It expects properties that it does not name.
  bool is_open(NodeRef schema) const;
  /// Every text satisfies it.
  bool is_any_text(NodeRef schema) const;
  /// Every text satisfies all that is said of this property, or of its items, wherever it is named.
  bool is_any_text_property(NodeRef schema, std::string_view name) const;
  /// `keyword` of the schema itself, what it refers to or puts together with allOf; absent: none.
  NodeRef keyword(NodeRef schema, std::string_view name) const { return keyword(schema, name, 0); }

 private:
  u32 types(NodeRef schema, u32 depth) const;
  NodeRef keyword(NodeRef schema, std::string_view name, u32 depth) const;
  void collect(NodeRef schema, std::vector<ShapeProperty>& out, u32 depth) const;

  const openapi::Document& document_;
};

}  // namespace gw::compiler
