// The part of JSONPath (RFC 9535) that targets of overlay actions are written in.
//
//   $  .name  ['name']  ["name"]  .*  [*]  [2]  [-1]  ['a','b']
//   [?@.x], [?@.x.y == 'z'], [?@.x != 1], also with the parentheses of older dialects
//
// Descendants (`..`), slices, functions and `&&`/`||` are refused: a target that is refused is
// seen, one that selects less than its author thinks is not.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/types.h"

namespace gw::compiler {

inline constexpr u32 kMaxJsonPathSegments = 64;

struct JsonPathSelector {
  enum class Kind : u8 { Name, Wildcard, Index, Filter };
  enum class Test : u8 { Present, Equal, Unequal };
  Kind kind = Kind::Name;
  std::string name = {};               // Name
  i64 index = 0;                       // Index; below 0: from the end
  std::vector<std::string> path = {};  // Filter: names below `@`; none: `@` itself
  Test test = Test::Present;
  std::string literal = {};      // Filter: what the value is compared with
  bool literal_is_text = false;  // it stood in quotes
};

/// One step down; its selectors are alternatives.
struct JsonPathSegment {
  std::vector<JsonPathSelector> selectors;
};

struct JsonPath {
  std::vector<JsonPathSegment> segments;  // none: the root
};

/// Where and why a text is no JsonPath.
struct JsonPathError {
  u32 begin = 0;  // bytes of the text
  u32 end = 0;
  std::string message;
};

/// True when `text` has been read into `path`, otherwise `error` says why not. Linear.
bool parse_json_path(std::string_view text, JsonPath& path, JsonPathError& error);

}  // namespace gw::compiler
