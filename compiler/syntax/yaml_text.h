// The scalars of YAML, decoded from the text: quoted, block and plain ones (YAML 1.2.2, chapters
// 7.3, 7.4 and 8.1). No state besides the position; both YAML readers use it.
#pragma once
#include <string>
#include <string_view>

#include "compiler/syntax/node.h"
#include "compiler/syntax/yaml_builder.h"

namespace gw::compiler {

/// Why a scalar could not be read.
struct YamlTextError {
  u32 begin = 0;
  u32 end = 0;
  std::string message = {};
  std::string label = {};
  std::string help = {};
};

inline bool is_blank(char c) { return c == ' ' || c == '\t'; }
inline bool is_break(char c) { return c == '\n' || c == '\r'; }
inline bool is_flow_indicator(char c) {
  return c == ',' || c == '[' || c == ']' || c == '{' || c == '}';
}

/// A text and how to walk it. Offsets are into the whole text.
class YamlText {
 public:
  explicit YamlText(std::string_view text) : text_(text) {}

  std::string_view text() const { return text_; }
  u32 size() const { return static_cast<u32>(text_.size()); }
  /// The byte at an offset; 0 at the end.
  char at(u32 offset) const { return offset < text_.size() ? text_[offset] : '\0'; }
  bool ends_at(u32 offset) const { return offset >= text_.size(); }
  /// End of text, line break or blank.
  bool is_space_at(u32 offset) const {
    return ends_at(offset) || is_blank(text_[offset]) || is_break(text_[offset]);
  }
  bool is_line_end(u32 offset) const { return ends_at(offset) || is_break(text_[offset]); }
  /// Offset after the line break at `offset` (LF, CRLF or CR).
  u32 after_break(u32 offset) const {
    if (ends_at(offset)) return offset;
    return offset + (text_[offset] == '\r' && at(offset + 1) == '\n' ? 2 : 1);
  }
  u32 skip_blanks(u32 offset) const {
    while (offset < text_.size() && is_blank(text_[offset])) ++offset;
    return offset;
  }
  u32 line_end(u32 offset) const {
    while (offset < text_.size() && !is_break(text_[offset])) ++offset;
    return offset;
  }
  /// `---` or `...` followed by space, at a line begin.
  bool is_marker(u32 line) const;

  /// All take the offset of the first character. `parent` is the indentation of the surrounding
  /// block (-1: none); lines that continue the scalar must be indented more. False: see `error`.
  bool double_quoted(u32 begin, i32 parent, Tree& tree, YamlScalar& scalar,
                     YamlTextError& error) const;
  bool single_quoted(u32 begin, i32 parent, Tree& tree, YamlScalar& scalar,
                     YamlTextError& error) const;
  /// `next` is the begin of the first line that is not part of it.
  bool block_scalar(u32 begin, i32 parent, Tree& tree, YamlScalar& scalar, u32& next,
                    YamlTextError& error) const;
  /// Ends before `: `, ` #`, in flow context also before a flow indicator; or where the next line
  /// does not continue it. A scalar of several lines in which `: ` stands ends there too.
  void plain(u32 begin, i32 parent, bool flow, Tree& tree, YamlScalar& scalar) const;

 private:
  struct BlockHeader;
  bool quoted_line_break(u32& offset, u32 scalar_begin, i32 parent, std::string& decoded,
                         YamlTextError& error) const;
  bool escape(u32& offset, std::string& decoded, YamlTextError& error) const;
  bool hex(u32 offset, u32 digits, u32& value) const;
  bool block_header(u32 begin, BlockHeader& header, YamlTextError& error) const;
  bool block_indent(u32 first_line, i32 parent, BlockHeader& header, YamlTextError& error) const;
  u32 plain_line_end(u32 begin, bool flow) const;
  bool continues_plain(u32 line_end, i32 parent, bool flow, u32& begin, u32& breaks) const;

  std::string_view text_;
};

}  // namespace gw::compiler
