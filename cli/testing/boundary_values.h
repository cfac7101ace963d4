// Values just inside and just outside of what a schema allows.
#pragma once
#include <boost/json/value.hpp>
#include <string>
#include <vector>

#include "cli/testing/pattern_text.h"
#include "cli/testing/schema_judge.h"
#include "compiler/passes/example_value.h"

namespace gw::cli::tests {

struct BoundaryValue {
  std::string where;  // within the value: "address.city", "lines[0]"; "": all of it
  std::string what;   // "one below its minimum"
  boost::json::value value;
  bool good = false;  // the schema accepts it

  /// "`address.city` too long"
  std::string text() const;
};

struct Boundaries {
  std::vector<BoundaryValue> values;
  std::vector<std::string> gaps;  // what no value could be made up for, and why
};

/// Values of one document. What they refer to outlives them.
struct BoundaryTools {
  const SchemaTerms& terms;
  SchemaJudge& judge;
  PatternBreaker& patterns;
  compiler::PatternExamples& examples;
};

inline constexpr u32 kMaxBoundaryDepth = 4;        // values within values
inline constexpr size_t kMaxBoundaryValues = 400;  // of one schema

/// A value that `schema` asks nothing beyond of; null, and what is wrong in `problem`: none can be
/// made up. Deterministic.
boost::json::value made_up_value(const BoundaryTools& tools, compiler::NodeRef schema,
                                 Spelling spelling, std::string& problem);

/// The boundaries that `schema` draws, each as a whole value: `good`, which the schema accepts,
/// changed in one place. What is wrong breaks a keyword that the schema has itself, by `$ref` or by
/// allOf; what is right is made only where nothing else of the schema has a say.
Boundaries boundary_values(const BoundaryTools& tools, compiler::NodeRef schema,
                           const boost::json::value& good, Spelling spelling);

}  // namespace gw::cli::tests
