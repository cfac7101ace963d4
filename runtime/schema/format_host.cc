// Formats that name hosts: email, hostname, ipv4, ipv6.
#include "runtime/schema/formats.h"
#include "runtime/schema/idna.h"
#include "runtime/schema/text_reader.h"

namespace gw::schema {
namespace {

constexpr size_t kMaxLabel = 63;  // RFC 1035 section 2.3.4
constexpr size_t kMaxName = 253;  // as text
constexpr size_t kMaxLocal = 64;  // RFC 5321 section 4.5.3.1.1

bool is_alnum(char c) { return is_letter(c) || is_digit(c); }

// RFC 5322 section 3.2.3.
bool is_atom_character(char c) {
  static constexpr CharacterSet kOthers("!#$%&'*+-/=?^_`{|}~");
  return is_alnum(c) || kOthers.has(c);
}

bool is_label(std::string_view label) {
  if (label.empty() || label.size() > kMaxLabel || label.front() == '-' || label.back() == '-') {
    return false;
  }
  for (const char c : label) {
    if (!is_alnum(c) && c != '-') return false;
  }
  if (label.size() < 4 || label.substr(2, 2) != "--") return true;
  // R-LDH labels are reserved, but for those of IDNA (RFC 5890 section 2.3.1).
  const bool prefixed = (label[0] | 0x20) == 'x' && (label[1] | 0x20) == 'n';
  return prefixed && is_a_label(label.substr(4));
}

bool is_quoted_string(std::string_view text) {
  if (text.size() < 2 || text.front() != '"' || text.back() != '"') return false;
  text = text.substr(1, text.size() - 2);
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') ++i;
    if (i == text.size()) return false;
    const u8 c = static_cast<u8>(text[i]);
    if (c < 0x20 || c > 0x7e || (c == '"' && (i == 0 || text[i - 1] != '\\'))) return false;
  }
  return true;
}

bool is_dot_string(std::string_view text) {
  bool atom = false;  // the last character was one of an atom
  for (const char c : text) {
    if (c == '.' ? !atom : !is_atom_character(c)) return false;
    atom = c != '.';
  }
  return atom;
}

bool is_address_literal(std::string_view text) {
  if (text.size() < 2 || text.front() != '[' || text.back() != ']') return false;
  text = text.substr(1, text.size() - 2);
  if (text.starts_with("IPv6:")) return is_ipv6(text.substr(5));
  return is_ipv4(text);
}

bool take_octet(TextReader& in) {
  if (!is_digit(in.peek())) return false;
  if (in.take_if('0')) return true;
  int value = 0;
  for (int i = 0; i < 3 && is_digit(in.peek()); ++i) value = value * 10 + (in.take() - '0');
  return value <= 255;
}

}  // namespace

bool is_hostname(std::string_view text) {
  if (text.empty() || text.size() > kMaxName) return false;
  for (;;) {
    const size_t dot = text.find('.');
    if (!is_label(text.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

bool is_email(std::string_view text) {
  const size_t at = text.rfind('@');
  if (at == std::string_view::npos || at > kMaxLocal) return false;
  const std::string_view local = text.substr(0, at);
  const std::string_view domain = text.substr(at + 1);
  return (is_dot_string(local) || is_quoted_string(local)) &&
         (is_hostname(domain) || is_address_literal(domain));
}

bool is_ipv4(std::string_view text) {
  TextReader in(text);
  for (int i = 0; i < 4; ++i) {
    if (i > 0 && !in.take_if('.')) return false;
    if (!take_octet(in)) return false;
  }
  return in.at_end();
}

bool is_ipv6(std::string_view text) {
  TextReader in(text);
  int groups = 0;
  bool gap = in.take_word("::");
  if (gap && in.at_end()) return true;
  for (;;) {
    if (is_ipv4(in.rest())) {
      groups += 2;
      return gap ? groups < 8 : groups == 8;
    }
    int digits = 0;
    for (; is_hex_digit(in.peek()); in.take()) ++digits;
    if (digits < 1 || digits > 4 || ++groups > 8) return false;
    if (in.at_end()) return gap ? groups < 8 : groups == 8;
    if (!in.take_if(':')) return false;
    if (in.take_if(':')) {
      if (gap) return false;
      gap = true;
      if (in.at_end()) return groups < 8;
    }
  }
}

}  // namespace gw::schema
