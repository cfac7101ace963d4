// Structured Field Values for HTTP (RFC 9651, which replaces RFC 8941): reading and writing.
//
// A value is read once into flat arrays of an arena. Texts are views of what was read, or of the
// arena where escapes had to go; both have to live as long as the value.
//
// A field that breaks a rule anywhere is no value at all (section 4.2): its readers ignore it.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "runtime/base/arena.h"
#include "runtime/base/result.h"
#include "runtime/base/types.h"

namespace gw::http::structured {

/// Largest Integer and Date, positive or negative (sections 3.3.1, 3.3.7).
inline constexpr i64 kMaxInteger = 999'999'999'999'999;

/// Limits of what is read; never below what section 3 asks of parsers.
inline constexpr size_t kMaxTextBytes = 64 * 1024;  // of a whole field, its lines together
inline constexpr u32 kMaxMembers = 1024;            // of a List or Dictionary
inline constexpr u32 kMaxInnerItems = 256;          // of an Inner List
inline constexpr u32 kMaxParameters = 256;          // of one Item or Inner List
inline constexpr size_t kMaxKeyBytes = 256;

enum class Type : u8 {
  Integer,
  Decimal,
  String,
  Token,
  ByteSequence,
  Boolean,
  Date,
  DisplayString,
};

/// A Bare Item (section 3.3).
struct BareItem {
  Type type = Type::Boolean;
  i64 number = 1;         // Integer; Date: Unix seconds; Decimal: thousandths; Boolean: 0 or 1
  std::string_view text;  // the content of the four others, decoded; UTF-8 of a DisplayString

  bool operator==(const BareItem&) const = default;

  static BareItem integer(i64 value) { return {Type::Integer, value, {}}; }
  static BareItem decimal(i64 thousandths) { return {Type::Decimal, thousandths, {}}; }
  static BareItem boolean(bool value) { return {Type::Boolean, value ? 1 : 0, {}}; }
  static BareItem date(i64 unix_seconds) { return {Type::Date, unix_seconds, {}}; }
  static BareItem string(std::string_view text) { return {Type::String, 0, text}; }
  static BareItem token(std::string_view text) { return {Type::Token, 0, text}; }
  static BareItem bytes(std::string_view bytes) { return {Type::ByteSequence, 0, bytes}; }
  static BareItem display(std::string_view utf8) { return {Type::DisplayString, 0, utf8}; }
};

/// Rounds to three digits, half to even (section 4.1.5). Nothing: out of range, or no number.
std::optional<BareItem> decimal_of(double value);

/// Keys are unique: of several the last value stands, at the place of the first.
struct Parameter {
  std::string_view key;
  BareItem value;
};

struct Item {
  BareItem value;
  std::span<const Parameter> parameters;
};

/// Member of a List or Dictionary: an Item or an Inner List.
struct Member {
  std::string_view key;  // of a Dictionary; unique like those of parameters
  bool is_inner_list = false;
  BareItem value;               // unless it is an Inner List
  std::span<const Item> items;  // of an Inner List
  std::span<const Parameter> parameters;
};
/// Of a List or a Dictionary. An empty one is no error: the field is then not sent at all.
using Members = std::span<const Member>;

/// Each reads a whole field, whose lines have been joined by `join_lines`. Memory: `arena`, at most
/// some 100 bytes for each byte of `text`. Time: linear in `text` but for keys, which are compared
/// with those before them. Errors: BadRequest with what
/// is wrong; nothing of `text` is in it.
Result<Item> parse_item(std::string_view text, Arena& arena);
Result<Members> parse_list(std::string_view text, Arena& arena);
Result<Members> parse_dictionary(std::string_view text, Arena& arena);

/// The lines of one field as one text (section 4.2, RFC 9110 section 5.3). A single line is that
/// line itself; otherwise in the arena.
std::string_view join_lines(std::span<const std::string_view> lines, Arena& arena);

/// Null: there is none.
const BareItem* find(std::span<const Parameter> parameters, std::string_view key);
const Member* find(Members dictionary, std::string_view key);

/// Each appends a value in its one canonical form (section 4.1). False: it has none, for a number
/// out of range, a character that its type cannot hold or a malformed key; `out` is then as it was.
/// Allocates only what `out` lacks in capacity.
[[nodiscard]] bool write_bare_item(const BareItem& value, std::string& out);
[[nodiscard]] bool write_item(const Item& item, std::string& out);
[[nodiscard]] bool write_list(Members list, std::string& out);
[[nodiscard]] bool write_dictionary(Members dictionary, std::string& out);
/// `;key` with `=value`, unless it is true.
[[nodiscard]] bool write_parameter(std::string_view key, const BareItem& value, std::string& out);

}  // namespace gw::http::structured
