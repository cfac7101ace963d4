// Which characters Structured Fields may have where (RFC 9651 section 3); for reader and writer.
#pragma once

namespace gw::http::structured {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
constexpr bool is_alpha(char c) { return is_lower(c) || (c >= 'A' && c <= 'Z'); }

/// Of a String, and of a Display String before it is decoded.
constexpr bool is_visible(char c) { return c >= 0x20 && c <= 0x7e; }

constexpr bool is_key_start(char c) { return is_lower(c) || c == '*'; }
constexpr bool is_key_character(char c) {
  return is_lower(c) || is_digit(c) || c == '_' || c == '-' || c == '.' || c == '*';
}

constexpr bool is_token_start(char c) { return is_alpha(c) || c == '*'; }
/// tchar of RFC 9110 section 5.6.2, colon and slash.
constexpr bool is_token_character(char c) {
  switch (c) {
    case '!':
    case '#':
    case '$':
    case '%':
    case '&':
    case '\'':
    case '*':
    case '+':
    case '-':
    case '.':
    case '^':
    case '_':
    case '`':
    case '|':
    case '~':
    case ':':
    case '/':
      return true;
    default:
      return is_alpha(c) || is_digit(c);
  }
}

}  // namespace gw::http::structured
