#include "compiler/router/path_template.h"

#include <algorithm>
#include <optional>

#include "runtime/router/capture.h"
#include "runtime/router/format.h"

namespace gw::compiler::router {
namespace {

class TemplateParser {
 public:
  explicit TemplateParser(std::string_view text) : text_(text) {}

  std::variant<PathTemplate, TemplateError> run() {
    if (text_.empty() || text_.front() != '/') {
      return TemplateError{0, 1, "a path begins with `/`"};
    }
    size_t at = 1;
    for (;;) {
      // A slash inside braces belongs to the (bad) name, not to the path.
      size_t end = at;
      for (bool inside = false; end < text_.size() && (inside || text_[end] != '/'); ++end) {
        if (text_[end] == '{') inside = true;
        if (text_[end] == '}') inside = false;
      }
      if (!parse_segment(at, end)) return *error_;
      if (end == text_.size()) break;
      at = end + 1;
    }
    return std::move(out_);
  }

 private:
  bool error(size_t begin, size_t end, std::string reason) {
    error_ = TemplateError{static_cast<u32>(begin), static_cast<u32>(end), std::move(reason)};
    return false;
  }

  bool parse_segment(size_t begin, size_t end) {
    if (out_.segments.size() == gw::router::kMaxSegments) {
      return error(begin, end,
                   "a path has at most " + std::to_string(gw::router::kMaxSegments) + " segments");
    }
    if (!out_.segments.empty() && out_.segments.back().kind == SegmentKind::CatchAll) {
      return error(begin - 1, end, "nothing may follow a `{name+}` parameter");
    }
    Segment segment;
    segment.literals.emplace_back();
    for (size_t at = begin; at < end;) {
      const char c = text_[at];
      if (c == '}') return error(at, at + 1, "`}` without `{`");
      if (c != '{') {
        segment.literals.back() += c;
        ++at;
        continue;
      }
      const size_t close = text_.find('}', at);
      if (close == std::string_view::npos || close >= end) {
        return error(at, at + 1, "`{` is not closed");
      }
      if (!parse_parameter(segment, at, close, begin, end)) return false;
      at = close + 1;
    }
    finish(segment);
    for (const std::string& literal : segment.literals) {
      if (segment.kind == SegmentKind::Partial && literal.size() > gw::router::kMaxPieceLiteral) {
        return error(begin, end, "the text beside a parameter is longer than 252 bytes");
      }
    }
    out_.segments.push_back(std::move(segment));
    return true;
  }

  bool parse_parameter(Segment& segment, size_t open, size_t close, size_t begin, size_t end) {
    std::string_view name = text_.substr(open + 1, close - open - 1);
    const bool catch_all = !name.empty() && name.back() == '+';
    if (catch_all) name.remove_suffix(1);
    if (name.empty()) return error(open, close + 1, "a parameter needs a name");
    if (name.find_first_of("{/+") != std::string_view::npos) {
      return error(open, close + 1, "a parameter's name cannot hold `{`, `/` or `+`");
    }
    if (std::find(names_.begin(), names_.end(), name) != names_.end()) {
      return error(open, close + 1, "the parameter `" + std::string(name) + "` occurs twice");
    }
    if (names_.size() == kMaxCaptures) {
      return error(open, close + 1,
                   "a path has at most " + std::to_string(kMaxCaptures) + " parameters");
    }
    if (catch_all && (open != begin || close + 1 != end)) {
      return error(open, close + 1, "a `{name+}` parameter is a whole segment");
    }
    if (!segment.names.empty() && segment.literals.back().empty()) {
      return error(open, close + 1, "two parameters in one segment need text between them");
    }
    names_.push_back(name);
    segment.names.emplace_back(name);
    segment.literals.emplace_back();
    if (catch_all) segment.kind = SegmentKind::CatchAll;
    return true;
  }

  static void finish(Segment& segment) {
    if (segment.kind == SegmentKind::CatchAll || segment.names.empty()) return;
    const bool whole = segment.names.size() == 1 && segment.literals.front().empty() &&
                       segment.literals.back().empty();
    segment.kind = whole ? SegmentKind::Parameter : SegmentKind::Partial;
  }

  std::string_view text_;
  PathTemplate out_;
  std::vector<std::string_view> names_;
  std::optional<TemplateError> error_;
};

}  // namespace

std::string Segment::shape() const {
  if (kind == SegmentKind::CatchAll) return "{+}";
  std::string out = literals.front();
  for (size_t i = 1; i < literals.size(); ++i) out += "{}" + literals[i];
  return out;
}

u32 Segment::literal_bytes() const {
  u32 bytes = 0;
  for (const std::string& literal : literals) bytes += static_cast<u32>(literal.size());
  return bytes;
}

std::vector<std::string> PathTemplate::names() const {
  std::vector<std::string> out;
  for (const Segment& segment : segments) {
    out.insert(out.end(), segment.names.begin(), segment.names.end());
  }
  return out;
}

bool PathTemplate::is_static() const {
  return std::all_of(segments.begin(), segments.end(),
                     [](const Segment& segment) { return segment.kind == SegmentKind::Literal; });
}

std::string PathTemplate::shape() const {
  std::string out;
  for (const Segment& segment : segments) {
    out += '/';
    out += segment.shape();
  }
  return out;
}

std::variant<PathTemplate, TemplateError> parse_template(std::string_view text) {
  return TemplateParser(text).run();
}

}  // namespace gw::compiler::router
