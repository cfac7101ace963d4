// Findings for people, with the lines that they are about:
//
//   error[upstream-unknown]: route `get-user` names an upstream that does not exist
//     --> specs/api.yaml:7:15
//     |
//   2 | upstreams:
//     | --------- declared here
//   ...
//   7 |     upstream: user
//     |               ^^^^ not among them
//     |
//     = help: did you mean `users`?
//
// Labels that are near stand in one frame, each under its own line; a label elsewhere, or in
// another file, begins a new one. A line is cut around its span when it is long.
#include <algorithm>
#include <string>

#include "compiler/diag/render.h"

namespace gw::compiler {
namespace {

constexpr size_t kMaxWidth = 100;  // of a shown line
constexpr size_t kBefore = 30;     // of it kept before the span when it is cut
constexpr u32 kNear = 2;           // lines between labels that are shown instead of "..."
constexpr size_t kMaxRelated = 8;  // labels of one finding

constexpr std::string_view kRed = "\x1b[1;31m";
constexpr std::string_view kYellow = "\x1b[1;33m";
constexpr std::string_view kBlue = "\x1b[1;34m";
constexpr std::string_view kBold = "\x1b[1m";
constexpr std::string_view kReset = "\x1b[0m";

struct Mark {
  Span span;
  std::string_view text;
  bool primary = false;
  u32 line = 0;
};

/// Length in bytes of the character at the begin of a text; at least 1.
size_t character_bytes(std::string_view text) {
  size_t length = 1;
  while (length < text.size() && (static_cast<u8>(text[length]) & 0xc0) == 0x80) ++length;
  return length;
}

/// Cells that a terminal uses, roughly: combining marks none, East Asian wide and emoji two.
size_t cells(std::string_view character) {
  const u8 lead = static_cast<u8>(character[0]);
  if (lead < 0x80 || character.size() < 2) return 1;
  if (lead == 0xcc || (lead == 0xcd && static_cast<u8>(character[1]) < 0xb0)) return 0;
  if (character.size() == 4) return lead == 0xf0 && static_cast<u8>(character[1]) >= 0x9f ? 2 : 1;
  if (character.size() != 3) return 1;
  const u32 code = (lead & 0xfu) << 12 | (static_cast<u8>(character[1]) & 0x3fu) << 6 |
                   (static_cast<u8>(character[2]) & 0x3fu);
  const bool wide = (code >= 0x1100 && code <= 0x115f) || (code >= 0x2e80 && code <= 0xa4cf) ||
                    (code >= 0xac00 && code <= 0xd7a3) || (code >= 0xf900 && code <= 0xfaff) ||
                    (code >= 0xfe30 && code <= 0xfe6f) || (code >= 0xff00 && code <= 0xff60);
  return wide ? 2 : 1;
}

/// One source line as it is shown, and where its span came to lie.
struct ShownLine {
  std::string text = {};
  size_t mark_begin = 0;  // cells
  size_t mark_end = 0;
};

ShownLine show_line(std::string_view line, size_t begin, size_t end) {
  ShownLine shown;
  begin = std::min(begin, line.size());
  end = std::min(std::max(begin, end), line.size());
  size_t from = 0;
  if (line.size() > kMaxWidth && begin > kBefore) {
    from = begin - kBefore;
    while (from > 0 && (static_cast<u8>(line[from]) & 0xc0) == 0x80) --from;
    shown.text = "...";
  }
  size_t width = shown.text.size();
  shown.mark_begin = shown.mark_end = width;
  size_t i = from;
  while (i < line.size() && width < kMaxWidth) {
    if (i == begin) shown.mark_begin = width;
    const std::string_view character = line.substr(i, character_bytes(line.substr(i)));
    const std::string safe = character == "\t" ? "    " : printable(character);
    width += safe.size() == character.size() ? cells(character) : safe.size();
    shown.text += safe;
    i += character.size();
    if (i <= end) shown.mark_end = width;
  }
  if (i <= begin) shown.mark_begin = shown.mark_end = width;
  if (i < line.size()) shown.text += "...";
  shown.mark_end = std::max(shown.mark_end, shown.mark_begin + 1);
  return shown;
}

class Frames {
 public:
  Frames(const FileSet& files, const Diagnostic& finding, bool color, std::string& out)
      : files_(files), color_(color), severity_(finding.severity), out_(out) {
    collect(finding);
  }

  void write(const Diagnostic& finding) {
    if (marks_.empty()) return;
    u32 last_line = 0;
    for (const Mark& mark : marks_) last_line = std::max(last_line, mark.line);
    gutter_ = std::to_string(last_line).size();
    // The file of the finding comes first, the others in order.
    write_file(finding.primary.span.file, finding.primary.span);
    for (const Mark& mark : marks_) {
      if (mark.span.file == finding.primary.span.file || is_written(mark.span.file)) continue;
      write_file(mark.span.file, mark.span);
    }
  }

  size_t gutter() const { return gutter_; }

 private:
  void collect(const Diagnostic& finding) {
    const auto add = [&](const Label& label, bool primary) {
      if (!label.span.valid() || label.span.file >= files_.size()) return;
      marks_.push_back({.span = label.span,
                        .text = label.text,
                        .primary = primary,
                        .line = files_.position(label.span.file, label.span.begin).line});
    };
    add(finding.primary, true);
    for (size_t i = 0; i < std::min(finding.related.size(), kMaxRelated); ++i) {
      add(finding.related[i], false);
    }
    std::stable_sort(marks_.begin(), marks_.end(), [](const Mark& a, const Mark& b) {
      return std::pair(a.line, a.span.begin) < std::pair(b.line, b.span.begin);
    });
  }

  bool is_written(FileId file) const {
    return std::find(written_.begin(), written_.end(), file) != written_.end();
  }

  void write_file(FileId file, Span at) {
    const bool first = written_.empty();
    written_.push_back(file);
    const Position position = files_.position(file, at.begin);
    out_ += std::string(gutter_, ' ');
    paint(kBlue, first ? "-->" : ":::");
    out_ += " " + printable(files_.name(file)) + ":" + std::to_string(position.line) + ":" +
            std::to_string(position.column) + "\n";
    bar();
    out_ += "\n";
    u32 shown = 0;
    for (const Mark& mark : marks_) {
      if (mark.span.file != file) continue;
      if (mark.line != shown) {
        write_between(file, shown, mark.line);
        write_source(mark);
      }
      shown = mark.line;
      write_mark(mark);
    }
  }

  void write_between(FileId file, u32 shown, u32 next) {
    if (shown == 0) return;
    if (next - shown - 1 > kNear) {
      out_ += "...\n";
      return;
    }
    for (u32 line = shown + 1; line < next; ++line) {
      number(line);
      out_ += show_line(files_.line(file, line), 0, 0).text + "\n";
    }
  }

  void write_source(const Mark& mark) {
    number(mark.line);
    out_ += shown(mark).text + "\n";
  }

  void write_mark(const Mark& mark) {
    const ShownLine line = shown(mark);
    bar();
    out_ += " " + std::string(line.mark_begin, ' ');
    std::string text(line.mark_end - line.mark_begin, mark.primary ? '^' : '-');
    if (!mark.text.empty()) text += " " + printable(mark.text);
    paint(mark.primary ? severity_color() : kBlue, text);
    out_ += "\n";
  }

  ShownLine shown(const Mark& mark) const {
    const std::string_view line = files_.line(mark.span.file, mark.line);
    const u32 line_begin = files_.line_begin(mark.span.file, mark.line);
    const size_t begin = mark.span.begin - std::min(mark.span.begin, line_begin);
    const size_t end = mark.span.end - std::min(mark.span.end, line_begin);
    const size_t bom = line_begin == 0 && line.starts_with("\xef\xbb\xbf") ? 3 : 0;
    return show_line(line.substr(bom), begin - std::min(begin, bom), end - std::min(end, bom));
  }

  void number(u32 line) {
    const std::string digits = std::to_string(line);
    paint(kBlue, digits + std::string(gutter_ - digits.size(), ' ') + " |");
    out_ += " ";
  }
  void bar() { paint(kBlue, std::string(gutter_, ' ') + " |"); }
  void paint(std::string_view color, std::string_view text) {
    if (color_) out_ += color;
    out_ += text;
    if (color_) out_ += kReset;
  }
  std::string_view severity_color() const { return severity_ == Severity::Error ? kRed : kYellow; }

  const FileSet& files_;
  bool color_;
  Severity severity_;
  std::string& out_;
  std::vector<Mark> marks_;
  std::vector<FileId> written_;
  size_t gutter_ = 1;
};

}  // namespace

void render_text(const FileSet& files, const Diagnostic& finding, bool color, std::string& out) {
  const std::string_view tint = finding.severity == Severity::Error ? kRed : kYellow;
  if (color) out += tint;
  out += std::string(severity_name(finding.severity)) + "[" + std::string(finding.rule) + "]";
  if (color) out += std::string(kReset) + std::string(kBold);
  out += ": " + printable(finding.message);
  if (color) out += kReset;
  out += "\n";
  Frames frames(files, finding, color, out);
  frames.write(finding);
  const std::string indent(frames.gutter() + 1, ' ');
  const bool notes = !finding.help.empty() || !finding.witness.empty();
  if (notes && finding.primary.span.valid()) out += indent + "|\n";
  if (!finding.witness.empty()) out += indent + "= example: " + printable(finding.witness) + "\n";
  if (!finding.help.empty()) out += indent + "= help: " + printable(finding.help) + "\n";
  out += "\n";
}

}  // namespace gw::compiler
