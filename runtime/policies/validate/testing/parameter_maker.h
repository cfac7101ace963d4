// Parameter records without a table, and what texts become by them. For tests and fuzzing.
#pragma once
#include <string>
#include <string_view>

#include "runtime/policies/validate/parameters.h"

namespace gw::validate::testing {

/// Appends a value as JSON, numbers as they are written.
void append_json(const json::Tape& tape, u32 node, std::string& out);

class ParameterMaker {
 public:
  policies::ParameterRecord make(std::string_view name, policies::Place place,
                                 policies::ParameterStyle style, bool explode, u32 types,
                                 u32 item_types, u32 rest_types);
  /// The value as JSON; "absent", "empty", "several", "malformed", or "refused" by the builder.
  /// `text`: the raw value of a path or header, a whole query or Cookie.
  std::string read(const policies::ParameterRecord& parameter, std::string_view text);

 private:
  std::string file_;
  table::TableView view_;
  Arena arena_;
  json::Tape tape_;
};

}  // namespace gw::validate::testing
