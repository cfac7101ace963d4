#include "compiler/overlay/json_path.h"

#include <algorithm>
#include <charconv>

namespace gw::compiler {
namespace {

// Also letters outside ASCII, as RFC 9535 has it; and '-', which OpenAPI users write (`.x-gw`).
bool is_name_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || static_cast<unsigned char>(c) >= 0x80;
}

class Parser {
 public:
  Parser(std::string_view text, JsonPathError& error) : text_(text), error_(error) {}

  bool parse(JsonPath& path) {
    if (!take('$')) return fail(at_, "a target begins with `$`");
    while (at_ < text_.size()) {
      if (path.segments.size() >= kMaxJsonPathSegments) return fail(at_, "the target is too deep");
      JsonPathSegment& segment = path.segments.emplace_back();
      if (text_.substr(at_).starts_with("..")) {
        return fail(at_, "`..` is not supported: name each step");
      }
      const bool read = take('.') ? dot(segment) : bracket(segment);
      if (!read) return false;
    }
    return true;
  }

 private:
  bool fail(size_t begin, std::string message) {
    if (!error_.message.empty()) return false;  // the first cause is the one that counts
    error_.begin = static_cast<u32>(std::min(begin, text_.size()));
    error_.end = static_cast<u32>(std::min(begin + 1, text_.size()));
    error_.message = std::move(message);
    return false;
  }
  bool take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void skip_blanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
  }

  std::string name() {
    const size_t begin = at_;
    while (at_ < text_.size() && is_name_byte(text_[at_])) ++at_;
    return std::string(text_.substr(begin, at_ - begin));
  }

  bool dot(JsonPathSegment& segment) {
    JsonPathSelector& selector = segment.selectors.emplace_back();
    if (take('*')) {
      selector.kind = JsonPathSelector::Kind::Wildcard;
      return true;
    }
    selector.name = name();
    if (selector.name.empty()) return fail(at_, "a name or `*` follows `.`");
    if (at_ < text_.size() && text_[at_] == '(') return fail(at_, "functions are not supported");
    return true;
  }

  bool bracket(JsonPathSegment& segment) {
    if (!take('[')) return fail(at_, "`.` or `[` is expected here");
    do {
      skip_blanks();
      if (!selector(segment.selectors.emplace_back())) return false;
      skip_blanks();
    } while (take(','));
    if (at_ < text_.size() && text_[at_] == ':') return fail(at_, "slices are not supported");
    return take(']') || fail(at_, "`]` is expected here");
  }

  bool selector(JsonPathSelector& out) {
    if (at_ >= text_.size()) return fail(at_, "the target ends inside `[`");
    const char c = text_[at_];
    if (c == '\'' || c == '"') return quoted(out.name);
    if (take('*')) {
      out.kind = JsonPathSelector::Kind::Wildcard;
      return true;
    }
    if (take('?')) return filter(out);
    if (c == '-' || (c >= '0' && c <= '9')) return index(out);
    if (c == ':') return fail(at_, "slices are not supported");
    if (c == '(') return fail(at_, "script expressions are not supported");
    return fail(at_, "a quoted name, a number, `*` or `?` follows `[`");
  }

  bool index(JsonPathSelector& out) {
    out.kind = JsonPathSelector::Kind::Index;
    const char* begin = text_.data() + at_;
    const auto [end, ec] = std::from_chars(begin, text_.data() + text_.size(), out.index);
    if (ec != std::errc{}) return fail(at_, "this is not an index");
    at_ += static_cast<size_t>(end - begin);
    return true;
  }

  bool quoted(std::string& out) {
    const size_t begin = at_;
    const char quote = text_[at_++];
    while (at_ < text_.size() && text_[at_] != quote) {
      if (text_[at_] == '\\') {
        ++at_;
        const bool known =
            at_ < text_.size() && (text_[at_] == quote || text_[at_] == '\\' || text_[at_] == '/');
        if (!known) return fail(at_ - 1, "only `\\\\`, `\\/` and the quote can be escaped");
      }
      out += text_[at_++];
    }
    return take(quote) || fail(begin, "the quote is not closed");
  }

  bool filter(JsonPathSelector& out) {
    out.kind = JsonPathSelector::Kind::Filter;
    skip_blanks();
    const bool wrapped = take('(');
    skip_blanks();
    if (!take('@'))
      return fail(at_, "a filter compares `@` or what is below it, as in `?@.x=='y'`");
    if (!filter_path(out.path)) return false;
    skip_blanks();
    if (!comparison(out)) return false;
    skip_blanks();
    const std::string_view rest = text_.substr(at_);
    if (rest.starts_with("&&") || rest.starts_with("||")) {
      return fail(at_, "`&&` and `||` are not supported: use an action for each");
    }
    return !wrapped || take(')') || fail(at_, "`)` is expected here");
  }

  bool filter_path(std::vector<std::string>& path) {
    while (at_ < text_.size() && (text_[at_] == '.' || text_[at_] == '[')) {
      if (path.size() >= kMaxJsonPathSegments) return fail(at_, "the filter is too deep");
      std::string& step = path.emplace_back();
      if (take('.')) {
        step = name();
        if (step.empty()) return fail(at_, "a name follows `.`");
        continue;
      }
      ++at_;
      if (at_ >= text_.size() || (text_[at_] != '\'' && text_[at_] != '"')) {
        return fail(at_, "a quoted name follows `[` here");
      }
      if (!quoted(step)) return false;
      if (!take(']')) return fail(at_, "`]` is expected here");
    }
    return true;
  }

  bool comparison(JsonPathSelector& out) {
    const std::string_view rest = text_.substr(at_);
    if (rest.starts_with("==")) {
      out.test = JsonPathSelector::Test::Equal;
    } else if (rest.starts_with("!=")) {
      out.test = JsonPathSelector::Test::Unequal;
    } else if (rest.starts_with("<") || rest.starts_with(">") || rest.starts_with("=~")) {
      return fail(at_, "a filter compares with `==` or `!=` only");
    } else {
      return true;
    }
    at_ += 2;
    skip_blanks();
    if (at_ < text_.size() && (text_[at_] == '\'' || text_[at_] == '"')) {
      out.literal_is_text = true;
      return quoted(out.literal);
    }
    const size_t begin = at_;
    while (at_ < text_.size() && (is_name_byte(text_[at_]) || text_[at_] == '.')) ++at_;
    out.literal = text_.substr(begin, at_ - begin);
    return !out.literal.empty() || fail(at_, "a text in quotes, a number, true, false or null");
  }

  std::string_view text_;
  JsonPathError& error_;
  size_t at_ = 0;
};

}  // namespace

bool parse_json_path(std::string_view text, JsonPath& path, JsonPathError& error) {
  path = {};
  error = {};
  return Parser(text, error).parse(path);
}

}  // namespace gw::compiler
