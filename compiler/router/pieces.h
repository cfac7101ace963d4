// Templates and segments as the table spells them; private to this folder.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/router/path_template.h"
#include "runtime/base/types.h"

namespace gw::compiler::router {

/// Texts of the table, each once.
class TextPool {
 public:
  u32 add(std::string_view text);
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
  std::map<std::string, u32, std::less<>> known_;
};

/// The pieces and literals of a segment or of a whole template (runtime/router/format.h).
struct Pieces {
  std::vector<u8> pieces;
  std::string literals;
};
Pieces pieces_of(const Segment& segment);
Pieces pieces_of(const PathTemplate& shape);

/// A parameter's value as it is written in a path.
void append_encoded(std::string& out, std::string_view value);

/// A partial segment as RE2 syntax.
std::string segment_pattern(const Segment& segment);
/// Whether the segment matches `text`, as the runtime decides it.
bool segment_matches(const Segment& segment, std::string_view text);

}  // namespace gw::compiler::router
