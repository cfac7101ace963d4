// Path templates: `/users/{id}.json`, `/v1/shelves/{shelf}:merge`, `/files/{rest+}`.
#pragma once
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "runtime/base/types.h"

namespace gw::compiler::router {

/// In order of precedence.
enum class SegmentKind : u8 { Literal, Partial, Parameter, CatchAll };

/// Literal: literals[0]. Parameter, CatchAll: names[0]. Partial: literals[0] names[0] literals[1]
/// names[1] ... literals[n]; only the first and last literal may be empty.
struct Segment {
  SegmentKind kind = SegmentKind::Literal;
  std::vector<std::string> literals = {};
  std::vector<std::string> names = {};
  /// Without names: equal texts match the same segments.
  std::string shape() const;
  u32 literal_bytes() const;
};

struct PathTemplate {
  std::vector<Segment> segments;  // at least one; "/" has one that is empty
  std::vector<std::string> names() const;
  bool is_static() const;
  std::string shape() const;  // e.g. "/users/{}.json", "/files/{+}"
};

struct TemplateError {
  u32 begin = 0;  // bytes in the template
  u32 end = 0;
  std::string reason;  // lower case, no stop
};

/// `text` begins with '/'; its literal parts were normalised like request paths.
std::variant<PathTemplate, TemplateError> parse_template(std::string_view text);

}  // namespace gw::compiler::router
