#include "runtime/http/query.h"

#include "runtime/base/hex.h"

namespace gw::http {
std::string_view percent_decoded(Arena& arena, std::string_view text, bool is_form) {
  if (text.find('%') == text.npos && (!is_form || text.find('+') == text.npos)) return text;
  char* out = static_cast<char*>(arena.allocate(text.size(), 1));
  size_t used = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (const int byte = percent_byte(text, i); byte >= 0) {
      out[used++] = static_cast<char>(byte);
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
