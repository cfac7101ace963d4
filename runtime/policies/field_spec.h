// Field tables: what a user may write for a policy or a setting, and where it lies in the record.
//
// One constexpr table per record drives decoding, bounds, defaults, the JSON Schema, the language
// reference, verify, inspect and diff. There is no other list of these names.
#pragma once
#include <span>
#include <string_view>

#include "runtime/base/types.h"
#include "runtime/table/format.h"

namespace gw::policies {

/// Kind of a field and how it is stored in a record.
enum class FieldKind : u8 {
  Bool,         // u32, 0 or 1
  Count,        // u32
  Bytes,        // u64; `64KiB`
  Duration,     // u64, milliseconds; `5s`
  Percent,      // u32, hundredths of a percent; `20%`
  Status,       // u32, 100..599
  Enum,         // u32, index into `words`
  String,       // StringRef
  HeaderName,   // StringRef, lower case token
  Url,          // StringRef, http://host:port/path
  Address,      // StringRef, host:port of a listener, or unix:/path
  Network,      // Extent of one NetworkRecord (a CIDR block or an address)
  Body,         // StringRef; a map or list is written as JSON, a scalar as its text
  Expression,   // Extent into Expressions
  PathRewrite,  // Extent into Expressions; values are percent-encoded
  Condition,    // u32 into Conditions; kNone: absent
  Schema,       // u32 into Schemas; kNone: absent
  Regex,        // u32 into Regexes; kNone: absent
  Name,         // u32, index of what `names` says; kNone: absent
  List,         // Extent: byte offset into PolicyData and count of elements of `size` bytes
  Map,          // the same; each element begins with the StringRef of its key
  Record,       // inline, `size` bytes
  Union,        // u32 tag: 1 + index of the alternative in `fields`, 0: absent
  Pem,          // StringRef, certificates or a key; always a reference
  Rate,         // u64, count and seconds (unpack_rate); `100/min`
  Origin,       // StringRef, `https://shop.example`; `*` for any, or for its first label
  Document,     // StringRef, the content of a file, of any lines; always a reference
  ClaimPath,    // StringRef, JSON Pointer of a claim; `$jwt.NAME`, `$jwt#/POINTER`
  Program,      // u32 into SchemaPrograms, where a schema begins; kNone: absent
  Template,     // Extent: byte offset into PolicyData and count of TemplateNodes; a JSON value
  // New kinds go to the end: tables hold these numbers.
};
inline constexpr FieldKind kLastFieldKind = FieldKind::Template;
/// Whether only the compiler makes it, and nobody writes it.
constexpr bool is_made(FieldKind kind) { return kind == FieldKind::Program; }

/// Name space of a Name field.
enum class NameSpace : u8 { None, Upstream, Scheme };

struct FieldSpec {
  std::string_view name;
  FieldKind kind = FieldKind::String;
  u32 offset = 0;  // into the enclosing record
  // A scalar that may be a late reference is stored as LateNumber or LateString.
  bool late = false;
  bool required = false;
  u64 min = 0;  // of numbers, inclusive; of texts: length in bytes; of lists: items
  u64 max = ~u64{0};
  std::string_view fallback = {};          // default as a user would write it; empty: absent
  std::span<const FieldSpec> fields = {};  // Record; Union: alternatives; List, Map: the element
  u32 size = 0;                            // Record: its bytes; List, Map: bytes of an element
  std::span<const std::string_view> words = {};  // Enum
  NameSpace names = NameSpace::None;
  std::string_view shorthand = {};  // Record: the field that a bare scalar or list sets
  std::string_view doc = {};
};

/// The table of one record.
struct RecordSpec {
  std::string_view name;
  u32 bytes = 0;
  std::span<const FieldSpec> fields;
  std::string_view doc;
  std::string_view shorthand = {};
};

constexpr bool is_number(FieldKind kind) {
  return kind == FieldKind::Bool || kind == FieldKind::Count || kind == FieldKind::Bytes ||
         kind == FieldKind::Duration || kind == FieldKind::Percent || kind == FieldKind::Status ||
         kind == FieldKind::Rate;
}
constexpr bool is_text(FieldKind kind) {
  return kind == FieldKind::String || kind == FieldKind::HeaderName || kind == FieldKind::Url ||
         kind == FieldKind::Address || kind == FieldKind::Pem || kind == FieldKind::Body ||
         kind == FieldKind::Origin || kind == FieldKind::Document || kind == FieldKind::ClaimPath;
}
/// Bytes that a field takes in its record.
constexpr u32 stored_bytes(const FieldSpec& field) {
  if (field.late) return 16;
  switch (field.kind) {
    case FieldKind::Bytes:
    case FieldKind::Duration:
    case FieldKind::String:
    case FieldKind::HeaderName:
    case FieldKind::Url:
    case FieldKind::Address:
    case FieldKind::Pem:
    case FieldKind::Document:
    case FieldKind::ClaimPath:
    case FieldKind::Rate:
    case FieldKind::Origin:
    case FieldKind::Network:
    case FieldKind::Body:
    case FieldKind::Expression:
    case FieldKind::PathRewrite:
    case FieldKind::Template:
    case FieldKind::List:
    case FieldKind::Map:
      return 8;
    case FieldKind::Record:
      return field.size;
    default:
      return 4;
  }
}

}  // namespace gw::policies
