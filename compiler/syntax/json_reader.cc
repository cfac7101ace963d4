// The JSON reader: RFC 8259, strictly, in one pass over the bytes and without recursion.
//
// Open maps and lists are kept on a stack of our own. Strings without an escape are views into
// the file; only those with one are copied. Numbers are checked and kept as text.
#include <cstring>
#include <vector>

#include "compiler/syntax/read.h"
#include "compiler/syntax/scalar.h"
#include "runtime/base/hex.h"

namespace gw::compiler {
namespace {

class JsonReader {
 public:
  JsonReader(std::string_view text, FileId file, DiagnosticSink& sink)
      : text_(text), at_(text.data()), end_(text.data() + text.size()), file_(file), sink_(sink) {}

  std::unique_ptr<Tree> read() {
    tree_ = std::make_unique<Tree>(file_);
    if (!check_encoding()) return nullptr;
    if (text_.starts_with("\xef\xbb\xbf")) at_ += 3;
    tree_->nodes.reserve(text_.size() / 8 + 16);  // untouched memory costs nothing
    if (!read_document()) return nullptr;
    finish_tree(*tree_, sink_);
    return std::move(tree_);
  }

 private:
  struct Open {
    u32 node;
    u32 last;  // last key's value, or last item; 0: none yet
  };

  bool check_encoding() {
    if (text_.starts_with("\xff\xfe") || text_.starts_with("\xfe\xff")) {
      return fail_at(0, 2, "the file is in UTF-16", "byte order mark", "save it as UTF-8");
    }
    const size_t invalid = find_invalid_utf8(text_);
    if (invalid == kAllValid) return true;
    return fail_at(invalid, invalid + 1, "the file is not valid UTF-8", "this byte");
  }

  /// Values are read in a loop: `read_value` opens containers, `after_value` closes them.
  bool read_document() {
    skip_space();
    if (at_ == end_) return fail_here("the document is empty", "a value is expected here");
    if (!read_value()) return false;
    while (!stack_.empty()) {
      if (!next_in_container()) return false;
    }
    skip_space();
    if (at_ != end_) return fail_here("there is text after the document", "a second value?");
    return true;
  }

  /// Reads up to the next value of the innermost container, or closes it.
  bool next_in_container() {
    Open& open = stack_.back();
    const bool map = tree_->nodes[open.node].kind == NodeKind::Map;
    const char closing = map ? '}' : ']';
    skip_space();
    if (at_ != end_ && *at_ == closing) {
      ++at_;
      tree_->nodes[open.node].end = offset();
      stack_.pop_back();
      return true;
    }
    if (open.last != 0) {
      if (at_ == end_) return fail_unclosed();
      if (*at_ != ',') return fail_no_comma(closing);
      const char* comma = at_++;
      skip_space();
      if (at_ != end_ && *at_ == closing) {
        at_ = comma;
        return fail_here("JSON allows no comma before the closing bracket", "this comma");
      }
    }
    if (at_ == end_) return fail_unclosed();
    return map ? read_entry() : read_value();
  }

  bool read_entry() {
    if (*at_ != '"') return fail_here("a key in double quotes is expected", "no key");
    const u32 key = append(NodeKind::String);
    if (key == 0 || !read_string(key)) return false;
    skip_space();
    if (at_ == end_ || *at_ != ':') return fail_here("a `:` is expected after a key", "no colon");
    ++at_;
    skip_space();
    return read_value();
  }

  bool read_value() {
    if (at_ == end_) return stack_.empty() ? fail_here("a value is expected", "") : fail_unclosed();
    switch (*at_) {
      case '{':
        return open_container(NodeKind::Map);
      case '[':
        return open_container(NodeKind::Seq);
      case '"': {
        const u32 node = append(NodeKind::String);
        return node != 0 && read_string(node);
      }
      case 't':
        return read_word("true", NodeKind::Bool);
      case 'f':
        return read_word("false", NodeKind::Bool);
      case 'n':
        return read_word("null", NodeKind::Null);
      default:
        return read_number();
    }
  }

  bool open_container(NodeKind kind) {
    if (stack_.size() >= kMaxDepth) {
      return fail_here("maps and lists are nested more than " + std::to_string(kMaxDepth) + " deep",
                       "too deep");
    }
    const u32 node = append(kind);
    if (node == 0) return false;
    ++at_;
    stack_.push_back({.node = node, .last = 0});
    return true;
  }

  /// Adds a node to the innermost container; 0 when there are too many.
  u32 append(NodeKind kind) {
    std::vector<Node>& nodes = tree_->nodes;
    if (nodes.size() >= kMaxNodes) {
      fail_here("the file has more than " + std::to_string(kMaxNodes) + " values", "this one");
      return 0;
    }
    const u32 index = static_cast<u32>(nodes.size());
    Node& node = nodes.emplace_back();
    node.kind = kind;
    node.begin = offset();
    if (stack_.empty()) {
      tree_->root_index = index;
      return index;
    }
    Open& open = stack_.back();
    Node& parent = nodes[open.node];
    // In a map keys and values alternate; the key is the one that counts the entry.
    const bool value_of_key = parent.kind == NodeKind::Map && awaits_value_;
    (open.last == 0 ? parent.first : nodes[open.last].next) = index;
    open.last = index;
    if (!value_of_key) ++parent.count;
    awaits_value_ = parent.kind == NodeKind::Map && !value_of_key;
    return index;
  }

  void end_scalar(u32 node, std::string_view text) {
    tree_->nodes[node].end = offset();
    tree_->nodes[node].text = text;
  }

  bool read_word(std::string_view word, NodeKind kind) {
    const std::string_view rest(at_, static_cast<size_t>(end_ - at_));
    if (!rest.starts_with(word)) return fail_word();
    const u32 node = append(kind);
    if (node == 0) return false;
    at_ += word.size();
    end_scalar(node, rest.substr(0, word.size()));
    return true;
  }

  bool read_number() {
    const char* p = at_;
    bool integer = true;
    const auto digits = [&] {
      const char* begin = p;
      while (p != end_ && *p >= '0' && *p <= '9') ++p;
      return p != begin;
    };
    if (*p == '-') ++p;
    if (p != end_ && *p == '0') {
      ++p;
    } else if (!digits()) {
      return fail_word();
    }
    if (p != end_ && *p == '.') {
      integer = false;
      ++p;
      if (!digits()) return fail_number(p);
    }
    if (p != end_ && (*p == 'e' || *p == 'E')) {
      integer = false;
      ++p;
      if (p != end_ && (*p == '+' || *p == '-')) ++p;
      if (!digits()) return fail_number(p);
    }
    if (p != end_ && *p >= '0' && *p <= '9') return fail_number(p);
    const u32 node = append(integer ? NodeKind::Int : NodeKind::Float);
    if (node == 0) return false;
    const std::string_view text(at_, static_cast<size_t>(p - at_));
    at_ = p;
    end_scalar(node, text);
    return true;
  }

  bool read_string(u32 node) {
    tree_->nodes[node].quoted = true;
    const char* begin = ++at_;
    const char* p = begin;
    while (p != end_ && *p != '"' && *p != '\\' && static_cast<u8>(*p) >= 0x20) ++p;
    if (p != end_ && *p == '"') {
      at_ = p + 1;
      end_scalar(node, {begin, static_cast<size_t>(p - begin)});
      return true;
    }
    std::string decoded(begin, p);
    at_ = p;
    while (at_ != end_ && *at_ != '"') {
      if (static_cast<u8>(*at_) < 0x20) {
        return fail_here("a string may not hold a control character", "write it as \\u00XX");
      }
      if (*at_ == '\\') {
        if (!read_escape(decoded)) return false;
        continue;
      }
      decoded.push_back(*at_++);
    }
    if (at_ == end_) {
      at_ = begin - 1;
      return fail_here("a string is not closed", "begins here");
    }
    ++at_;
    end_scalar(node, tree_->keep(std::move(decoded)));
    return true;
  }

  bool read_escape(std::string& decoded) {
    const char* begin = at_++;
    const char kind = at_ == end_ ? '\0' : *at_++;
    static constexpr std::string_view kNames = "\"\\/bfnrt";
    static constexpr std::string_view kValues = "\"\\/\b\f\n\r\t";
    if (const size_t known = kNames.find(kind); kind != '\0' && known != std::string_view::npos) {
      decoded.push_back(kValues[known]);
      return true;
    }
    u32 unit = 0;
    if (kind != 'u' || !read_hex4(unit)) {
      at_ = begin;
      return fail_here("this is no escape of JSON", "unknown escape");
    }
    if (unit >= 0xd800 && unit <= 0xdbff) {
      u32 low = 0;
      const bool paired = end_ - at_ >= 6 && at_[0] == '\\' && at_[1] == 'u';
      if (paired) at_ += 2;
      if (paired && read_hex4(low) && low >= 0xdc00 && low <= 0xdfff) {
        append_utf8(decoded, 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00));
        return true;
      }
    }
    if (unit >= 0xd800 && unit <= 0xdfff) {
      at_ = begin;
      return fail_here("half of a surrogate pair is no character", "lone surrogate");
    }
    append_utf8(decoded, unit);
    return true;
  }

  bool read_hex4(u32& unit) {
    if (end_ - at_ < 4) return false;
    unit = 0;
    for (int i = 0; i < 4; ++i) {
      const int digit = hex_value(at_[i]);
      if (digit < 0) return false;
      unit = unit << 4 | static_cast<u32>(digit);
    }
    at_ += 4;
    return true;
  }

  void skip_space() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
  }

  u32 offset() const { return static_cast<u32>(at_ - text_.data()); }

  bool fail_at(size_t begin, size_t end, std::string message, std::string label,
               std::string help = {}) {
    const Span span{.file = file_, .begin = static_cast<u32>(begin), .end = static_cast<u32>(end)};
    sink_.report(syntax_error(span, std::move(message), std::move(label), std::move(help)));
    return false;
  }
  bool fail_here(std::string message, std::string label) {
    const u32 begin = offset();
    return fail_at(begin, at_ == end_ ? begin : begin + 1, std::move(message), std::move(label));
  }
  bool fail_unclosed() {
    const Node& open = tree_->nodes[stack_.back().node];
    const Span end{.file = file_, .begin = offset(), .end = offset()};
    Diagnostic finding = syntax_error(end, std::string(kind_name(open.kind)) + " is not closed",
                                      "the file ends here");
    finding.related.push_back(
        {{.file = file_, .begin = open.begin, .end = open.begin + 1}, "opened here"});
    sink_.report(std::move(finding));
    return false;
  }
  bool fail_no_comma(char closing) {
    return fail_here(std::string("a `,` or `") + closing + "` is expected", "neither");
  }
  bool fail_number(const char* p) {
    const u32 begin = offset();
    return fail_at(begin, static_cast<size_t>(p - text_.data()) + (p == end_ ? 0 : 1),
                   "this is no number of JSON", "not a number");
  }
  bool fail_word() {
    const u32 begin = offset();
    const char* p = at_;
    const auto is_word = [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-' || c == '+' ||
             (c >= '0' && c <= '9') || c == '.';
    };
    while (p != end_ && p - at_ < 40 && is_word(*p)) ++p;
    const size_t length = p == at_ ? 1 : static_cast<size_t>(p - at_);
    if (*at_ == '/' || *at_ == '#') {
      return fail_at(begin, begin + length, "JSON has no comments", "a comment?");
    }
    if (*at_ == '\'')
      return fail_at(begin, begin + 1, "JSON knows double quotes only", "this quote");
    return fail_at(begin, begin + length, "a value is expected", "not a value of JSON");
  }

  std::string_view text_;
  const char* at_;
  const char* end_;
  FileId file_;
  DiagnosticSink& sink_;
  std::unique_ptr<Tree> tree_;
  std::vector<Open> stack_;
  bool awaits_value_ = false;
};

}  // namespace

std::unique_ptr<Tree> read_json(const FileSet& files, FileId file, DiagnosticSink& sink) {
  return JsonReader(files.text(file), file, sink).read();
}

}  // namespace gw::compiler
