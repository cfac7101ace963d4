// The tree of a regular expression, after case folding and class arithmetic.
#pragma once
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "compiler/regex/code_points.h"
#include "compiler/regex/regex.h"

namespace gw::compiler::regex {

enum class NodeKind : u8 { Empty, Class, Concat, Alternate, Repeat, Assert };
/// Word boundaries are those of ASCII words.
enum class Assertion : u8 {
  TextBegin,
  TextEnd,
  LineBegin,
  LineEnd,
  WordBoundary,
  NotWordBoundary,
};

inline constexpr u32 kUnbounded = ~u32{0};
using NodeId = u32;

struct Node {
  NodeKind kind = NodeKind::Empty;
  Assertion assertion = Assertion::TextBegin;  // Assert
  u32 set = 0;                                 // Class: index into Ast::sets
  u32 min = 0;                                 // Repeat
  u32 max = 0;                                 // Repeat; kUnbounded
  std::vector<NodeId> children = {};           // Concat, Alternate; Repeat: one
};

/// Children come before their parents, so that no walk needs recursion.
struct Ast {
  std::vector<Node> nodes;
  std::vector<CodePointSet> sets;
  NodeId root = 0;

  NodeId add(Node node) {
    nodes.push_back(std::move(node));
    return static_cast<NodeId>(nodes.size() - 1);
  }
  NodeId add_class(CodePointSet set) {
    sets.push_back(std::move(set));
    return add({.kind = NodeKind::Class, .set = static_cast<u32>(sets.size() - 1)});
  }
};

/// Parses `pattern`. Nodes number at most a small multiple of its bytes.
std::variant<Ast, RegexError> parse(std::string_view pattern, Syntax syntax, const Limits& limits);
/// The same language in RE2 syntax.
std::string to_re2(const Ast& ast);

}  // namespace gw::compiler::regex
