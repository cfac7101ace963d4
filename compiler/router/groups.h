// Paths of one shape on one host, in the order of precedence; private to this folder.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "compiler/router/automaton.h"
#include "compiler/router/constraints.h"

namespace gw::compiler::router {

/// Where a path comes from in the input.
struct PathRef {
  u32 host = 0;
  u32 path = 0;
  friend bool operator==(const PathRef&, const PathRef&) = default;
};

struct ParsedPath {
  PathRef from;
  const PathInput* input = nullptr;
  PathTemplate shape;
};

/// One host name; hosts of the input that share a name are one.
struct HostGroups {
  std::string name;
  u32 host_id = 0;
  std::vector<u32> groups;  // into GroupedPaths::groups, by precedence
};

struct GroupedPaths {
  std::vector<ParsedPath> paths;  // sorted by template text, constraints and routes
  std::vector<Group> groups;      // Group::paths index `paths`
  std::vector<HostGroups> hosts;  // exact, wildcard, any; each sorted by name
  u32 exact_count = 0;
  u32 wildcard_count = 0;
  std::vector<BuildError> errors;
};

/// `order` decides how constraints within a group follow each other.
GroupedPaths group_paths(const RouterInput& input, ConstraintOrder& order);

/// Precedence of shapes: literal, partial, parameter, catch-all, the leftmost segment first.
bool shape_precedes(const PathTemplate& a, const PathTemplate& b);

}  // namespace gw::compiler::router
