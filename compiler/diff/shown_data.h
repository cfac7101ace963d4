// What of an answer clients get to see after a step of `response.body`, and how two such steps
// differ in it.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "compiler/diff/side.h"
#include "runtime/policies/body/record.h"

namespace gw::compiler::diff {

/// Paths are those of `pick`, into the answer as the step gets it; an empty one is the whole of it.
struct ShownData {
  bool all = true;  // otherwise nothing but `picks` and `reads`
  std::vector<std::string> picks;
  std::vector<std::string> omits;
  std::vector<std::string> reads;  // what expressions of `template` or `set` put in
  std::string_view by;             // the field that says what is shown; empty: none does
};

/// Null: no step changes the answer.
ShownData shown_data_of(const Side& side, const policies::BodyRecord* record);

struct ShownChange {
  bool more = false;  // shown; otherwise less
  std::string message;
  // Fields of `response.body` that it is due to.
  std::string_view old_field;
  std::string_view new_field;
};
std::vector<ShownChange> shown_changes(const ShownData& before, const ShownData& after);

}  // namespace gw::compiler::diff
