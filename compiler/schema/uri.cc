#include "compiler/schema/uri.h"

#include <algorithm>

#include "runtime/base/uri_path.h"

namespace gw::compiler::schema {
namespace {

// Length of the scheme with its colon; 0: there is none.
size_t scheme_length(std::string_view uri) {
  for (size_t i = 0; i < uri.size(); ++i) {
    const char c = uri[i];
    if (c == ':') return i == 0 ? 0 : i + 1;
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool other = (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
    if (!letter && (i == 0 || !other)) return 0;
  }
  return 0;
}

// Where the path begins.
size_t path_begin(std::string_view uri) {
  const size_t scheme = scheme_length(uri);
  if (!uri.substr(scheme).starts_with("//")) return scheme;
  return std::min(uri.find('/', scheme + 2), uri.size());
}

// RFC 3986 section 5.2.4, for the path that begins at `begin`.
std::string without_dot_segments(std::string uri, size_t begin) {
  const std::string path = uri.substr(begin);
  if (path.find("/.") == std::string::npos) return uri;
  std::string out;
  for (size_t at = 0; at < path.size();) {
    const size_t end = std::min(path.find('/', at + 1), path.size());
    const std::string_view segment = std::string_view(path).substr(at, end - at);
    const bool last = end == path.size();
    if (segment == "/..") {
      out.resize(std::min(out.rfind('/'), out.size()));
      if (last) out += '/';
    } else if (segment == "/.") {
      if (last) out += '/';
    } else {
      out += segment;
    }
    at = end;
  }
  return uri.substr(0, begin) + out;
}

}  // namespace

std::string resolve_uri(std::string_view base, std::string_view reference) {
  base = base.substr(0, base.find('#'));
  reference = reference.substr(0, reference.find('#'));
  if (reference.empty()) return std::string(base);
  if (scheme_length(reference) > 0) {
    return without_dot_segments(std::string(reference), path_begin(reference));
  }
  if (reference.starts_with("//")) {
    return std::string(base.substr(0, scheme_length(base))) + std::string(reference);
  }
  const size_t begin = path_begin(base);
  if (reference[0] == '/') {
    return without_dot_segments(std::string(base.substr(0, begin)) + std::string(reference), begin);
  }
  std::string_view folder = base.substr(0, base.find('?'));
  const size_t slash = folder.rfind('/');
  folder = slash == std::string_view::npos || slash < begin ? folder.substr(0, begin)
                                                            : folder.substr(0, slash + 1);
  std::string uri(folder);
  if (begin > 0 && folder.size() == begin && !uri.ends_with(':')) uri += '/';
  return without_dot_segments(uri + std::string(reference), begin);
}

std::string fragment_of(std::string_view reference) {
  const size_t hash = reference.find('#');
  if (hash == std::string_view::npos) return {};
  std::string out;
  percent_decode(reference.substr(hash + 1), out);
  return out;
}

std::string pointer_step(std::string_view token) {
  std::string out;
  for (size_t i = 0; i < token.size(); ++i) {
    const bool escape =
        token[i] == '~' && i + 1 < token.size() && (token[i + 1] == '0' || token[i + 1] == '1');
    if (escape) {
      out += token[++i] == '0' ? '~' : '/';
    } else {
      out += token[i];
    }
  }
  return out;
}

}  // namespace gw::compiler::schema
