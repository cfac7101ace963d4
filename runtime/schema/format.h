// Compiled schemas: the layout of the section SchemaPrograms.
//
// The section is an array of words (u32), records one behind the other. The first word of a record
// is its kind and, above 8 bits, its size in words. A schema is named by the index of its first
// word.
//
//   schema   [kind, size] [types, flags] [resource] instruction...
//   value    [kind, size] node...              for `const` and `enum`
//
// An instruction begins with its Op and, above 8 bits, its size in words. A value is a tree in the
// order of a tape (runtime/json/tape.h): an object's key nodes and value nodes take turns. Texts
// are offset and length in the section Strings, patterns indices into Regexes.
#pragma once
#include "runtime/base/types.h"

namespace gw::schema {

inline constexpr u32 kNone = ~u32{0};
/// As the operand of an instruction: the schema that accepts everything, and the one that nothing
/// satisfies.
inline constexpr u32 kAnything = kNone;
inline constexpr u32 kNothing = kNone - 1;

inline constexpr u32 kRecordSchema = 1;
inline constexpr u32 kRecordValue = 2;

inline constexpr u32 kSchemaTypes = 1;     // word of TypeBit and, above 8 bits, SchemaFlag
inline constexpr u32 kSchemaResource = 2;  // for $dynamicRef; kNone: it plays no role
inline constexpr u32 kSchemaHeaderWords = 3;

enum TypeBit : u32 {
  kTypeNull = 1,
  kTypeBool = 2,
  kTypeInteger = 4,
  kTypeFraction = 8,  // a number that is no integer
  kTypeString = 16,
  kTypeArray = 32,
  kTypeObject = 64,
};
inline constexpr u32 kTypeNumber = kTypeInteger | kTypeFraction;
inline constexpr u32 kAllTypes = 127;
enum SchemaFlag : u32 {
  kCollectsEvaluated = 1,  // it has unevaluatedItems or unevaluatedProperties
};

/// Operands in brackets, in order; `schema` is an index of a schema, kAnything or kNothing; `text`
/// are two words.
enum class Op : u8 {
  Ref = 1,     // [schema]: $ref
  DynamicRef,  // [schema] ([resource] [schema])...: the outermost resource in scope, else the first
  All,         // [schema]...
  Any,         // [schema]...
  One,         // [schema]...
  Not,         // [schema]
  If,          // [if] [then] [else]
  Discriminator,       // [name text] ([value text] [schema])...
  EnumTexts,           // [is_const] [n] [fingerprint]*n, rising, [text]*n
  Enum,                // [is_const] [value]...: indices of value records
  Limit,               // [LimitKind] [has_integer] [integer, two words] [text]
  MultipleOf,          // [digits, two words] [exponent of ten, signed]
  Length,              // [min] [max], in code points
  Pattern,             // [regex]
  Format,              // [Format]
  Items,               // [schema of the rest] [given] [schema]...: of the first ones
  Contains,            // [schema] [min] [max]
  ItemCount,           // [min] [max]
  UniqueItems,         //
  Members,             // see below
  MemberCount,         // [min] [max]
  Names,               // [schema]
  DependentRequired,   // ([name text] [count] [text]*count)...
  DependentSchemas,    // ([name text] [schema])...
  UnevaluatedItems,    // [schema]
  UnevaluatedMembers,  // [schema]
};
inline constexpr Op kLastOp = Op::UnevaluatedMembers;

enum LimitKind : u32 { kMinimum, kExclusiveMinimum, kMaximum, kExclusiveMaximum };

// Members: [additional schema] [MembersFlag] [properties] [patterns] [required]
//          [fingerprint]*properties, rising
//          ([name text] [schema] [PropertyFlag])*properties
//          ([regex] [schema])*patterns
inline constexpr u32 kMembersHeaderWords = 6;
inline constexpr u32 kPropertyWords = 4;
enum MembersFlag : u32 {
  kAdditionalGiven = 1,  // additionalProperties is there
  kHasReadOnly = 2,
  kHasWriteOnly = 4,
};
enum PropertyFlag : u32 {
  kDeclared = 1,  // in `properties`, not only in `required`
  kRequired = 2,
  kReadOnly = 4,
  kWriteOnly = 8,
};

// A node of a value: [ValueKind, count above 8 bits] [nodes in it, itself included] [text]
inline constexpr u32 kValueNodeWords = 4;
inline constexpr u32 kMaxValueDepth = 64;
enum class ValueKind : u8 { Null, False, True, Number, String, Array, Object };

}  // namespace gw::schema
