#include "compiler/router/constraints.h"

#include <algorithm>

namespace gw::compiler::router {
namespace {

Relation flipped(Relation relation) {
  if (relation == Relation::Narrower) return Relation::Wider;
  if (relation == Relation::Wider) return Relation::Narrower;
  return relation;
}

}  // namespace

Constraint constraint_of(const PathInput& path, size_t parameter) {
  return parameter < path.constraints.size() ? path.constraints[parameter] : Constraint{};
}

Relation ConstraintOrder::relation(const Constraint& a, const Constraint& b) {
  using Kind = Constraint::Kind;
  if (a.kind == b.kind && (a.kind == Kind::None || a.index == b.index)) return Relation::Equal;
  if (b.kind == Kind::None) return Relation::Narrower;
  if (a.kind == Kind::None) return Relation::Wider;
  if (a.kind == Kind::Dfa && b.kind == Kind::Dfa) {
    if (a.index > b.index) return flipped(compare_dfas(b.index, a.index));
    return compare_dfas(a.index, b.index);
  }
  if (a.kind == b.kind && input_.re2s[a.index] == input_.re2s[b.index]) return Relation::Equal;
  return Relation::Unknown;
}

Relation ConstraintOrder::compare_dfas(u32 a, u32 b) {
  const auto [it, added] = known_.try_emplace(std::pair(a, b), Relation::Unknown);
  if (!added) return it->second;
  const auto& first = input_.dfas[a];
  const auto& second = input_.dfas[b];
  const bool within = regex::contains(second, first);
  const bool around = regex::contains(first, second);
  Relation result = Relation::Unknown;
  if (within || around) {
    result = !around ? Relation::Narrower : !within ? Relation::Wider : Relation::Equal;
  } else {
    const auto kind = regex::common(first, second).kind;
    if (kind == regex::Common::Kind::Disjoint) result = Relation::Disjoint;
    if (kind == regex::Common::Kind::Overlap) result = Relation::Overlap;
  }
  it->second = result;
  return result;
}

std::string ConstraintOrder::value(const Constraint& constraint) const {
  if (constraint.kind == Constraint::Kind::None) return "x";
  if (constraint.kind == Constraint::Kind::Re2) return "";
  return regex::shortest_string(input_.dfas[constraint.index]).value_or("");
}

std::string ConstraintOrder::common_value(const Constraint& a, const Constraint& b) const {
  if (a.kind == Constraint::Kind::None) return value(b);
  if (b.kind == Constraint::Kind::None) return value(a);
  if (a.kind != Constraint::Kind::Dfa || b.kind != Constraint::Kind::Dfa) return "";
  return regex::common_string(input_.dfas[a.index], input_.dfas[b.index]).value_or("");
}

bool ConstraintOrder::precedes(const PathInput& a, const PathInput& b) {
  const size_t count = std::max(a.constraints.size(), b.constraints.size());
  for (size_t i = 0; i < count; ++i) {
    const Relation result = relation(constraint_of(a, i), constraint_of(b, i));
    if (result == Relation::Narrower) return true;
    if (result == Relation::Wider) return false;
  }
  return false;
}

Relation ConstraintOrder::relation(const PathInput& a, const PathInput& b) {
  const size_t count = std::max(a.constraints.size(), b.constraints.size());
  bool narrower = false;
  bool wider = false;
  bool overlap = false;
  bool unknown = false;
  for (size_t i = 0; i < count; ++i) {
    switch (relation(constraint_of(a, i), constraint_of(b, i))) {
      case Relation::Disjoint:
        return Relation::Disjoint;
      case Relation::Narrower:
        narrower = true;
        break;
      case Relation::Wider:
        wider = true;
        break;
      case Relation::Overlap:
        overlap = true;
        break;
      case Relation::Unknown:
        unknown = true;
        break;
      case Relation::Equal:
        break;
    }
  }
  if (unknown) return Relation::Unknown;
  if (overlap || (narrower && wider)) return Relation::Overlap;
  if (narrower) return Relation::Narrower;
  return wider ? Relation::Wider : Relation::Equal;
}

}  // namespace gw::compiler::router
