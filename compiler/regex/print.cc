// Trees as RE2 syntax.
#include <algorithm>
#include <utility>

#include "compiler/regex/ast.h"

namespace gw::compiler::regex {
namespace {

constexpr u32 kMaxRe2Count = 1000;

std::string print_assertion(Assertion assertion) {
  switch (assertion) {
    case Assertion::TextBegin:
      return "\\A";
    case Assertion::TextEnd:
      return "\\z";
    case Assertion::LineBegin:
      return "(?m:^)";
    case Assertion::LineEnd:
      return "(?m:$)";
    case Assertion::WordBoundary:
      return "\\b";
    case Assertion::NotWordBoundary:
      return "\\B";
  }
  return "";
}

std::string print_set(const CodePointSet& set) {
  const bool single = set.ranges().size() == 1 && set.ranges()[0].first == set.ranges()[0].last;
  const std::string text = print_class(set);
  return single ? text.substr(1, text.size() - 2) : text;
}

/// RE2 refuses counts above 1,000, so larger ones become several repeats in a row.
std::string print_repeat(const std::string& atom, u32 min, u32 max) {
  if (min == 0 && max == kUnbounded) return atom + "*";
  if (min == 1 && max == kUnbounded) return atom + "+";
  if (min == 0 && max == 1) return atom + "?";
  std::string out;
  u32 fixed = min;
  for (; fixed > kMaxRe2Count; fixed -= kMaxRe2Count) out += atom + "{1000}";
  if (max == kUnbounded) return out + atom + "{" + std::to_string(fixed) + ",}";
  u32 optional = max - min;
  if (fixed + optional <= kMaxRe2Count) {
    return out + atom + "{" + std::to_string(fixed) + "," + std::to_string(fixed + optional) + "}";
  }
  out += atom + "{" + std::to_string(fixed) + "}";
  for (; optional > 0; optional -= std::min(optional, kMaxRe2Count)) {
    out += atom + "{0," + std::to_string(std::min(optional, kMaxRe2Count)) + "}";
  }
  return out;
}

}  // namespace

std::string to_re2(const Ast& ast) {
  std::vector<std::string> printed(ast.nodes.size());
  for (size_t i = 0; i < ast.nodes.size(); ++i) {
    const Node& node = ast.nodes[i];
    std::string& out = printed[i];
    switch (node.kind) {
      case NodeKind::Empty:
        out = "(?:)";
        break;
      case NodeKind::Class:
        out = print_set(ast.sets[node.set]);
        break;
      case NodeKind::Assert:
        out = print_assertion(node.assertion);
        break;
      case NodeKind::Concat:
        for (const NodeId child : node.children) out += std::exchange(printed[child], {});
        break;
      case NodeKind::Alternate:
        for (const NodeId child : node.children) {
          out += out.empty() ? "(?:" : "|";
          out += std::exchange(printed[child], {});
        }
        out += ")";
        break;
      case NodeKind::Repeat: {
        const bool atom = ast.nodes[node.children[0]].kind == NodeKind::Class;
        const std::string child = std::exchange(printed[node.children[0]], {});
        out = print_repeat(atom ? child : "(?:" + child + ")", node.min, node.max);
        break;
      }
    }
  }
  return ast.nodes.empty() ? "" : printed[ast.root];
}

}  // namespace gw::compiler::regex
