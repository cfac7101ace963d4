// URIs (RFC 3986) and templates of them (RFC 6570).
#include <algorithm>

#include "runtime/schema/formats.h"
#include "runtime/schema/text_reader.h"

namespace gw::schema {
namespace {

bool is_one_of(char c, std::string_view set) {
  return c != '\0' && set.find(c) != std::string_view::npos;
}
bool is_unreserved(char c) {
  static constexpr CharacterSet kOthers("-._~");
  return is_letter(c) || is_digit(c) || kOthers.has(c);
}
bool is_sub_delimiter(char c) {
  static constexpr CharacterSet kAll("!$&'()*+,;=");
  return kAll.has(c);
}

bool take_percent_triplet(TextReader& in) {
  if (in.peek() != '%' || !is_hex_digit(in.peek(1)) || !is_hex_digit(in.peek(2))) return false;
  in.take();
  in.take();
  in.take();
  return true;
}

// Only unreserved characters, sub-delimiters, triplets and those in `more`.
bool consists_of(std::string_view text, std::string_view more) {
  TextReader in(text);
  while (!in.at_end()) {
    const char c = in.peek();
    if (is_unreserved(c) || is_sub_delimiter(c) || is_one_of(c, more)) {
      in.take();
    } else if (!take_percent_triplet(in)) {
      return false;
    }
  }
  return true;
}

bool is_scheme(std::string_view text) {
  if (text.empty() || !is_letter(text[0])) return false;
  for (const char c : text) {
    if (!is_letter(c) && !is_digit(c) && !is_one_of(c, "+-.")) return false;
  }
  return true;
}

// RFC 3986 section 3.2.2: the future of IP addresses.
bool is_ip_future(std::string_view text) {
  if (text.size() < 4 || (text[0] | 0x20) != 'v') return false;
  const size_t dot = text.find('.');
  if (dot == std::string_view::npos || dot < 2 || dot + 1 == text.size()) return false;
  for (const char c : text.substr(1, dot - 1)) {
    if (!is_hex_digit(c)) return false;
  }
  const std::string_view rest = text.substr(dot + 1);
  return rest.find('%') == std::string_view::npos && consists_of(rest, ":");
}

bool is_port(std::string_view text) {
  for (const char c : text) {
    if (!is_digit(c)) return false;
  }
  return true;
}

bool is_authority(std::string_view text) {
  const size_t at = text.find('@');
  if (at != std::string_view::npos) {
    if (!consists_of(text.substr(0, at), ":")) return false;
    text.remove_prefix(at + 1);
  }
  if (text.starts_with('[')) {
    const size_t end = text.find(']');
    if (end == std::string_view::npos) return false;
    const std::string_view address = text.substr(1, end - 1);
    if (!is_ipv6(address) && !is_ip_future(address)) return false;
    text.remove_prefix(end + 1);
    return text.empty() || (text[0] == ':' && is_port(text.substr(1)));
  }
  const size_t colon = text.find(':');
  if (colon != std::string_view::npos && !is_port(text.substr(colon + 1))) return false;
  return consists_of(text.substr(0, colon), "");
}

// What follows a scheme, or a reference without one.
bool is_relative_part(std::string_view text, bool has_scheme) {
  const size_t hash = text.find('#');
  if (hash != std::string_view::npos) {
    if (!consists_of(text.substr(hash + 1), ":@/?")) return false;
    text = text.substr(0, hash);
  }
  const size_t query = text.find('?');
  if (query != std::string_view::npos) {
    if (!consists_of(text.substr(query + 1), ":@/?")) return false;
    text = text.substr(0, query);
  }
  if (text.starts_with("//")) {
    const size_t path = std::min(text.find('/', 2), text.size());
    return is_authority(text.substr(2, path - 2)) && consists_of(text.substr(path), ":@/");
  }
  if (!has_scheme && text.substr(0, text.find('/')).find(':') != std::string_view::npos) {
    return false;  // its first segment would be a scheme
  }
  return consists_of(text, ":@/");
}

// RFC 6570 section 2.3.
bool take_variable_name(TextReader& in) {
  for (;;) {
    bool any = false;
    for (;; any = true) {
      if (is_letter(in.peek()) || is_digit(in.peek()) || in.peek() == '_') {
        in.take();
      } else if (!take_percent_triplet(in)) {
        break;
      }
    }
    if (!any) return false;
    if (!in.take_if('.')) return true;
  }
}

bool take_expression(TextReader& in) {
  if (is_one_of(in.peek(), "+#./;?&")) in.take();
  do {
    if (!take_variable_name(in)) return false;
    if (in.take_if('*')) continue;
    if (!in.take_if(':')) continue;
    if (in.peek() < '1' || in.peek() > '9') return false;
    in.take();
    for (int i = 0; i < 3 && is_digit(in.peek()); ++i) in.take();
  } while (in.take_if(','));
  return in.take_if('}');
}

bool is_literal(char c) {
  return static_cast<u8>(c) > 0x20 && c != 0x7f && !is_one_of(c, "\"<>\\^`{|}%");
}

}  // namespace

bool is_uri(std::string_view text) {
  const size_t colon = text.find(':');
  return colon != std::string_view::npos && is_scheme(text.substr(0, colon)) &&
         is_relative_part(text.substr(colon + 1), true);
}

bool is_uri_reference(std::string_view text) {
  return is_uri(text) || is_relative_part(text, false);
}

bool is_uri_template(std::string_view text) {
  TextReader in(text);
  while (!in.at_end()) {
    if (in.take_if('{')) {
      if (!take_expression(in)) return false;
    } else if (is_literal(in.peek())) {
      in.take();
    } else if (!take_percent_triplet(in)) {
      return false;
    }
  }
  return true;
}

}  // namespace gw::schema
