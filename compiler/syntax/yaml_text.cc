#include "compiler/syntax/yaml_text.h"

#include <algorithm>

#include "compiler/syntax/scalar.h"
#include "runtime/base/hex.h"

namespace gw::compiler {

bool YamlText::is_marker(u32 line) const {
  const std::string_view mark = text_.substr(std::min<size_t>(line, text_.size()), 3);
  return (mark == "---" || mark == "...") && is_space_at(line + 3);
}

/// At a line break inside quotes: folds it and the blank lines after it, up to the next text.
bool YamlText::quoted_line_break(u32& offset, u32 scalar_begin, i32 parent, std::string& decoded,
                                 YamlTextError& error) const {
  while (!decoded.empty() && is_blank(decoded.back())) decoded.pop_back();
  u32 breaks = 0;
  while (!ends_at(offset) && is_break(text_[offset])) {
    const u32 line = after_break(offset);
    ++breaks;
    offset = skip_blanks(line);
    if (ends_at(offset)) break;
    if (is_break(text_[offset])) continue;
    u32 spaces = line;
    while (at(spaces) == ' ') ++spaces;
    if (is_marker(line)) {
      error = {scalar_begin, scalar_begin + 1, "a quoted text is not closed", "begins here", {}};
      return false;
    }
    if (static_cast<i32>(spaces - line) <= parent) {
      error = {offset, offset + 1, "the lines of a quoted text must be indented more than its key",
               "not indented enough", "indent the line, or close the quotes before it"};
      return false;
    }
  }
  if (breaks == 1) {
    decoded.push_back(' ');
  } else {
    decoded.append(breaks - 1, '\n');
  }
  return true;
}

bool YamlText::hex(u32 offset, u32 digits, u32& value) const {
  value = 0;
  for (u32 i = 0; i < digits; ++i) {
    const int digit = hex_value(at(offset + i));
    if (digit < 0) return false;
    value = value << 4 | static_cast<u32>(digit);
  }
  return true;
}

/// At a backslash that is not the last character of its line.
bool YamlText::escape(u32& offset, std::string& decoded, YamlTextError& error) const {
  static constexpr std::string_view kNames = "0abt\tnvfre \"/\\N_LP";
  static constexpr u32 kValues[] = {0,    7,    8,    9,   9,    10,   11,   12,     13,
                                    0x1b, 0x20, 0x22, '/', '\\', 0x85, 0xa0, 0x2028, 0x2029};
  const u32 begin = offset;
  const char kind = at(offset + 1);
  if (const size_t known = kNames.find(kind); known != std::string_view::npos && kind != '\0') {
    append_utf8(decoded, kValues[known]);
    offset += 2;
    return true;
  }
  const u32 digits = kind == 'x' ? 2 : kind == 'u' ? 4 : kind == 'U' ? 8 : 0;
  u32 value = 0;
  if (digits == 0 || !hex(offset + 2, digits, value)) {
    error = {begin, begin + 2, "this is no escape of YAML", "unknown escape",
             "write `\\\\` for a backslash, or use single quotes"};
    return false;
  }
  offset += 2 + digits;
  u32 low = 0;
  if (value >= 0xd800 && value <= 0xdbff && at(offset) == '\\' && at(offset + 1) == 'u' &&
      hex(offset + 2, 4, low) && low >= 0xdc00 && low <= 0xdfff) {  // as JSON writes it
    value = 0x10000 + ((value - 0xd800) << 10) + (low - 0xdc00);
    offset += 6;
  }
  if ((value >= 0xd800 && value <= 0xdfff) || value > 0x10ffff) {
    error = {begin, offset, "the escape stands for no character", "no Unicode character", {}};
    return false;
  }
  append_utf8(decoded, value);
  return true;
}

bool YamlText::double_quoted(u32 begin, i32 parent, Tree& tree, YamlScalar& scalar,
                             YamlTextError& error) const {
  u32 p = begin + 1;
  while (!ends_at(p) && text_[p] != '"' && text_[p] != '\\' && !is_break(text_[p])) ++p;
  scalar = {.begin = begin, .end = p + 1, .quoted = true};
  if (at(p) == '"') {
    scalar.text = text_.substr(begin + 1, p - begin - 1);
    return true;
  }
  std::string decoded(text_.substr(begin + 1, p - begin - 1));
  size_t keep = 0;  // blanks before this length came from escapes and are not folded away
  while (!ends_at(p) && text_[p] != '"') {
    if (text_[p] == '\\' && is_break(at(p + 1))) {
      scalar.several_lines = true;
      ++p;
      std::string fold;
      if (!quoted_line_break(p, begin, parent, fold, error)) return false;
      if (fold != " ") decoded += fold;  // the break itself is escaped, blank lines are not
      keep = decoded.size();
    } else if (text_[p] == '\\') {
      if (!escape(p, decoded, error)) return false;
      keep = decoded.size();
    } else if (is_break(text_[p])) {
      scalar.several_lines = true;
      std::string tail = decoded.substr(keep);
      decoded.resize(keep);
      if (!quoted_line_break(p, begin, parent, tail, error)) return false;
      decoded += tail;
      keep = decoded.size();
    } else {
      decoded.push_back(text_[p++]);
    }
  }
  if (ends_at(p)) {
    error = {begin, begin + 1, "a quoted text is not closed", "begins here", {}};
    return false;
  }
  scalar.end = p + 1;
  scalar.text = tree.keep(std::move(decoded));
  return true;
}

bool YamlText::single_quoted(u32 begin, i32 parent, Tree& tree, YamlScalar& scalar,
                             YamlTextError& error) const {
  u32 p = begin + 1;
  while (!ends_at(p) && text_[p] != '\'' && !is_break(text_[p])) ++p;
  scalar = {.begin = begin, .end = p + 1, .quoted = true};
  if (at(p) == '\'' && at(p + 1) != '\'') {
    scalar.text = text_.substr(begin + 1, p - begin - 1);
    return true;
  }
  std::string decoded(text_.substr(begin + 1, p - begin - 1));
  while (!ends_at(p)) {
    if (text_[p] == '\'') {
      if (at(p + 1) != '\'') break;
      decoded.push_back('\'');
      p += 2;
    } else if (is_break(text_[p])) {
      scalar.several_lines = true;
      if (!quoted_line_break(p, begin, parent, decoded, error)) return false;
    } else {
      decoded.push_back(text_[p++]);
    }
  }
  if (ends_at(p)) {
    error = {begin, begin + 1, "a quoted text is not closed", "begins here", {}};
    return false;
  }
  scalar.end = p + 1;
  scalar.text = tree.keep(std::move(decoded));
  return true;
}

struct YamlText::BlockHeader {
  bool folded = false;
  char chomp = '\0';  // '-' strips, '+' keeps, else one break stays
  u32 indicator = 0;  // explicit indentation, 0: found from the first line
  u32 indent = 0;
  u32 first_line = 0;
};

bool YamlText::block_header(u32 begin, BlockHeader& header, YamlTextError& error) const {
  header.folded = text_[begin] == '>';
  u32 p = begin + 1;
  for (int i = 0; i < 2; ++i, ++p) {
    const char c = at(p);
    if ((c == '-' || c == '+') && header.chomp == '\0') {
      header.chomp = c;
    } else if (c >= '1' && c <= '9' && header.indicator == 0) {
      header.indicator = static_cast<u32>(c - '0');
    } else {
      break;
    }
  }
  const u32 after = skip_blanks(p);
  const bool comment = at(after) == '#' && after > p;
  if (!is_line_end(after) && !comment) {
    error = {after, after + 1, "a block text begins on the line after its `|` or `>`",
             "not expected here", "only `+`, `-` and an indentation from 1 to 9 may follow"};
    return false;
  }
  header.first_line = after_break(line_end(after));
  return true;
}

bool YamlText::block_indent(u32 line, i32 parent, BlockHeader& header, YamlTextError& error) const {
  const u32 least = static_cast<u32>(parent + 1);
  if (header.indicator != 0) {
    header.indent = static_cast<u32>(std::max(parent, 0)) + header.indicator;
    return true;
  }
  u32 widest_blank = 0;
  while (!ends_at(line)) {
    u32 p = line;
    while (at(p) == ' ') ++p;
    const u32 spaces = p - line;
    if (!is_line_end(p)) {
      if (spaces < least) break;  // there is no line of text
      header.indent = spaces;
      if (widest_blank <= spaces) return true;
      error = {p, p + 1, "a blank line before this one is indented more than the text",
               "the first line of the text",
               "give the indentation after the `|` or `>`, as in `|2`"};
      return false;
    }
    widest_blank = std::max(widest_blank, spaces);
    line = after_break(p);
  }
  header.indent = std::max(widest_blank, least);
  return true;
}

bool YamlText::block_scalar(u32 begin, i32 parent, Tree& tree, YamlScalar& scalar, u32& next,
                            YamlTextError& error) const {
  BlockHeader header;
  if (!block_header(begin, header, error)) return false;
  if (!block_indent(header.first_line, parent, header, error)) return false;
  scalar = {.begin = begin, .quoted = true, .several_lines = true};
  scalar.end = begin + 1;
  while (!is_space_at(scalar.end)) ++scalar.end;

  std::string decoded;
  u32 breaks = 0;  // since the last line of text
  bool has_text = false;
  bool was_indented = false;  // the last line of text began with a blank
  u32 line = header.first_line;
  while (!ends_at(line)) {
    u32 p = line;
    while (p < line + header.indent && at(p) == ' ') ++p;
    const u32 end = line_end(p);
    if (p == end && p <= line + header.indent) {
      ++breaks;
      line = after_break(end);
      continue;
    }
    if (p < line + header.indent || (header.indent == 0 && is_marker(line))) break;
    const bool indented = is_blank(text_[p]);
    if (header.folded && has_text && !indented && !was_indented) {
      if (breaks == 1) {
        decoded.push_back(' ');
      } else {
        decoded.append(breaks - 1, '\n');
      }
    } else {
      decoded.append(breaks, '\n');
    }
    decoded.append(text_.substr(p, end - p));
    scalar.end = end;
    has_text = true;
    was_indented = indented;
    breaks = 1;  // the end of the file ends a line as well
    line = after_break(end);
  }
  if (header.chomp == '+') {
    decoded.append(breaks, '\n');
  } else if (header.chomp == '\0' && has_text) {
    decoded.push_back('\n');
  }
  u32 tab = line;
  while (at(tab) == ' ') ++tab;
  if (!has_text && at(tab) == '\t') {
    error = {tab, tab + 1, "a tab cannot indent in YAML", "this tab", "use spaces"};
    return false;
  }
  next = line;
  scalar.text = tree.keep(std::move(decoded));
  return true;
}

/// End of the plain text of one line, trailing blanks left out.
u32 YamlText::plain_line_end(u32 begin, bool flow) const {
  u32 p = begin;
  for (; p < text_.size(); ++p) {
    const char c = text_[p];
    if (is_break(c)) break;
    if (c == ':' && (is_space_at(p + 1) || (flow && is_flow_indicator(text_[p + 1])))) break;
    if (c == '#' && p > begin && is_blank(text_[p - 1])) break;
    if (flow && is_flow_indicator(c)) break;
  }
  while (p > begin && is_blank(text_[p - 1])) --p;
  return p;
}

/// Whether text on a later line belongs to the plain scalar whose line ends at `end`.
bool YamlText::continues_plain(u32 end, i32 parent, bool flow, u32& begin, u32& breaks) const {
  u32 p = skip_blanks(end);
  breaks = 0;
  u32 line = p;
  while (!ends_at(p) && is_break(text_[p])) {
    line = after_break(p);
    ++breaks;
    p = skip_blanks(line);
  }
  if (breaks == 0 || ends_at(p)) return false;
  u32 spaces = line;
  while (at(spaces) == ' ') ++spaces;
  if (static_cast<i32>(spaces - line) <= parent || is_marker(line)) return false;
  const char c = text_[p];
  if (c == '#') return false;
  if (flow && (is_flow_indicator(c) ||
               (c == ':' && (is_space_at(p + 1) || is_flow_indicator(at(p + 1)))))) {
    return false;
  }
  begin = p;
  return true;
}

void YamlText::plain(u32 begin, i32 parent, bool flow, Tree& tree, YamlScalar& scalar) const {
  u32 end = plain_line_end(begin, flow);
  scalar = {.begin = begin, .end = end, .text = text_.substr(begin, end - begin)};
  u32 next = 0;
  u32 breaks = 0;
  if (!is_line_end(skip_blanks(end)) || !continues_plain(end, parent, flow, next, breaks)) return;
  std::string decoded(scalar.text);
  scalar.several_lines = true;
  do {
    if (breaks == 1) {
      decoded.push_back(' ');
    } else {
      decoded.append(breaks - 1, '\n');
    }
    end = plain_line_end(next, flow);
    decoded.append(text_.substr(next, end - next));
  } while (end != next && is_line_end(skip_blanks(end)) &&
           continues_plain(end, parent, flow, next, breaks));
  scalar.end = end;
  scalar.text = tree.keep(std::move(decoded));
}

}  // namespace gw::compiler
