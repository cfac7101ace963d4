// A schema that uses every instruction of a program but the discriminator, for tests that damage
// it.
#pragma once
#include <string_view>

namespace gw::compiler::schema {

inline constexpr std::string_view kEveryKeyword = R"(
$id: http://h/root
$dynamicAnchor: node
type: [object, array, string, integer, 'null']
required: [a, b]
properties:
  a: {type: string, minLength: 1, maxLength: 5, pattern: '^x', format: date}
  b: {minimum: 1, exclusiveMaximum: 10.5, multipleOf: 0.5, format: int32}
  c: {enum: [1, null, {x: [1, y]}]}
  d: {enum: [p, q]}
  e: {const: r}
  f: {prefixItems: [{type: string}], items: {$ref: '#'}, contains: {const: 1}, uniqueItems: true, maxItems: 4}
  g: {$dynamicRef: '#node'}
  h: false
patternProperties: {'^z': {type: boolean}}
propertyNames: {maxLength: 9}
maxProperties: 9
dependentRequired: {a: [b, c]}
dependentSchemas: {d: {minProperties: 1}}
anyOf: [{required: [a]}, {type: array}]
oneOf: [{properties: {i: {type: string}}}, {required: [k]}]
not: {required: [nothing]}
if: {properties: {a: {const: x}}}
then: {required: [b]}
else: {minProperties: 0}
unevaluatedProperties: {type: string}
unevaluatedItems: {type: integer}
)";

}  // namespace gw::compiler::schema
