// Automata over bytes to minimal deterministic ones; private to this folder.
#pragma once
#include <array>
#include <optional>
#include <vector>

#include "compiler/regex/nfa.h"

namespace gw::compiler::regex {

/// A complete automaton: `next` has state_count rows of class_count entries.
struct DfaTable {
  std::array<u8, 256> class_of = {};
  u32 class_count = 0;
  u32 start = 0;
  std::vector<u32> next;
  std::vector<bool> accepts;
  u32 state_count() const { return static_cast<u32>(accepts.size()); }
};

/// Subset construction. nullopt: beyond the limits.
std::optional<DfaTable> determinise(const Nfa& nfa, Mode mode, const Limits& limits);
/// The smallest equal automaton (Hopcroft), with as few byte classes as it needs.
DfaTable minimise(const DfaTable& dfa);
/// The blob of runtime/table/dfa.h.
std::vector<std::byte> write_dfa(const DfaTable& dfa);

}  // namespace gw::compiler::regex
