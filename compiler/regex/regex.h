// Regular expressions compiled to byte DFAs.
//
// Two syntaxes (RE2 for routes and conditions, ECMA-262 with flag u for schema patterns) are parsed
// by our own parsers into one tree, which is determinised over UTF-8 bytes, minimised and written
// as the blob of runtime/table/dfa.h. The tree can also be printed as RE2 syntax, which is the
// oracle in tests and what the runtime compiles when a DFA would be too big.
//
// Only the answer yes or no is computed, so lazy and greedy repeats are the same. Look-around,
// back-references and \C are refused with their position. Classes match whole characters of valid
// UTF-8; bytes that are none match nothing but an unanchored search skips them.
//
// Any thread; a few Unicode sets are cached per thread.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "runtime/base/types.h"

namespace gw::compiler::regex {

enum class Syntax : u8 { Re2, Ecma };
/// Anchored: the whole text must match. Search: a match anywhere in the text.
enum class Mode : u8 { Anchored, Search };

struct Limits {
  u32 states = 10'000;           // of the DFA before minimisation
  u32 nfa_edges = 200'000;       // byte-range edges and empty ones
  u64 work = 30'000'000;         // steps while determinising
  u32 pattern_bytes = 64 << 10;  // longer ones are an error
  u32 depth = 200;               // of nested groups; deeper is an error
};

struct RegexError {
  u32 offset = 0;  // byte in the pattern
  std::string message;
};

struct CompiledRegex {
  std::vector<std::byte> dfa;  // empty: too big for the limits; use `re2`
  std::string re2;             // the same expression in RE2 syntax, unanchored in itself
  u32 states = 0;              // of the DFA, 0 if there is none
  Mode mode = Mode::Anchored;
};

std::variant<CompiledRegex, RegexError> compile(std::string_view pattern, Syntax syntax, Mode mode,
                                                const Limits& limits = {});

/// A set of texts: a DFA, or the expression where that would be too big.
struct Language {
  Bytes dfa;                  // empty: `re2` says it
  std::string_view re2 = {};  // as in CompiledRegex
  Mode mode = Mode::Anchored;
};

/// Whether the empty text is one of a language's texts; values of path parameters never are.
enum class EmptyText : u8 { Counts, Ignored };

/// What two languages have in common.
struct Common {
  enum class Kind : u8 { Disjoint, Overlap, Unknown };
  Kind kind = Kind::Disjoint;  // Unknown: the bound on product states was reached
  std::string witness;         // Overlap: a shortest text in both, of friendly characters if any
};
Common common(Bytes a, Bytes b);
/// Decided without determinising, so that an expression whose DFA would be too big is no obstacle.
Common common(const Language& a, const Language& b, EmptyText empty = EmptyText::Counts);
/// The witness of common(); nullopt: disjoint, or not decided within bounds.
std::optional<std::string> common_string(Bytes a, Bytes b);
/// Whether every text of `b` is one of `a`. False also when it could not be decided.
bool contains(Bytes a, Bytes b);
bool contains(const Language& a, const Language& b, EmptyText empty = EmptyText::Counts);
/// All bytes, in the order in which witnesses should use them.
std::string_view friendly_bytes();
/// A shortest text that the DFA accepts; nullopt: none.
std::optional<std::string> shortest_string(Bytes dfa);
/// A text of `b` that is not one of `a`; nullopt: contained, or not decided within bounds.
std::optional<std::string> string_only_in(Bytes b, Bytes a);

}  // namespace gw::compiler::regex
