#include "compiler/passes/body_path.h"

#include <fmt/format.h>

namespace gw::compiler {
namespace {

// False: a `~` that stands for nothing.
bool unescape(std::string_view text, std::string& out) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '~') {
      out += text[i];
      continue;
    }
    if (i + 1 == text.size() || (text[i + 1] != '0' && text[i + 1] != '1')) return false;
    out += text[++i] == '1' ? '/' : '~';
  }
  return true;
}

bool add_token(std::string_view path, std::string_view written, u32 begin, BodyPath& out,
               PathProblem& problem) {
  PathToken token{.name = {}, .begin = begin, .end = begin + static_cast<u32>(written.size())};
  if (written.empty()) {
    problem = {fmt::format("`{}` has an empty part", path), "remove the slash"};
    return false;
  }
  if (!unescape(written, token.name)) {
    problem = {fmt::format("`~` of `{}` stands for nothing", path),
               "write `~0` for `~`, and `~1` for a slash that belongs to a name"};
    return false;
  }
  token.every = written == "*";
  if (!token.every && written.find('*') != written.npos) {
    problem = {fmt::format("`{}` has a `*` within a name", path),
               "`*` is every item or member, and stands alone between slashes"};
    return false;
  }
  out.tokens.push_back(std::move(token));
  return true;
}

}  // namespace

Span BodyPath::span_of(size_t token) const {
  if (token >= tokens.size()) return span();
  const u32 shift = node.quoted() ? 1 : 0;
  return sub_span(span(), tokens[token].begin + shift, tokens[token].end + shift);
}

size_t BodyPath::shared() const {
  size_t count = 0;
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i].every) count = i + 1;
  }
  return count;
}

bool parse_body_path(NodeRef node, BodyPath& out, PathProblem& problem) {
  out = {.node = node, .tokens = {}};
  const std::string_view text = node.text();
  if (text.empty()) return true;
  if (text.starts_with('/')) {
    problem = {fmt::format("`{}` begins with a slash", text),
               fmt::format("write `{}`", text.substr(1))};
    return false;
  }
  size_t at = 0;
  while (true) {
    const size_t slash = std::min(text.find('/', at), text.size());
    if (!add_token(text, text.substr(at, slash - at), static_cast<u32>(at), out, problem)) {
      return false;
    }
    if (slash == text.size()) return true;
    at = slash + 1;
  }
}

std::vector<PathToken> pointer_tokens(std::string_view pointer) {
  std::vector<PathToken> tokens;
  size_t at = 0;
  while (at < pointer.size()) {
    const size_t end = std::min(pointer.find('/', at + 1), pointer.size());
    PathToken token{.name = {}, .begin = static_cast<u32>(at + 1), .end = static_cast<u32>(end)};
    unescape(pointer.substr(at + 1, end - at - 1), token.name);
    tokens.push_back(std::move(token));
    at = end;
  }
  return tokens;
}

}  // namespace gw::compiler
