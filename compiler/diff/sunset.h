// Until when something that is deprecated was promised to stay: `x-sunset` beside `deprecated:
// true`.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "compiler/diff/contract_text.h"

namespace gw::compiler::diff {

/// What an operation or a parameter promises.
struct Sunset {
  bool deprecated = false;
  Value value = {};       // of `x-sunset`; nothing: no date was announced
  std::string date = {};  // YYYY-MM-DD; "" without `value`, and where it cannot be read

  bool is_unreadable() const { return value && date.empty(); }
  /// Whether it is promised beyond `today`, YYYY-MM-DD; with "" beyond any day.
  bool is_after(const std::string& today) const { return deprecated && today < date; }
};
/// Reads a date or a date-time of RFC 3339, of which the day counts as it is written. Without
/// `deprecated: true` nothing is announced, whatever `x-sunset` says.
Sunset sunset_of(Value object);

/// Its day; of one that cannot be read what is written, and that this is no date.
std::string shown(const Sunset& sunset);

/// A change of what is promised.
struct SunsetChange {
  std::string_view aspect;  // behind `operation-` or `parameter-` in changes.def
  std::string message;
  Value before = {};  // where it is written; nothing: it is not
  Value after = {};
};
/// Of something that is there on both sides; nothing: the promise is kept, or is taken back
/// together with the deprecation.
std::optional<SunsetChange> compare_sunsets(Value before, Value after);

}  // namespace gw::compiler::diff
