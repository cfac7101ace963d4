#include "runtime/http/query.h"

namespace gw::http {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string_view percent_decoded(Arena& arena, std::string_view text, bool is_form) {
  if (text.find('%') == text.npos && (!is_form || text.find('+') == text.npos)) return text;
  char* out = static_cast<char*>(arena.allocate(text.size(), 1));
  size_t used = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 &&
        hex_digit(text[i + 2]) >= 0) {
      out[used++] = static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
      i += 2;
    } else {
      out[used++] = is_form && text[i] == '+' ? ' ' : text[i];
    }
  }
  return {out, used};
}

bool next_query_pair(std::string_view& rest, QueryPair& out) {
  while (!rest.empty()) {
    const size_t end = rest.find('&');
    out.text = rest.substr(0, end);
    rest = end == rest.npos ? std::string_view{} : rest.substr(end + 1);
    if (out.text.empty()) continue;
    const size_t equals = out.text.find('=');
    out.name = out.text.substr(0, equals);
    out.value = equals == out.text.npos ? std::string_view{} : out.text.substr(equals + 1);
    return true;
  }
  return false;
}

}  // namespace gw::http
