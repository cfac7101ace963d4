// A verified program, ready to be evaluated.
#pragma once
#include <string_view>

#include "runtime/base/types.h"
#include "runtime/schema/format.h"

namespace gw::schema {

/// Runs the patterns that a program names by index. Any thread.
class PatternMatcher {
 public:
  virtual ~PatternMatcher() = default;
  virtual bool matches(u32 regex, std::string_view text) const = 0;
};

/// Views of a section that verify_schemas() accepted, of the strings and of the patterns that
/// belong to it. Cheap to copy; owns nothing. Any thread.
struct Program {
  const u32* words = nullptr;
  const char* strings = nullptr;
  const PatternMatcher* patterns = nullptr;

  std::string_view text(const u32* at) const { return {strings + at[0], at[1]}; }
};

}  // namespace gw::schema
