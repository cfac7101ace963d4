// How the constraints of parameters relate to each other; private to this folder.
#pragma once
#include <map>
#include <utility>

#include "compiler/router/router_builder.h"

namespace gw::compiler::router {

enum class Relation : u8 {
  Equal,
  Narrower,  // the first accepts a part of what the second accepts
  Wider,
  Disjoint,
  Overlap,
  Unknown,  // not decided within bounds
};

/// Compares constraints and remembers the answers. Not thread-safe.
class ConstraintOrder {
 public:
  explicit ConstraintOrder(const RouterInput& input) : input_(input) {}

  Relation relation(const Constraint& a, const Constraint& b);
  /// A value that both accept; empty: none known.
  std::string common_value(const Constraint& a, const Constraint& b) const;
  /// A value that the constraint accepts; empty: none known.
  std::string value(const Constraint& constraint) const;
  /// Whether the first candidate has to be tried before the second: at the leftmost parameter where
  /// one is narrower, it is the narrower there.
  bool precedes(const PathInput& a, const PathInput& b);
  /// The relation of the sets of value tuples that two candidates accept.
  Relation relation(const PathInput& a, const PathInput& b);

 private:
  using Key = std::pair<Constraint::Kind, u32>;
  static Key key_of(const Constraint& constraint) { return {constraint.kind, constraint.index}; }
  regex::Language language_of(const Constraint& constraint) const;
  Relation compare(const Constraint& a, const Constraint& b);
  const RouterInput& input_;
  std::map<std::pair<Key, Key>, Relation> known_;
};

/// The constraint of a parameter; None if the path has none.
Constraint constraint_of(const PathInput& path, size_t parameter);

}  // namespace gw::compiler::router
