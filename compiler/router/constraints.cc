#include "compiler/router/constraints.h"

#include <algorithm>

namespace gw::compiler::router {
namespace {

// Values of parameters are never empty.
constexpr regex::EmptyText kIgnored = regex::EmptyText::Ignored;

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
  return key_of(a) < key_of(b) ? compare(a, b) : flipped(compare(b, a));
}

regex::Language ConstraintOrder::language_of(const Constraint& constraint) const {
  if (constraint.kind == Constraint::Kind::Dfa) return {.dfa = input_.dfas[constraint.index]};
  const Re2Pattern& pattern = input_.re2s[constraint.index];
  return {.dfa = {}, .re2 = pattern.text, .mode = pattern.mode};
}

Relation ConstraintOrder::compare(const Constraint& a, const Constraint& b) {
  const auto [it, added] = known_.try_emplace(std::pair(key_of(a), key_of(b)), Relation::Unknown);
  if (!added) return it->second;
  const regex::Language first = language_of(a);
  const regex::Language second = language_of(b);
  const regex::Common common = regex::common(first, second, kIgnored);
  Relation result = Relation::Unknown;
  if (common.kind == regex::Common::Kind::Disjoint) result = Relation::Disjoint;
  if (common.kind == regex::Common::Kind::Overlap) {
    const bool within = regex::contains(second, first, kIgnored);
    const bool around = regex::contains(first, second, kIgnored);
    result = within && around ? Relation::Equal
             : within         ? Relation::Narrower
             : around         ? Relation::Wider
                              : Relation::Overlap;
  }
  it->second = result;
  return result;
}

std::string ConstraintOrder::value(const Constraint& constraint) const {
  if (constraint.kind == Constraint::Kind::None) return "x";
  const regex::Language language = language_of(constraint);
  return regex::common(language, language, kIgnored).witness;
}

std::string ConstraintOrder::common_value(const Constraint& a, const Constraint& b) const {
  if (a.kind == Constraint::Kind::None) return value(b);
  if (b.kind == Constraint::Kind::None) return value(a);
  return regex::common(language_of(a), language_of(b), kIgnored).witness;
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
