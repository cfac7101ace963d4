// Sets of Unicode code points.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/types.h"

namespace gw::compiler::regex {

inline constexpr u32 kMaxCodePoint = 0x10ffff;

struct CodePointRange {
  u32 first = 0;
  u32 last = 0;  // inclusive
  friend bool operator==(const CodePointRange&, const CodePointRange&) = default;
  friend auto operator<=>(const CodePointRange&, const CodePointRange&) = default;
};

/// Sorted, disjoint, non-adjacent ranges after canonicalise(); every function but add() expects
/// and leaves the canonical form.
class CodePointSet {
 public:
  CodePointSet() = default;
  CodePointSet(u32 first, u32 last) : ranges_{{first, last}} {}

  void add(u32 first, u32 last) { ranges_.push_back({first, last}); }
  void add(const CodePointSet& other) {
    ranges_.insert(ranges_.end(), other.ranges_.begin(), other.ranges_.end());
  }
  void canonicalise();
  void negate();
  bool contains(u32 code_point) const;
  bool empty() const { return ranges_.empty(); }
  const std::vector<CodePointRange>& ranges() const { return ranges_; }
  friend bool operator==(const CodePointSet&, const CodePointSet&) = default;
  friend auto operator<=>(const CodePointSet&, const CodePointSet&) = default;

 private:
  std::vector<CodePointRange> ranges_;
};

/// The set as an RE2 character class, e.g. `[a-z\x{e9}]`.
std::string print_class(const CodePointSet& set);
/// Closes the set under Unicode simple case folding, as RE2's (?i) does.
CodePointSet fold_case(const CodePointSet& set);
/// The code points of a general category or script as RE2 names it (`L`, `Lu`, `Greek`, `Any`);
/// empty: no such name. The data are RE2's.
CodePointSet unicode_property(std::string_view name);
/// [A-Za-z0-9_]
CodePointSet word_characters();

}  // namespace gw::compiler::regex
