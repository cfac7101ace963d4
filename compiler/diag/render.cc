#include "compiler/diag/render.h"

#include <map>
#include <set>
#include <utility>

namespace gw::compiler {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";

std::string counted(size_t count, std::string_view noun) {
  std::string text = std::to_string(count) + " " + std::string(noun);
  if (count != 1) text += "s";
  return text;
}

/// Characters that change how the text around them is shown: C1, line separators, bidi controls.
bool is_deceptive(u32 code_point) {
  return (code_point >= 0x80 && code_point < 0xa0) || code_point == 0x200e ||
         code_point == 0x200f || (code_point >= 0x2028 && code_point <= 0x202e) ||
         (code_point >= 0x2066 && code_point <= 0x2069) || code_point == 0xfeff;
}

using RuleInFile = std::pair<std::string_view, FileId>;

/// Text: shows `limit` findings of a rule in a file, and after the last one how many more.
class Limiter {
 public:
  Limiter(const std::vector<Diagnostic>& findings, u32 limit) : limit_(limit) {
    for (const Diagnostic& finding : findings) ++total_[key(finding)];
  }
  bool shows(const Diagnostic& finding) { return ++seen_[key(finding)] <= limit_ || limit_ == 0; }
  /// How many are left out after this one, when it is the last one shown.
  size_t left_out(const Diagnostic& finding) {
    if (limit_ == 0 || seen_[key(finding)] != limit_) return 0;
    return total_[key(finding)] - limit_;
  }

 private:
  static RuleInFile key(const Diagnostic& finding) {
    return {finding.rule, finding.primary.span.file};
  }
  size_t limit_;
  std::map<RuleInFile, size_t> total_;
  std::map<RuleInFile, size_t> seen_;
};

std::string render_all_text(const FileSet& files, const std::vector<Diagnostic>& findings,
                            const RenderOptions& options) {
  std::string out;
  Limiter limiter(findings, options.limit);
  for (const Diagnostic& finding : findings) {
    if (!limiter.shows(finding)) continue;
    render_text(files, finding, options.color, out);
    const size_t left_out = limiter.left_out(finding);
    if (left_out != 0) {
      out += "and " + std::to_string(left_out) + " more of " + std::string(finding.rule);
      if (finding.primary.span.valid()) {
        out += " in " + printable(files.name(finding.primary.span.file));
      }
      out += "; --limit 0 shows all\n\n";
    }
  }
  return out;
}

/// Bytes of the character that `text` begins with; 0: it begins with none.
size_t utf8_length(std::string_view text) {
  const u8 lead = static_cast<u8>(text[0]);
  const size_t length = lead < 0x80                   ? 1
                        : lead >= 0xc2 && lead < 0xe0 ? 2
                        : lead >= 0xe0 && lead < 0xf0 ? 3
                        : lead >= 0xf0 && lead < 0xf5 ? 4
                                                      : 0;
  if (length == 0 || length > text.size()) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((static_cast<u8>(text[i]) & 0xc0) != 0x80) return 0;
  }
  return length;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  size_t inside = 0;  // bytes left of a character that began before
  for (size_t i = 0; i < text.size(); ++i) {
    const u8 c = static_cast<u8>(text[i]);
    if (inside > 0) {
      --inside;
      out.push_back(text[i]);
      continue;
    }
    const size_t length = utf8_length(text.substr(i));
    if (c < 0x20 || c == 0x7f || length == 0) {
      out += "\\x";
      out += kHexDigits[c >> 4];
      out += kHexDigits[c & 15];
      continue;
    }
    // Only two- and three-byte sequences can be deceptive.
    const bool two = length == 2;
    const bool three = length == 3;
    u32 code_point = 0;
    if (two) code_point = (c & 0x1fu) << 6 | (static_cast<u8>(text[i + 1]) & 0x3fu);
    if (three) {
      code_point = (c & 0xfu) << 12 | (static_cast<u8>(text[i + 1]) & 0x3fu) << 6 |
                   (static_cast<u8>(text[i + 2]) & 0x3fu);
    }
    if ((two || three) && is_deceptive(code_point)) {
      out += "\\u{";
      for (int shift = 12; shift >= 0; shift -= 4) out += kHexDigits[code_point >> shift & 15];
      out += "}";
      i += two ? 1 : 2;
      continue;
    }
    out.push_back(text[i]);
    inside = length - 1;
  }
  return out;
}

std::string render(const FileSet& files, const std::vector<Diagnostic>& findings,
                   const RenderOptions& options) {
  if (options.format == Format::Text) return render_all_text(files, findings, options);
  if (options.format == Format::Markdown) return render_markdown(files, findings);
  if (options.format != Format::Json) return render_report(files, findings, options.format);
  std::string out;
  for (const Diagnostic& finding : findings) render_json(files, finding, out);
  return out;
}

std::string summary(const std::vector<Diagnostic>& findings) {
  size_t counts[3] = {};
  std::set<FileId> in_files;
  for (const Diagnostic& finding : findings) {
    ++counts[static_cast<size_t>(finding.severity)];
    if (finding.primary.span.valid()) in_files.insert(finding.primary.span.file);
  }
  static constexpr std::string_view kNouns[] = {"note", "warning", "error"};
  std::string text;
  for (size_t severity = 3; severity-- > 0;) {
    if (counts[severity] == 0) continue;
    if (!text.empty()) text += ", ";
    text += counted(counts[severity], kNouns[severity]);
  }
  if (text.empty()) return "no findings";
  return in_files.empty() ? text : text + " in " + counted(in_files.size(), "file");
}

}  // namespace gw::compiler
