// Values of a test file: trees of their own, so that parts can be merged, with the places that they
// were written at.
#pragma once
#include <boost/json/value.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/syntax/node.h"

namespace gw::cli::tests {

struct Value {
  compiler::NodeKind kind = compiler::NodeKind::Null;
  std::string key;   // of an entry of a map
  std::string text;  // of a scalar
  compiler::Span key_span;
  compiler::Span span;
  std::vector<Value> children;  // entries of a map, items of a list

  bool is_map() const { return kind == compiler::NodeKind::Map; }
  bool is_list() const { return kind == compiler::NodeKind::Seq; }
  bool is_scalar() const { return kind <= compiler::NodeKind::String; }
  bool is_string() const { return kind == compiler::NodeKind::String; }
  bool is_null() const { return kind == compiler::NodeKind::Null; }
  bool boolean() const { return !text.empty() && (text[0] == 't' || text[0] == 'T'); }
  /// Null: there is no such entry.
  const Value* get(std::string_view name) const;
  /// Adds an empty entry where there is none.
  Value& entry(std::string_view name);
  void erase(std::string_view name);
};

/// Most values that one file of tests may come to, with every alias and every row written out.
inline constexpr size_t kMaxValues = 4'000'000;

/// Aliases are written out. Takes what it makes from `budget`; a value for which nothing is left is
/// cut short, and `budget` is 0 then.
Value value_of(compiler::NodeRef node, size_t& budget);
inline Value value_of(compiler::NodeRef node) {
  size_t budget = kMaxValues;
  return value_of(node, budget);
}
/// Itself and all below it.
size_t count_values(const Value& value);

/// Puts `over` on `base`: maps entry by entry, anything else replaces what was there.
void merge(Value& base, const Value& over);

boost::json::value to_json(const Value& value);
/// `value` as JSON, numbers as they are written; those that JSON has no form for (0x1f, .5) in
/// their shortest plain one.
std::string to_json_text(const Value& value);
/// `value` as YAML in one line, for a file that people read: `{a: 1, b: 'x: y'}`.
std::string to_flow(const boost::json::value& value);
/// A text as a YAML scalar, in quotes where it needs them.
std::string to_scalar(std::string_view text);

}  // namespace gw::cli::tests
