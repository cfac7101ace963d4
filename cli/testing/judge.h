// Whether what has come is what was expected.
#pragma once
#include <vector>

#include "cli/testing/matcher.h"
#include "cli/testing/stage.h"

namespace gw::cli::tests {

/// What can be seen of a request. From outside, over HTTP, only the answer.
enum class Sight : u8 { Inside, Outside };

/// Fields of `expect` that cannot be judged from outside.
bool needs_inside(std::string_view field);

/// `expect`: a map of kExpectFields. What `sight` does not show is left out.
std::vector<Mismatch> judge(const Value& expect, const Outcome& outcome, Sight sight);

/// The answer as snapshots keep it: status, headers, body.
boost::json::object answer_of(const Outcome& outcome);

/// A body as JSON if it is that, else as a text.
boost::json::value body_value(std::string_view body);

}  // namespace gw::cli::tests
