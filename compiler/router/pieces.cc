#include "compiler/router/pieces.h"

#include <algorithm>

#include "runtime/router/format.h"

namespace gw::compiler::router {

namespace layout = gw::router;

u32 TextPool::add(std::string_view text) {
  if (const auto it = known_.find(text); it != known_.end()) return it->second;
  const u32 offset = static_cast<u32>(bytes_.size());
  bytes_ += text;
  known_.emplace(text, offset);
  return offset;
}

namespace {

void append_literal(Pieces& out, std::string_view text) {
  out.literals += text;
  for (size_t left = text.size(); left > 0;) {
    const size_t part = std::min<size_t>(left, layout::kMaxPieceLiteral);
    out.pieces.push_back(static_cast<u8>(layout::kPieceLiteral + part - 1));
    left -= part;
  }
}

void append_segment(Pieces& out, const Segment& segment) {
  if (segment.kind == SegmentKind::Parameter) {
    out.pieces.push_back(layout::kPieceParameter);
    return;
  }
  if (segment.kind == SegmentKind::CatchAll) {
    out.pieces.push_back(layout::kPieceRest);
    return;
  }
  append_literal(out, segment.literals.front());
  for (size_t i = 1; i < segment.literals.size(); ++i) {
    const bool last = i + 1 == segment.literals.size();
    if (last && segment.literals[i].empty()) {
      out.pieces.push_back(layout::kPieceParameter);
      return;
    }
    out.pieces.push_back(last ? layout::kPieceBefore : layout::kPieceUntil);
    append_literal(out, segment.literals[i]);
  }
}

std::string escaped(std::string_view literal) {
  std::string out;
  for (const char c : literal) {
    const bool word = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!word && static_cast<u8>(c) < 0x80) out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

Pieces pieces_of(const Segment& segment) {
  Pieces out;
  append_segment(out, segment);
  return out;
}

Pieces pieces_of(const PathTemplate& shape) {
  Pieces out;
  std::string run;
  for (const Segment& segment : shape.segments) {
    run += '/';
    if (segment.kind == SegmentKind::Literal) {
      run += segment.literals.front();
      continue;
    }
    // The text before the first parameter joins the run of literals.
    Segment rest = segment;
    run += rest.literals.front();
    rest.literals.front().clear();
    append_literal(out, run);
    run.clear();
    append_segment(out, rest);
  }
  append_literal(out, run);
  return out;
}

bool segment_matches(const Segment& segment, std::string_view text) {
  switch (segment.kind) {
    case SegmentKind::Literal:
      return segment.literals.front() == text;
    case SegmentKind::Parameter:
    case SegmentKind::CatchAll:
      return !text.empty();
    case SegmentKind::Partial:
      break;
  }
  const std::string& first = segment.literals.front();
  const std::string& last = segment.literals.back();
  if (text.substr(0, first.size()) != first) return false;
  size_t at = first.size();
  for (size_t i = 1; i + 1 < segment.literals.size(); ++i) {
    const size_t found = text.find(segment.literals[i], at + 1);
    if (at >= text.size() || found == std::string_view::npos) return false;
    at = found + segment.literals[i].size();
  }
  return text.size() >= at + 1 + last.size() && text.substr(text.size() - last.size()) == last;
}

void append_encoded(std::string& out, std::string_view value) {
  constexpr std::string_view kSafe = "-._~!$&'()*+,;=:@";
  for (const char c : value) {
    const u8 byte = static_cast<u8>(c);
    const u8 lower = byte | 0x20;
    if ((byte >= '0' && byte <= '9') || (lower >= 'a' && lower <= 'z') ||
        kSafe.find(c) != std::string_view::npos) {
      out += c;
    } else {
      constexpr char kHex[] = "0123456789ABCDEF";
      out += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
}

std::string segment_pattern(const Segment& segment) {
  std::string pattern = escaped(segment.literals.front());
  for (size_t i = 1; i < segment.literals.size(); ++i) {
    pattern += "(?s:.)+" + escaped(segment.literals[i]);
  }
  return pattern;
}

}  // namespace gw::compiler::router
