// Which routes meet on the same request, and whether it is certain who gets it.
//
// Findings are data; whoever reports them writes the words. A path of another shape never serves a
// request of this one, so routes of different shapes meet whatever their methods are.
#pragma once
#include <string>
#include <vector>

#include "compiler/router/router_builder.h"

namespace gw::compiler::router {

enum class OverlapKind : u8 {
  Identical,              // same shape and method, equal constraints: one can never be reached
  Ambiguous,              // the meeting values belong to both and neither is narrower
  OrderedOnlyByLeftmost,  // each is more specific somewhere; the leftmost difference decides
  Unreachable,            // every request that fits the parameters of `loser` goes elsewhere
};
/// Identical and Ambiguous are errors, the others are worth a warning.
constexpr bool is_error(OverlapKind kind) { return kind <= OverlapKind::Ambiguous; }

struct PathPlace {
  u32 host = 0;  // index into RouterInput
  u32 path = 0;
};

struct OverlapFinding {
  OverlapKind kind = OverlapKind::Identical;
  PathPlace winner;  // Ambiguous: the one that sorts first, and is tried first
  PathPlace loser;
  std::string method;   // the shared one, "*" for any; "" if the shapes differ
  std::string witness;  // a shortest path that both have; "" if none could be made
  bool proved = true;   // false: overlap could not be decided within bounds
  // Unreachable:
  bool one_method = false;                      // the others of `loser` can be reached
  std::vector<PathPlace> further_winners = {};  // that take requests which `winner` does not
};

struct OverlapLimits {
  u32 findings = 1000;
  u64 steps = 5'000'000;           // pairs of segments compared
  u32 candidates_per_group = 200;  // paths of one shape that are compared with each other
};

struct OverlapReport {
  std::vector<OverlapFinding> findings;
  bool truncated = false;  // a limit was reached; there may be more
};

/// Templates that do not parse are left out; build_router() names them. Near linear for ordinary
/// inputs: only templates that differ first at a parameter are compared.
OverlapReport find_overlaps(const RouterInput& input, const OverlapLimits& limits = {});

}  // namespace gw::compiler::router
