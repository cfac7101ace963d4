// Automata over bytes to minimal deterministic ones; private to this folder.
#pragma once
#include <array>
#include <memory>
#include <optional>
#include <span>
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
/// An automaton whose states are made when somebody asks for them: a question that needs few of
/// them is cheap, however many there would be. State 0 is dead. Keeps a reference to the NFA.
class LazyAutomaton {
 public:
  /// One: a text leads to one state, as in a DFA. Many: states are single nodes of the NFA and a
  /// text leads to several, so that there are few of them whatever the pattern is.
  enum class Paths : u8 { One, Many };
  LazyAutomaton(const Nfa& nfa, Mode mode, Paths paths);
  ~LazyAutomaton();
  LazyAutomaton(const LazyAutomaton&) = delete;
  LazyAutomaton& operator=(const LazyAutomaton&) = delete;

  std::span<const u32> starts() const;
  /// Valid until the next call.
  std::span<const u32> next(u32 state, u32 byte_class);
  bool accepts(u32 state) const;
  u32 class_count() const;
  u32 class_of(u8 byte) const;
  /// A bound on its states was reached: what follows is not to be relied on.
  bool exhausted() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};
/// The smallest equal automaton (Hopcroft), with as few byte classes as it needs.
DfaTable minimise(const DfaTable& dfa);
/// The blob of runtime/table/dfa.h.
std::vector<std::byte> write_dfa(const DfaTable& dfa);

}  // namespace gw::compiler::regex
