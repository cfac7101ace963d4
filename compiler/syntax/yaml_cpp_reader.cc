// yaml-cpp says where a value begins, not where it ends, and its marks point at an anchor or tag
// when there is one. So each scalar is scanned again from its mark with YamlText, which gives its
// exact span and text; yaml-cpp decides the structure.
#include "compiler/syntax/yaml_cpp_reader.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <istream>
#include <streambuf>
#include <vector>

#include "compiler/syntax/scalar.h"
#include "compiler/syntax/yaml_builder.h"
#include "compiler/syntax/yaml_text.h"

namespace gw::compiler {
namespace {

/// Lets yaml-cpp read a view without copying it.
class ViewBuffer : public std::streambuf {
 public:
  explicit ViewBuffer(std::string_view text) {
    char* begin = const_cast<char*>(text.data());  // never written: no put area is set
    setg(begin, begin, begin + text.size());
  }
};

struct Stop {};  // leaves yaml-cpp after the builder has reported why

class Handler final : public YAML::EventHandler {
 public:
  Handler(std::string_view text, YamlBuilder& builder)
      : text_(text), base_(text.starts_with("\xef\xbb\xbf") ? 3 : 0), builder_(builder) {}

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const u32 begin = value_begin(mark);
    if (plain_word(begin) == NodeKind::Null) {
      scalar(mark, "?", anchor, text_.text().substr(begin, word_end(begin) - begin));
    } else {
      absent(mark, "?", anchor);
    }
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    scalar(mark, tag, anchor, value);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const u32 begin = forward(offset(mark));
    u32 end = begin;
    while (!text_.is_space_at(end) && !is_flow_indicator(text_.at(end))) ++end;
    require(builder_.alias(anchor_name(anchor), begin, end));
    count_child();
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value style) override {
    open(NodeKind::Seq, mark, tag, anchor, style);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value style) override {
    open(NodeKind::Map, mark, tag, anchor, style);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Frame {
    bool map = false;
    bool flow = false;
    bool awaits_value = false;
    bool empty = true;
    u32 begin = 0;
    i32 column = 0;
  };

  u32 offset(const YAML::Mark& mark) const {
    return std::min(static_cast<u32>(std::max(mark.pos, 0)) + base_, text_.size());
  }

  /// Where yaml-cpp and we differ about the end of a value, spans still never go backwards.
  u32 forward(u32 place) const {
    if (stack_.empty()) return place;
    return std::max({place, stack_.back().begin, stack_.back().empty ? 0 : builder_.last_end()});
  }

  static void require(bool done) {
    if (!done) throw Stop{};
  }

  std::string_view anchor_name(YAML::anchor_t anchor) {
    return anchor == 0 ? std::string_view{} : builder_.tree().keep(std::to_string(anchor));
  }

  /// Moves over `&anchor`, `!tag`, blanks, breaks and comments to the value itself.
  u32 skip_properties(u32 p) const {
    while (!text_.ends_at(p)) {
      const char c = text_.at(p);
      if (c == '&' || c == '!') {
        while (!text_.is_space_at(p) && !is_flow_indicator(text_.at(p))) ++p;
      } else if (c == '#') {
        p = text_.line_end(p);
      } else if (text_.is_space_at(p)) {
        ++p;
      } else {
        break;
      }
    }
    return p;
  }

  YamlProperties properties(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    const u32 begin = offset(mark);
    u32 end = begin;
    while (!text_.is_space_at(end)) ++end;
    const bool written = !tag.empty() && tag != "?" && text_.at(begin) != '"' &&
                         text_.at(begin) != '\'' && text_.at(begin) != '|' &&
                         text_.at(begin) != '>';
    return {.anchor = anchor_name(anchor),
            .tag = written ? builder_.tree().keep(tag) : std::string_view{},
            .begin = begin,
            .end = end};
  }

  u32 value_begin(const YAML::Mark& mark) const {
    const u32 marked = offset(mark);
    const char first = text_.at(marked);
    return first == '&' || first == '!' ? skip_properties(marked) : marked;
  }

  void scalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
              std::string_view value) {
    YamlScalar scalar;
    if (!rescan(value_begin(mark), scalar)) throw Stop{};
    // The mark of an absent value is that of what follows it.
    if (value.empty() && !scalar.text.empty()) return absent(mark, tag, anchor);
    scalar.begin = forward(scalar.begin);
    scalar.end = std::max(scalar.end, scalar.begin);
    require(builder_.scalar(scalar, properties(mark, tag, anchor)));
    count_child();
  }

  /// A value that is not there: its place is behind its colon or dash.
  void absent(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    const YamlProperties given = properties(mark, tag, anchor);
    u32 place = given.any() ? given.end : builder_.last_end();
    if (!given.any() && !stack_.empty()) {
      const bool value = stack_.back().map && stack_.back().awaits_value;
      const bool item = !stack_.back().map && !stack_.back().flow;
      if (stack_.back().empty) place = std::max(place, stack_.back().begin);
      const u32 indicator = item ? skip_properties(place) : text_.skip_blanks(place);
      const bool found = text_.at(indicator) == (item ? '-' : ':');
      if ((value || item) && found) place = indicator + 1;
    }
    place = forward(place);
    require(builder_.scalar({.begin = place, .end = place}, given));
    count_child();
  }

  u32 word_end(u32 begin) const {
    u32 end = begin;
    while (!text_.is_space_at(end) && !is_flow_indicator(text_.at(end)) && text_.at(end) != ':') {
      ++end;
    }
    return end;
  }
  /// Kind of the word at an offset, for telling a written null from an absent value.
  NodeKind plain_word(u32 begin) const {
    const u32 end = word_end(begin);
    if (end == begin) return NodeKind::String;
    return plain_kind(text_.text().substr(begin, end - begin));
  }

  bool rescan(u32 begin, YamlScalar& scalar) {
    const bool flow = !stack_.empty() && stack_.back().flow;
    const i32 parent = parent_column();
    YamlTextError error;
    bool done = true;
    u32 next = 0;
    switch (text_.at(begin)) {
      case '"':
        done = text_.double_quoted(begin, parent, builder_.tree(), scalar, error);
        break;
      case '\'':
        done = text_.single_quoted(begin, parent, builder_.tree(), scalar, error);
        break;
      case '|':
      case '>':
        done = text_.block_scalar(begin, parent, builder_.tree(), scalar, next, error);
        break;
      default:
        text_.plain(begin, parent, flow, builder_.tree(), scalar);
    }
    if (done) return true;
    return builder_.error(error.begin, std::min(error.end, text_.size()), error.message,
                          error.label, error.help);
  }

  i32 parent_column() const {
    for (auto frame = stack_.rbegin(); frame != stack_.rend(); ++frame) {
      if (!frame->flow) return frame->column;
    }
    return -1;
  }

  void open(NodeKind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
            YAML::EmitterStyle::value style) {
    const u32 marked = offset(mark);
    const u32 begin = forward(skip_properties(marked));
    if (!stack_.empty() && stack_.back().map && !stack_.back().awaits_value) {
      builder_.error(begin, begin + 1, "a key must be a scalar, not a map or a list",
                     "used as a key");
      throw Stop{};
    }
    const bool flow = style == YAML::EmitterStyle::Flow;
    require(builder_.open(kind, begin, properties(mark, tag, anchor)));
    stack_.push_back(
        {.map = kind == NodeKind::Map, .flow = flow, .begin = begin, .column = column_of(begin)});
  }

  i32 column_of(u32 offset) const {
    u32 line = offset;
    while (line > base_ && !is_break(text_.at(line - 1))) --line;
    return static_cast<i32>(offset - line);
  }

  void close() {
    u32 end = builder_.last_end();
    if (stack_.back().flow) {
      const char closing = stack_.back().map ? '}' : ']';
      u32 p = end;
      while (!text_.ends_at(p) && text_.at(p) != closing) {
        p = text_.at(p) == '#' ? text_.line_end(p) : p + 1;
      }
      if (!text_.ends_at(p)) end = p + 1;
    }
    end = std::max(end, stack_.back().begin);
    stack_.pop_back();
    require(builder_.close(end));
    count_child();
  }

  void count_child() {
    if (stack_.empty()) return;
    stack_.back().empty = false;
    if (stack_.back().map) stack_.back().awaits_value ^= true;
  }

  YamlText text_;
  u32 base_;
  YamlBuilder& builder_;
  std::vector<Frame> stack_;
};

/// What a second document would say to; it says nothing.
class Ignore final : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t,
                const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}
};

std::string message_of(const YAML::Exception& exception) {
  // Its own depth limit is reported under a message that names no cause.
  if (exception.msg == "bad file") return "maps and lists are nested too deep";
  return exception.msg.empty() ? "this is not valid YAML" : exception.msg;
}

}  // namespace

std::unique_ptr<Tree> read_yaml_completely(std::string_view text, FileId file,
                                           DiagnosticSink& sink) {
  YamlBuilder builder(file, sink);
  // yaml-cpp does not take a lone CR for a line break, which would shift all that follows.
  for (size_t cr = text.find('\r'); cr != std::string_view::npos; cr = text.find('\r', cr + 1)) {
    if (cr + 1 < text.size() && text[cr + 1] == '\n') continue;
    const u32 at = static_cast<u32>(cr);
    builder.error(at, at + 1, "lines must end with LF or CRLF", "a lone CR");
    return nullptr;
  }
  Handler handler(text, builder);
  ViewBuffer buffer(text);
  std::istream stream(&buffer);
  const u32 base = text.starts_with("\xef\xbb\xbf") ? 3 : 0;
  try {
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(handler)) {
      const u32 end = static_cast<u32>(text.size());
      builder.error(end, end, "a document is expected after its directives", "the file ends here");
      return nullptr;
    }
    Ignore ignore;
    if (parser.HandleNextDocument(ignore)) {
      const u32 end = builder.last_end();
      builder.error(end, end, "the file holds more than one document",
                    "a second one begins after this", "keep each document in a file of its own");
      return nullptr;
    }
  } catch (const Stop&) {
    return nullptr;
  } catch (const YAML::Exception& exception) {
    const int position = std::max(exception.mark.pos, 0);
    const u32 at = std::min(static_cast<u32>(position) + base, static_cast<u32>(text.size()));
    builder.error(at, std::min(at + 1, static_cast<u32>(text.size())), message_of(exception),
                  "here");
    return nullptr;
  }
  return builder.finish();
}

}  // namespace gw::compiler
