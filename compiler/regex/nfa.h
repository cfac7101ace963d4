// Trees to automata over bytes (Thompson's construction); private to this folder.
#pragma once
#include <optional>
#include <vector>

#include "compiler/regex/ast.h"

namespace gw::compiler::regex {

struct NfaEdge {
  u8 first = 0;
  u8 last = 0;  // inclusive
  u32 to = 0;
};

struct NfaNode {
  enum class Kind : u8 { Bytes, Split, Assert, Match };
  Kind kind = Kind::Match;
  Assertion assertion = Assertion::TextBegin;
  std::vector<NfaEdge> edges = {};  // Bytes
  std::vector<u32> next = {};       // Split; Assert: one
};

struct Nfa {
  std::vector<NfaNode> nodes;
  u32 start = 0;
};

/// nullopt: more than Limits::nfa_edges edges.
std::optional<Nfa> build_nfa(const Ast& ast, const Limits& limits);

}  // namespace gw::compiler::regex
