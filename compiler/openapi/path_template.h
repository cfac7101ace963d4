// The templates of paths and server URLs: literal text and `{name}`.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/types.h"

namespace gw::compiler::openapi {

struct TemplateName {
  std::string_view name;  // without braces and without the `+`
  bool greedy = false;    // `{name+}`: one or more segments
  u32 begin = 0;          // of the braces in the template; half-open
  u32 end = 0;
};

struct TemplateProblem {
  std::string message = {};  // empty: none
  std::string label = {};
  u32 begin = 0;
  u32 end = 0;
};

/// Finds the names of a template and the first thing that is wrong about its braces. Names found
/// before the problem are given as well. The views point into `text`.
TemplateProblem parse_template(std::string_view text, std::vector<TemplateName>& names);

}  // namespace gw::compiler::openapi
