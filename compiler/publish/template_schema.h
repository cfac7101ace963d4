// Schemas of what templates make, and of parts of other schemas.
#pragma once
#include <functional>
#include <string_view>
#include <vector>

#include "compiler/publish/public_value.h"

namespace gw::compiler {

/// The value of a component; it does not change what was given before.
using ComponentValue = std::function<const PublicValue&(u32 component)>;

/// A schema of what may be there, and whether there surely is something.
struct SchemaPart {
  PublicValue schema;
  bool always = false;
};
/// What an expression gives, such as `$request.path.id`.
using SchemaOfExpression = std::function<SchemaPart(std::string_view expression)>;

/// Allows everything, and says in words that no more is known.
PublicValue unknown_schema();
/// Of types alone, a mask of schema::TypeBit. `has_null_type`: since 3.1; 3.0 has `nullable`.
PublicValue schema_of_types(u32 types, bool has_null_type);
/// What one of them allows; unknown without any, or with an unknown one.
PublicValue any_of(std::vector<PublicValue> schemas);
/// The schema, or null.
PublicValue or_null(PublicValue schema, bool has_null_type);

/// What the values of `root` hold at a JSON Pointer; "" is all of it. What the schema does not say
/// is unknown. Cost: bounded; references are followed as far as the pointer leads.
SchemaPart schema_at(const PublicValue& root, std::string_view pointer,
                     const ComponentValue& component);

/// Of a template; `expression` is asked for texts that are one expression.
SchemaPart schema_of_template(NodeRef node, bool has_null_type,
                              const SchemaOfExpression& expression);

}  // namespace gw::compiler
