// Values just inside and just outside of what a schema allows.
#pragma once
#include <boost/json/value.hpp>
#include <string>
#include <vector>

#include "cli/testing/made_up_value.h"

namespace gw::cli::tests {

struct BoundaryValue {
  std::string where;  // within the value: "address.city", "lines[0]"; "": all of it
  std::string what;   // "one below its minimum"
  boost::json::value value;
  bool good = false;        // the schema accepts it
  bool undeclared = false;  // all of it has a member that it should not have

  /// "`address.city` too long"
  std::string text() const;
};

/// What no value could be made up for.
struct Gap {
  std::string where;  // as of values
  std::string why;
};

struct Boundaries {
  std::vector<BoundaryValue> values;
  std::vector<Gap> gaps;
};

inline constexpr u32 kMaxBoundaryDepth = 4;        // values within values
inline constexpr size_t kMaxBoundaryValues = 400;  // of one schema

/// The boundaries that `schema` draws, each as a whole value: `good`, which the schema accepts,
/// changed in one place. What is wrong breaks a keyword that the schema has itself, by `$ref` or by
/// allOf; what is right is made only where nothing else of the schema has a say, or where its judge
/// accepts it. `depth`: of values around it.
Boundaries boundary_values(const BoundaryTools& tools, compiler::NodeRef schema,
                           const boost::json::value& good, Spelling spelling, u32 depth = 0);

}  // namespace gw::cli::tests
