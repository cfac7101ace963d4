// Paths into JSON bodies, as `pick`, `omit` and their like write them: JSON Pointers (RFC 6901)
// without the first slash, in which `*` stands for every item or member.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "compiler/source/file_set.h"
#include "compiler/syntax/node.h"

namespace gw::compiler {

struct PathToken {
  std::string name;  // after `~0` and `~1`
  bool every = false;
  u32 begin = 0;  // bytes of the path as it is written
  u32 end = 0;
};

struct BodyPath {
  NodeRef node;  // where it is written
  std::vector<PathToken> tokens;

  std::string_view text() const { return node.text(); }
  Span span() const { return node.span(); }
  /// Of one token.
  Span span_of(size_t token) const;
  /// Tokens up to and with the last `*`.
  size_t shared() const;
};

/// What is wrong with a path.
struct PathProblem {
  std::string message;
  std::string help;
};

/// The tokens of `node`, a scalar. False: `problem` says what is wrong. An empty path, which leads
/// to the whole body, has no tokens.
bool parse_body_path(NodeRef node, BodyPath& out, PathProblem& problem);
/// The tokens of a JSON Pointer of an expression, whose first byte is a slash; "" is the whole
/// value. `*` is a name there.
std::vector<PathToken> pointer_tokens(std::string_view pointer);

}  // namespace gw::compiler
