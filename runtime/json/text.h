// Characters of JSON texts: UTF-8 (RFC 3629), escapes (RFC 8259 section 7), numbers (section 6).
#pragma once
#include <cstring>
#include <string>
#include <string_view>

#include "runtime/base/types.h"

namespace gw::json {

/// The end of the well-formed character of two to four bytes that begins at `at`, or null: it is no
/// UTF-8 (surrogates and overlong forms are none), or cut off by `end`. `*at` is 0x80 or more.
const char* skip_character(const char* at, const char* end);
bool is_utf8(std::string_view text);
/// How many characters a well-formed text has.
u64 count_code_points(std::string_view text);

/// The end of the escape that begins with the backslash at `at`, a pair of surrogates as one; null:
/// it is none, or a surrogate without its other half.
const char* skip_escape(const char* at, const char* end);
/// Writes `text`, whose escapes are known to be sound, without them. Never longer than `text`;
/// `out` has room for that. The end of what was written.
char* unescape(std::string_view text, char* out);
/// Whether `text`, escapes replaced, is `plain`. Neither allocates nor copies.
bool unescaped_equals(std::string_view text, std::string_view plain);
/// Replaces `out` by `text` without its escapes.
void unescape_into(std::string_view text, std::string& out);

/// The end of the number that begins at `at`; null: there is none. `integer`: neither fraction nor
/// exponent.
const char* skip_number(const char* at, const char* end, bool& integer);
bool is_number(std::string_view text);

/// 32 bits that tell names apart quickly: of the length, the first and the last eight bytes. Equal
/// names have equal ones; nothing more is promised, and anybody can make names that collide. Stored
/// in tables (runtime/schema/format.h), so it never changes.
inline u32 fingerprint(std::string_view name) {
  u64 head = 0;
  u64 tail = 0;
  const size_t size = name.size();
  const char* at = name.data();
  if (size >= 8) {
    std::memcpy(&head, at, 8);
    std::memcpy(&tail, at + size - 8, 8);
  } else if (size >= 4) {
    std::memcpy(&head, at, 4);
    std::memcpy(&tail, at + size - 4, 4);
  } else if (size > 0) {
    head = static_cast<u64>(static_cast<u8>(at[0])) |
           static_cast<u64>(static_cast<u8>(at[size / 2])) << 8 |
           static_cast<u64>(static_cast<u8>(at[size - 1])) << 16;
  }
  u64 mixed = (head + size) * 0x9e3779b97f4a7c15u;
  mixed = (mixed ^ (mixed >> 29) ^ tail) * 0xbf58476d1ce4e5b9u;
  return static_cast<u32>(mixed >> 32);
}

}  // namespace gw::json
