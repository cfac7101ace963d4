// The objects of OpenAPI 3.0, 3.1 and 3.2 as a table: their fields, and what each may hold.
//
// Source: the "Fixed Fields" tables of the specifications (spec.openapis.org/oas). What one field
// demands of another is in object_checks.cc.
#pragma once
#include <span>
#include <string_view>

#include "compiler/openapi/model.h"
#include "runtime/base/types.h"

namespace gw::compiler::openapi {

enum class ObjectKind : u8 {
  None,
  OpenApi,
  Info,
  Contact,
  License,
  Server,
  ServerVariable,
  Components,
  Paths,
  PathItem,
  Operation,
  ExternalDocs,
  Parameter,
  RequestBody,
  MediaType,
  Encoding,
  Responses,
  Response,
  Callback,
  Example,
  Link,
  Header,
  Tag,
  Discriminator,
  Xml,
  SecurityScheme,
  OAuthFlows,
  OAuthFlow,
  SecurityRequirement,
  Schema,
};

/// What a field holds. The last ones are made of objects, whose kind the field names.
enum class Shape : u8 {
  Any,
  String,
  Bool,
  Number,
  Count,  // an integer that is not negative
  StringList,
  StringMap,
  StringsMap,  // a map of lists of strings
  List,
  Map,
  BoolOrSchema,
  TypeName,       // `type` of a schema: a name; since 3.1 also a list of names
  Limit,          // `exclusiveMinimum`: a boolean in 3.0, a number since 3.1
  SchemaOrNames,  // `dependencies`
  Object,
  ObjectList,
  ObjectMap,
};

struct Field {
  std::string_view name;
  Shape shape = Shape::Any;
  ObjectKind object = ObjectKind::None;
  bool required = false;
  Version since = Version::V30;
  Version until = Version::V32;  // last version that has it
  std::string_view values = {};  // allowed strings, separated by a bar
};

struct ObjectType {
  std::string_view name;  // "the operation", for messages
  std::span<const Field> fields;
  bool extensible = true;     // takes x- fields
  bool by_reference = false;  // may be a $ref
};

const ObjectType& object_type(ObjectKind kind);
/// Null when the object has no such field in any version.
const Field* find_field(const ObjectType& type, std::string_view name);
inline bool in_version(const Field& field, Version version) {
  return field.since <= version && version <= field.until;
}
std::string_view version_name(Version version);  // "3.0"

}  // namespace gw::compiler::openapi
