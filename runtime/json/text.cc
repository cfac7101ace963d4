#include "runtime/json/text.h"

#include "runtime/base/hex.h"

namespace gw::json {
namespace {

bool is_continuation(char c) { return (static_cast<u8>(c) & 0xc0) == 0x80; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The four digits behind `\u`; -1: there are none.
i32 hex4(const char* at, const char* end) {
  if (end - at < 4) return -1;
  i32 value = 0;
  for (int i = 0; i < 4; ++i) {
    const int digit = hex_value(at[i]);
    if (digit < 0) return -1;
    value = value << 4 | digit;
  }
  return value;
}

bool is_high_surrogate(i32 unit) { return unit >= 0xd800 && unit < 0xdc00; }
bool is_low_surrogate(i32 unit) { return unit >= 0xdc00 && unit < 0xe000; }

char* write_utf8(u32 point, char* out) {
  if (point < 0x80) {
    *out++ = static_cast<char>(point);
    return out;
  }
  if (point < 0x800) {
    *out++ = static_cast<char>(0xc0 | point >> 6);
  } else {
    if (point < 0x10000) {
      *out++ = static_cast<char>(0xe0 | point >> 12);
    } else {
      *out++ = static_cast<char>(0xf0 | point >> 18);
      *out++ = static_cast<char>(0x80 | (point >> 12 & 0x3f));
    }
    *out++ = static_cast<char>(0x80 | (point >> 6 & 0x3f));
  }
  *out++ = static_cast<char>(0x80 | (point & 0x3f));
  return out;
}

char simple_escape(char letter) {
  switch (letter) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return letter;  // quote, backslash, slash
  }
}

// Replaces the sound escape at `at`, moving it behind; at most four bytes.
char* replace_escape(const char*& at, char* out) {
  if (at[1] != 'u') {
    *out++ = simple_escape(at[1]);
    at += 2;
    return out;
  }
  const i32 unit = hex4(at + 2, at + 6);
  at += 6;
  if (!is_high_surrogate(unit)) return write_utf8(static_cast<u32>(unit), out);
  const i32 low = hex4(at + 2, at + 6);
  at += 6;
  return write_utf8(
      0x10000u + (static_cast<u32>(unit - 0xd800) << 10) + static_cast<u32>(low - 0xdc00), out);
}

}  // namespace

const char* skip_character(const char* at, const char* end) {
  const u8 lead = static_cast<u8>(*at);
  const auto left = end - at;
  if (lead < 0xc2 || lead > 0xf4) return nullptr;  // a continuation, overlong, or out of range
  if (lead < 0xe0) return left >= 2 && is_continuation(at[1]) ? at + 2 : nullptr;
  if (left < 3 || !is_continuation(at[1]) || !is_continuation(at[2])) return nullptr;
  const u8 second = static_cast<u8>(at[1]);
  if (lead < 0xf0) {
    if ((lead == 0xe0 && second < 0xa0) || (lead == 0xed && second >= 0xa0)) return nullptr;
    return at + 3;
  }
  if (left < 4 || !is_continuation(at[3])) return nullptr;
  if ((lead == 0xf0 && second < 0x90) || (lead == 0xf4 && second >= 0x90)) return nullptr;
  return at + 4;
}

bool is_utf8(std::string_view text) {
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at != end) {
    if (static_cast<u8>(*at) < 0x80) {
      ++at;
      continue;
    }
    at = skip_character(at, end);
    if (at == nullptr) return false;
  }
  return true;
}

u64 count_code_points(std::string_view text) {
  u64 count = 0;
  for (const char c : text) count += is_continuation(c) ? 0u : 1u;
  return count;
}

const char* skip_escape(const char* at, const char* end) {
  if (end - at < 2) return nullptr;
  switch (at[1]) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
      return at + 2;
    case 'u':
      break;
    default:
      return nullptr;
  }
  const i32 unit = hex4(at + 2, end);
  if (unit < 0 || is_low_surrogate(unit)) return nullptr;
  at += 6;
  if (!is_high_surrogate(unit)) return at;
  if (end - at < 6 || at[0] != '\\' || at[1] != 'u') return nullptr;
  return is_low_surrogate(hex4(at + 2, end)) ? at + 6 : nullptr;
}

char* unescape(std::string_view text, char* out) {
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at != end) {
    const void* found = std::memchr(at, '\\', static_cast<size_t>(end - at));
    const char* const stop = found == nullptr ? end : static_cast<const char*>(found);
    std::memcpy(out, at, static_cast<size_t>(stop - at));
    out += stop - at;
    at = stop;
    if (at != end) out = replace_escape(at, out);
  }
  return out;
}

bool unescaped_equals(std::string_view text, std::string_view plain) {
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at != end) {
    char character[4] = {*at};
    size_t bytes = 1;
    if (*at == '\\') {
      bytes = static_cast<size_t>(replace_escape(at, character) - character);
    } else {
      ++at;
    }
    if (plain.size() < bytes || std::memcmp(plain.data(), character, bytes) != 0) return false;
    plain.remove_prefix(bytes);
  }
  return plain.empty();
}

void unescape_into(std::string_view text, std::string& out) {
  out.resize(text.size());
  out.resize(static_cast<size_t>(unescape(text, out.data()) - out.data()));
}

const char* skip_number(const char* at, const char* end, bool& integer) {
  integer = true;
  const auto digits = [&] {
    const char* const begin = at;
    while (at != end && is_digit(*at)) ++at;
    return at != begin;
  };
  if (at != end && *at == '-') ++at;
  if (at != end && *at == '0') {
    ++at;
  } else if (!digits()) {
    return nullptr;
  }
  if (at != end && *at == '.') {
    integer = false;
    ++at;
    if (!digits()) return nullptr;
  }
  if (at != end && (*at | 0x20) == 'e') {
    integer = false;
    ++at;
    if (at != end && (*at == '+' || *at == '-')) ++at;
    if (!digits()) return nullptr;
  }
  return at;
}

bool is_number(std::string_view text) {
  bool integer = false;
  return skip_number(text.data(), text.data() + text.size(), integer) ==
             text.data() + text.size() &&
         !text.empty();
}

}  // namespace gw::json
