// Values that schemas accept, where a document gives none.
#pragma once
#include <boost/json/value.hpp>
#include <string>

#include "cli/testing/pattern_text.h"
#include "cli/testing/value_judge.h"
#include "compiler/passes/example_value.h"

namespace gw::cli::tests {

/// Values of one document. What they refer to outlives them.
struct BoundaryTools {
  const SchemaTerms& terms;
  ValueJudge& judge;
  PatternBreaker& patterns;
  compiler::PatternExamples& examples;
  compiler::NodeRef encodings = {};  // `encoding` of the form that is looked at
  bool in_parts = false;             // of which each field, or each item of a list, is a part
};

/// A value of a document as JSON.
boost::json::value value_of_node(compiler::NodeRef node);

/// A list, an object or a text with nothing in it: written as text it is as if it were not there.
bool is_empty(const boost::json::value& value);

/// A value that `schema` asks nothing beyond of; null, and what is wrong in `problem`: none can be
/// made up. `kind`: the type of a schema that names none. Deterministic.
boost::json::value made_up_value(const BoundaryTools& tools, compiler::NodeRef schema,
                                 Spelling spelling, std::string& problem,
                                 std::string_view kind = {});
/// The same with whatever may be left out; null: none is known that the schema accepts.
boost::json::value full_value(const BoundaryTools& tools, compiler::NodeRef schema,
                              Spelling spelling);

}  // namespace gw::cli::tests
