// A schema as the set of schemas that must hold together: itself, what its `$ref` leads to, and the
// items of `allOf`, all the way down. So a schema that is moved to a component, or split by
// `allOf`, stays what it was.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "compiler/diff/contract_text.h"

namespace gw::compiler::diff {

/// Bits of the types that a value may have. A number without fraction is an integer.
enum TypeBit : u32 {
  kTypeNull = 1,
  kTypeBoolean = 2,
  kTypeInteger = 4,
  kTypeFraction = 8,  // a number with one
  kTypeString = 16,
  kTypeArray = 32,
  kTypeObject = 64,
};
inline constexpr u32 kAllTypes = 127;
std::string types_text(u32 types);

struct SchemaSet {
  std::vector<Value> parts;  // without references; in the order in which they were found
  bool or_null = false;      // `anyOf: [X, {type: null}]`
  std::string name = {};     // of the component, when the schema is a reference to one

  friend bool operator<(const SchemaSet& a, const SchemaSet& b) {
    return std::tie(a.parts, a.or_null) < std::tie(b.parts, b.or_null);
  }
  bool empty() const { return parts.empty(); }
};

/// Of one schema; nothing gives an empty set, which everything fits.
SchemaSet schema_set(Value schema);
/// Of several that must hold together.
SchemaSet schema_set(const std::vector<Value>& schemas);

/// Values of a keyword in all parts that have it.
std::vector<Value> keyword(const SchemaSet& set, std::string_view name);
/// The first of them.
Value first_keyword(const SchemaSet& set, std::string_view name);
/// Where the schema is written: its first part.
Place place_of(const SchemaSet& set);

u32 types_of(const SchemaSet& set);
/// What alternatives say about types.
struct AlternativeTypes {
  u32 types = kAllTypes;      // that some alternative lets through
  bool nothing_else = false;  // `oneOf: [{type: string}, {type: integer}]` is a list of types
};
/// Of `oneOf` or `anyOf`, whichever `name` is. Where a value fits two types of `oneOf`, the list
/// says more than types.
AlternativeTypes alternative_types(const SchemaSet& set, std::string_view name);

/// A bound of numbers, lengths or counts.
struct Bound {
  std::string text;  // as written
  double value = 0;
  bool exclusive = false;
  Value where = {};
};
/// The tightest lower or upper bound of numbers, from `minimum` and `exclusiveMinimum` (in both
/// dialects), or their opposites.
std::optional<Bound> number_bound(const SchemaSet& set, bool lower);
/// The tightest of a keyword such as `minLength`; nothing for one that says no more than `neutral`.
std::optional<Bound> count_bound(const SchemaSet& set, std::string_view name, bool lower,
                                 std::optional<double> neutral);

/// Properties that are declared, by name, with all schemas that hold for each.
std::map<std::string, std::vector<Value>> properties_of(const SchemaSet& set);
/// Names that `required` lists, with their place.
std::map<std::string, Value> required_of(const SchemaSet& set);
/// 0 for what is no number.
double number_of(Value value);
/// Whether the boolean keyword is true in any part.
bool is_set(const SchemaSet& set, std::string_view name);

}  // namespace gw::compiler::diff
