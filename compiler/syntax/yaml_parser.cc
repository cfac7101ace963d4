// How it works: the position is always at a token. `skip_gap` moves over blanks, comments and line
// breaks and tells what it saw, since in YAML a value's meaning depends on whether it stands on
// the line of its key and on its column. Each block function ends at the next token, or at the
// end; the caller compares that token's column with its own to see whether it goes on.
#include "compiler/syntax/yaml_parser.h"

#include <algorithm>

namespace gw::compiler {
namespace {

enum class After : u8 { DocumentStart, Dash, Colon };

class Parser {
 public:
  Parser(std::string_view text, YamlBuilder& builder)
      : text_(text), tree_(builder.tree()), builder_(builder) {}

  YamlOutcome run() {
    if (document()) return YamlOutcome::Done;
    return unusual_ ? YamlOutcome::Unusual : YamlOutcome::Failed;
  }

 private:
  struct Key {
    YamlScalar scalar = {};
    YamlProperties properties = {};
    bool is_alias = false;
  };

  // Document ------------------------------------------------------------------------------------

  bool document() {
    if (text_.text().starts_with("\xef\xbb\xbf")) line_ = at_ = 3;
    start_line();
    skip_gap();
    if (text_.at(at_) == '%' && column() == 0) return unusual();
    bool marked = false;
    if (at_marker() && text_.at(at_) == '-') {
      at_ += 3;
      marked = true;
    }
    if (!block_value(-1, After::DocumentStart, marked)) return false;
    return document_end();
  }

  bool document_end() {
    if (text_.ends_at(at_)) return true;
    if (!at_marker()) {
      return fail("there is text after the document's value", "not part of it",
                  "check the indentation of this line");
    }
    const u32 marker = at_;
    at_ += 3;
    if (text_.at(marker) == '.') {
      if (!end_line()) return false;
      while (!text_.ends_at(at_) && at_marker() && text_.at(at_) == '.') {
        at_ += 3;
        if (!end_line()) return false;
      }
      if (text_.ends_at(at_)) return true;
    }
    return builder_.error(marker, marker + 3, "the file holds more than one document",
                          "a second one begins here", "keep each document in a file of its own");
  }

  // Gaps ----------------------------------------------------------------------------------------

  void start_line() {
    u32 p = line_;
    while (text_.at(p) == ' ') ++p;
    indent_ = p - line_;
    tab_ = text_.at(p) == '\t';
  }

  /// Moves to the next token. `crossed_`: it is on a later line. `tab_`: a tab stands before it,
  /// on its line.
  void skip_gap() {
    crossed_ = false;
    const u32 begin = at_;
    at_ = text_.skip_blanks(at_);
    if (at_ != line_) {
      tab_ = text_.text().substr(begin, at_ - begin).find('\t') != std::string_view::npos;
    }
    while (!text_.ends_at(at_)) {
      if (text_.at(at_) == '#' && (at_ == line_ || text_.is_space_at(at_ - 1))) {
        at_ = text_.line_end(at_);
        continue;
      }
      if (!is_break(text_.at(at_))) return;
      at_ = line_ = text_.after_break(at_);
      crossed_ = true;
      start_line();
      at_ = text_.skip_blanks(line_ + indent_);
    }
  }

  /// After a scalar or flow value in a block: only blanks and a comment may follow on the line.
  bool end_line() {
    const u32 before = at_;
    skip_gap();
    if (crossed_ || text_.ends_at(at_)) return true;
    if (text_.at(at_) == '#') {
      return fail("a comment needs a blank before its `#`", "this `#`", "put a space before it");
    }
    if (text_.at(at_) == ':' && text_.is_space_at(at_ + 1)) return fail_nested_key();
    at_ = std::max(at_, before);
    return fail("there is text after the value", "not expected here",
                "put the whole value in quotes");
  }

  u32 column() const { return at_ - line_; }
  bool at_marker() const { return at_ == line_ && text_.is_marker(at_); }
  bool at_end() const { return text_.ends_at(at_) || at_marker(); }
  bool is_indicator(char c) const { return text_.at(at_) == c && text_.is_space_at(at_ + 1); }

  // Block nodes ---------------------------------------------------------------------------------

  /// The value after an indicator: nothing (null), or a node more indented than `parent`.
  bool block_value(i32 parent, After after, bool marked = false) {
    const u32 empty_at = at_;
    YamlProperties outer;
    // Text that begins a file stands on a line of its own although no line break was crossed.
    const bool file_start = after == After::DocumentStart && !marked;
    if (!file_start) skip_gap();
    bool own_line = crossed_ || file_start;
    while (true) {
      if (at_end()) return empty(outer, empty_at);
      if (own_line) {
        const bool list_of_key =
            after == After::Colon && is_indicator('-') && static_cast<i32>(indent_) == parent;
        if (static_cast<i32>(indent_) <= parent && !list_of_key) {
          if (tab_) return fail_tab();
          return empty(outer, empty_at);
        }
      }
      const u32 token = at_;
      const u32 token_column = column();
      const bool collection_ok = !tab_ && (own_line || (after == After::Dash && !outer.any()));
      YamlProperties inner;
      if (!read_properties(inner)) return false;
      if (inner.any()) {
        skip_gap();
        if (crossed_ || text_.ends_at(at_)) {
          if (!combine(outer, inner)) return false;
          own_line = true;
          continue;
        }
      }
      return block_node(parent, token, token_column, collection_ok, outer, inner);
    }
  }

  bool block_node(i32 parent, u32 token, u32 token_column, bool collection_ok, YamlProperties outer,
                  const YamlProperties& inner) {
    const char c = text_.at(at_);
    if (is_indicator('-')) {
      if (tab_ && !inner.any()) return fail_tab();
      if (inner.any()) {
        return fail("a list begins on the line after its anchor or tag", "not on this line");
      }
      if (!collection_ok) {
        return fail("a list cannot begin on the line of its key", "this item",
                    "begin the list on the next line");
      }
      return block_list(token_column, outer);
    }
    if (is_indicator('?') || is_indicator(':')) return unusual();
    if (c == '|' || c == '>') {
      return combine(outer, inner) && block_scalar(parent, outer);
    }
    Key key;
    if (c == '[' || c == '{') {
      if (!combine(outer, inner) || !flow_collection(parent, outer)) return false;
      if (text_.at(text_.skip_blanks(at_)) == ':') return fail_key(token);
      return end_line();
    }
    if (!read_simple(parent, false, key)) return false;
    key.properties = inner;
    if (key.is_alias && inner.any()) {
      return builder_.error(inner.begin, inner.end, "an alias takes no anchor or tag",
                            "not before an alias");
    }
    if (at_key_colon(key)) {
      if (!collection_ok) return tab_ ? fail_tab() : fail_nested_key(key.scalar.several_lines);
      return block_map(token, token_column, outer, key);
    }
    if (outer.any() && key.is_alias) return fail_properties(outer);
    if (!combine(outer, inner)) return false;
    key.properties = outer;
    return emit(key) && end_line();
  }

  bool block_scalar(i32 parent, const YamlProperties& properties) {
    YamlScalar scalar;
    YamlTextError error;
    u32 next = 0;
    if (!text_.block_scalar(at_, parent, tree_, scalar, next, error)) return report(error);
    if (!builder_.scalar(scalar, properties)) return false;
    at_ = line_ = next;
    start_line();
    skip_gap();
    return true;
  }

  bool block_list(u32 list_column, const YamlProperties& properties) {
    if (!builder_.open(NodeKind::Seq, at_, properties)) return false;
    while (true) {
      const u32 dash = at_++;
      if (!block_value(static_cast<i32>(list_column), After::Dash)) return false;
      if (at_end() || column() < list_column) break;
      if (tab_) return fail_tab();
      if (column() > list_column) return fail_indent(dash);
      if (!is_indicator('-')) break;
    }
    return builder_.close(builder_.last_end());
  }

  bool block_map(u32 begin, u32 map_column, const YamlProperties& properties, Key key) {
    if (!builder_.open(NodeKind::Map, begin, properties)) return false;
    while (true) {
      if (key.scalar.several_lines) return fail_long_key(key);
      const u32 key_begin = key.scalar.begin;
      if (!emit(key)) return false;
      at_ = text_.skip_blanks(at_) + 1;  // the colon
      if (!block_value(static_cast<i32>(map_column), After::Colon)) return false;
      if (at_end() || column() < map_column) break;
      if (tab_) return fail_tab();
      if (column() > map_column) return fail_indent(key_begin);
      if (is_indicator('-')) {
        return fail("a list item cannot stand between the keys of a map", "this item",
                    "check the indentation of this line");
      }
      if (is_indicator('?') || is_indicator(':')) return unusual();
      if (!read_key(static_cast<i32>(map_column), key)) return false;
    }
    return builder_.close(builder_.last_end());
  }

  /// The second and later keys of a block map.
  bool read_key(i32 map_column, Key& key) {
    const u32 begin = at_;
    key = {};
    YamlProperties properties;
    if (!read_properties(properties)) return false;
    if (properties.any()) at_ = text_.skip_blanks(at_);
    const char c = text_.at(at_);
    if (c == '[' || c == '{') return fail_key(begin);
    if (is_indicator(':')) return unusual();
    if (!read_simple(map_column, false, key)) return false;
    key.properties = properties;
    if (key.is_alias && properties.any()) return fail_properties(properties);
    if (at_key_colon(key)) return true;
    return builder_.error(begin, key.scalar.end, "a key of a map must be followed by `: `",
                          "no key", "add a `:`, or check the indentation of this line");
  }

  /// Whether the scalar just read is a key: a colon follows on its line.
  bool at_key_colon(const Key& key) const {
    const u32 p = text_.skip_blanks(at_);
    if (text_.at(p) != ':' || !text_.is_space_at(p + 1)) return false;
    return !key.is_alias || p > at_;  // in `*a:` the colon belongs to the name
  }

  // Flow ----------------------------------------------------------------------------------------

  /// Moves to the next token inside brackets.
  bool flow_gap(i32 parent) {
    skip_gap();
    if (text_.ends_at(at_)) return true;
    if (!crossed_) {
      if (text_.at(at_) != '#') return true;
      return fail("a comment needs a blank before its `#`", "this `#`", "put a space before it");
    }
    if (at_marker()) return fail("a list or map in brackets is not closed", "the document ends");
    const char c = text_.at(at_);
    const i32 indent = static_cast<i32>(indent_);
    // Many write the closing bracket below its key; every reader understands it.
    if (indent > parent || (indent == parent && !tab_ && (c == ']' || c == '}'))) return true;
    if (tab_) return fail_tab();
    return fail("the lines of a value in brackets must be indented more than its key",
                "not indented enough");
  }

  bool flow_collection(i32 parent, const YamlProperties& properties) {
    const bool map = text_.at(at_) == '{';
    const u32 begin = at_;
    if (!builder_.open(map ? NodeKind::Map : NodeKind::Seq, begin, properties)) return false;
    ++at_;
    const char closing = map ? '}' : ']';
    if (!flow_gap(parent)) return false;
    while (text_.at(at_) != closing) {
      if (text_.ends_at(at_)) return fail_open(begin);
      if (text_.at(at_) == ',') return fail("a value is missing before the `,`", "this comma");
      if (!(map ? flow_entry(parent) : flow_item(parent))) return false;
      if (!flow_gap(parent)) return false;
      if (text_.ends_at(at_)) return fail_open(begin);
      if (text_.at(at_) == closing) break;
      if (text_.at(at_) != ',') {
        return fail(std::string("a `,` or `") + closing + "` is expected", "neither");
      }
      ++at_;
      if (!flow_gap(parent)) return false;
    }
    ++at_;
    return builder_.close(at_);
  }

  /// `ends`: what may follow an absent node.
  bool at_flow_end() const {
    const char c = text_.at(at_);
    return text_.ends_at(at_) || c == ',' || c == ']' || c == '}';
  }

  bool flow_colon(bool json_key) const {
    if (text_.at(at_) != ':') return false;
    return json_key || text_.is_space_at(at_ + 1) || is_flow_indicator(text_.at(at_ + 1));
  }

  bool flow_entry(i32 parent) {
    if (is_indicator('?') || flow_colon(false)) return unusual();
    const u32 begin = at_;
    Key key;
    if (!flow_properties(parent, key.properties)) return false;
    if (at_flow_end() || flow_colon(false)) return unusual();
    if (text_.at(at_) == '[' || text_.at(at_) == '{') return fail_key(begin);
    if (!read_simple(parent, true, key)) return false;
    if (key.is_alias && key.properties.any()) return fail_properties(key.properties);
    if (!emit(key)) return false;
    const u32 after_key = at_;
    if (!flow_gap(parent)) return false;
    if (!flow_colon(key.scalar.quoted)) {
      if (!at_flow_end()) return fail("a `:` is expected after a key", "no colon");
      return empty({}, after_key);
    }
    ++at_;
    return flow_value(parent);
  }

  bool flow_item(i32 parent) {
    if (is_indicator('?') || flow_colon(false)) return unusual();
    const u32 begin = at_;
    Key item;
    if (!flow_properties(parent, item.properties)) return false;
    if (at_flow_end()) return empty(item.properties, at_);
    if (flow_colon(false)) return unusual();
    const char c = text_.at(at_);
    if (c == '[' || c == '{') {
      if (!flow_collection(parent, item.properties)) return false;
      if (text_.at(text_.skip_blanks(at_)) == ':') return fail_key(begin);
      return true;
    }
    if (!read_simple(parent, true, item)) return false;
    if (item.is_alias && item.properties.any()) return fail_properties(item.properties);
    const u32 after_item = at_;
    at_ = text_.skip_blanks(at_);
    if (!flow_colon(item.scalar.quoted)) {
      at_ = after_item;
      return emit(item);
    }
    if (item.scalar.several_lines) return fail_long_key(item);
    if (!builder_.open(NodeKind::Map, begin, {}) || !emit(item)) return false;
    ++at_;
    return flow_value(parent) && builder_.close(builder_.last_end());
  }

  /// The value after a `:` in brackets; may be absent.
  bool flow_value(i32 parent) {
    const u32 empty_at = at_;
    if (!flow_gap(parent)) return false;
    Key value;
    if (!flow_properties(parent, value.properties)) return false;
    if (at_flow_end()) return empty(value.properties, empty_at);
    const char c = text_.at(at_);
    if (c == '[' || c == '{') return flow_collection(parent, value.properties);
    if (!read_simple(parent, true, value)) return false;
    if (value.is_alias && value.properties.any()) return fail_properties(value.properties);
    return emit(value);
  }

  bool flow_properties(i32 parent, YamlProperties& properties) {
    if (!read_properties(properties)) return false;
    return !properties.any() || flow_gap(parent);
  }

  // Tokens --------------------------------------------------------------------------------------

  /// `&anchor` and `!tag` in either order, on one line.
  bool read_properties(YamlProperties& properties) {
    while (text_.at(at_) == '&' || text_.at(at_) == '!') {
      const u32 begin = at_;
      const bool anchor = text_.at(at_) == '&';
      while (!text_.is_space_at(at_) && !(is_flow_indicator(text_.at(at_)))) ++at_;
      const std::string_view word = text_.text().substr(begin, at_ - begin);
      std::string_view& slot = anchor ? properties.anchor : properties.tag;
      if (!slot.empty() || (anchor && word.size() == 1)) {
        return builder_.error(begin, at_, "a value takes one anchor and one tag", "one too many");
      }
      if (!anchor && word.starts_with("!<") && !word.ends_with(">")) return unusual();
      slot = anchor ? word.substr(1) : word;
      if (properties.begin == 0 && properties.end == 0) properties.begin = begin;
      properties.end = at_;
      const u32 after = text_.skip_blanks(at_);
      if (after == at_) {
        if (text_.is_space_at(at_) || text_.at(at_) == ',' || text_.at(at_) == ']' ||
            text_.at(at_) == '}') {
          break;
        }
        return fail("a blank is expected after an anchor or tag", "not a blank");
      }
      if (text_.at(after) != '&' && text_.at(after) != '!') break;
      at_ = after;
    }
    return true;
  }

  /// Adds `inner` to what stood before the same value on earlier lines.
  bool combine(YamlProperties& outer, const YamlProperties& inner) {
    if (!inner.any()) return true;
    const bool twice = (!outer.anchor.empty() && !inner.anchor.empty()) ||
                       (!outer.tag.empty() && !inner.tag.empty());
    if (twice) return fail_properties(inner);
    if (!outer.any()) outer.begin = inner.begin;
    if (!inner.anchor.empty()) outer.anchor = inner.anchor;
    if (!inner.tag.empty()) outer.tag = inner.tag;
    outer.end = inner.end;
    return true;
  }

  /// A quoted or plain scalar or an alias; the position moves behind it.
  bool read_simple(i32 parent, bool flow, Key& key) {
    const char c = text_.at(at_);
    YamlTextError error;
    if (c == '*') return read_alias(key);
    if (c == '"') {
      if (!text_.double_quoted(at_, parent, tree_, key.scalar, error)) return report(error);
    } else if (c == '\'') {
      if (!text_.single_quoted(at_, parent, tree_, key.scalar, error)) return report(error);
    } else {
      if (!check_plain_start(flow)) return false;
      text_.plain(at_, parent, flow, tree_, key.scalar);
    }
    at_ = key.scalar.end;
    if (key.scalar.several_lines) find_line();
    return true;
  }

  bool read_alias(Key& key) {
    const u32 begin = at_++;
    while (!text_.is_space_at(at_) && !is_flow_indicator(text_.at(at_))) ++at_;
    if (at_ == begin + 1) return fail("an alias needs a name", "no name after `*`");
    key.is_alias = true;
    key.scalar = {.begin = begin, .end = at_};
    key.scalar.text = text_.text().substr(begin + 1, at_ - begin - 1);
    return true;
  }

  bool check_plain_start(bool flow) {
    const char c = text_.at(at_);
    const char next = text_.at(at_ + 1);
    const bool ambiguous = c == '-' || c == '?' || c == ':';
    if (ambiguous && !text_.is_space_at(at_ + 1) && !(flow && is_flow_indicator(next))) return true;
    static constexpr std::string_view kIndicators = ",[]{}#&*!|>'\"%@`";
    if (!ambiguous && kIndicators.find(c) == std::string_view::npos) return true;
    if (c == '@' || c == '`') {
      return fail(std::string("a plain text cannot begin with `") + (c == '`' ? "\\`" : "@") + "`",
                  "reserved by YAML", "put the text in quotes");
    }
    return fail(std::string("a plain text cannot begin with `") + c + "`", "not expected here",
                "put the text in quotes");
  }

  /// Sets line_ after a scalar of several lines, for columns behind it.
  void find_line() {
    u32 p = at_;
    while (p > line_ && !is_break(text_.at(p - 1))) --p;
    line_ = p;
    start_line();
  }

  bool emit(const Key& key) {
    if (key.is_alias) return builder_.alias(key.scalar.text, key.scalar.begin, key.scalar.end);
    return builder_.scalar(key.scalar, key.properties);
  }

  bool empty(const YamlProperties& properties, u32 offset) {
    const u32 place = properties.any() ? properties.end : offset;
    return builder_.scalar({.begin = place, .end = place}, properties);
  }

  // Failures ------------------------------------------------------------------------------------

  bool unusual() {
    unusual_ = true;
    return false;
  }
  bool fail(std::string message, std::string label, std::string help = {}) {
    const u32 end = text_.is_line_end(at_) ? at_ : at_ + 1;
    return builder_.error(at_, end, std::move(message), std::move(label), std::move(help));
  }
  bool report(const YamlTextError& error) {
    return builder_.error(error.begin, std::min(error.end, text_.size()), error.message,
                          error.label, error.help);
  }
  bool fail_tab() {
    const size_t tab = text_.text().find('\t', line_);
    if (tab < at_) at_ = static_cast<u32>(tab);
    return fail("a tab cannot indent in YAML", "this tab", "use spaces");
  }
  bool fail_indent(u32 sibling) {
    (void)sibling;
    return fail("the line is indented more than its neighbours, but belongs to none of them",
                "indented too far, or the one before too little");
  }
  bool fail_nested_key(bool continues_text = false) {
    at_ = text_.skip_blanks(at_);
    if (continues_text) {
      return fail("a key cannot begin inside the text of the lines before", "taken for a key",
                  "check the indentation of this line, or put the whole text in quotes");
    }
    return fail("a map cannot begin on the line of another key", "this `:` makes the text a key",
                "put the text in quotes if the `:` belongs to it");
  }
  bool fail_long_key(const Key& key) {
    return builder_.error(key.scalar.begin, key.scalar.end, "a key must stand on one line",
                          "goes over several lines");
  }
  bool fail_key(u32 begin) {
    return builder_.error(begin, std::max(begin + 1, at_),
                          "a key must be a scalar, not a map or a list", "used as a key");
  }
  bool fail_properties(const YamlProperties& properties) {
    return builder_.error(properties.begin, properties.end,
                          "the anchor or tag does not belong to a value", "one too many");
  }
  bool fail_open(u32 begin) {
    return builder_.error(begin, begin + 1,
                          std::string("the `") + text_.at(begin) + "` is not closed",
                          "opened here");
  }

  YamlText text_;
  Tree& tree_;
  YamlBuilder& builder_;
  u32 at_ = 0;
  u32 line_ = 0;    // begin of the line of `at_`
  u32 indent_ = 0;  // spaces at its begin
  bool tab_ = false;
  bool crossed_ = false;
  bool unusual_ = false;
};

}  // namespace

YamlOutcome parse_yaml(std::string_view text, YamlBuilder& builder) {
  return Parser(text, builder).run();
}

}  // namespace gw::compiler
