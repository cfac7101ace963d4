// Path normalisation. The clean path, which is what nearly every request has, is one table-driven
// pass that writes nothing; the first byte that needs work sends the whole path to the rewriter.
#include "runtime/base/uri_path.h"

#include <array>

#include "runtime/base/hex.h"

namespace gw {
namespace {

enum class ByteClass : u8 { Forbidden, Plain, Slash, Dot, Percent };

constexpr bool is_alphanumeric(u32 c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

constexpr bool is_unreserved(u32 c) {
  return is_alphanumeric(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

constexpr bool is_sub_delim(u32 c) {
  return c != 0 &&
         std::string_view("!$&'()*+,;=").find(static_cast<char>(c)) != std::string_view::npos;
}

// pchar of RFC 3986 section 3.3.
constexpr std::array<ByteClass, 256> kByteClasses = [] {
  std::array<ByteClass, 256> classes{};
  for (u32 c = 0; c < 256; ++c) {
    const bool plain = is_unreserved(c) || is_sub_delim(c) || c == ':' || c == '@';
    classes[c] = plain ? ByteClass::Plain : ByteClass::Forbidden;
  }
  classes['/'] = ByteClass::Slash;
  classes['.'] = ByteClass::Dot;
  classes['%'] = ByteClass::Percent;
  return classes;
}();

constexpr std::string_view kHexDigits = "0123456789ABCDEF";

ByteClass byte_class(char c) { return kByteClasses[static_cast<u8>(c)]; }

enum class Scan : u8 { Clean, NeedsRewrite, Refused };

// Looks for anything that a rewrite would change. A dot matters only at the start of a segment;
// treating `/.well-known` as work for the rewriter is cheaper than looking ahead.
Scan scan(std::string_view raw, PathOptions options, PathProblem& problem) {
  bool segment_start = false;
  bool rewrite = false;
  for (const char c : raw) {
    switch (byte_class(c)) {
      case ByteClass::Plain:
        segment_start = false;
        break;
      case ByteClass::Slash:
        if (segment_start && !options.allow_empty_segments) {
          problem = PathProblem::EmptySegment;
          return Scan::Refused;
        }
        segment_start = true;
        break;
      case ByteClass::Dot:
        rewrite |= segment_start;
        segment_start = false;
        break;
      case ByteClass::Percent:
        rewrite = true;
        segment_start = false;
        break;
      case ByteClass::Forbidden:
        problem = PathProblem::ForbiddenByte;
        return Scan::Refused;
    }
  }
  return rewrite ? Scan::NeedsRewrite : Scan::Clean;
}

bool is_control(u32 value) { return value < 0x20 || value == 0x7f; }
bool is_slash(u32 value) { return value == '/' || value == '\\'; }

// Whether `rest`, which follows a %25, makes a dot, slash or control byte of it when it is decoded
// once more, or several times.
bool is_twice_encoded(std::string_view rest, PathOptions options) {
  int value = hex_byte(rest, 0);
  while (value == '%') {
    rest.remove_prefix(2);
    value = hex_byte(rest, 0);
  }
  if (value < 0) return false;
  const auto byte = static_cast<u32>(value);
  return byte == '.' || is_control(byte) || (is_slash(byte) && !options.allow_encoded_slash);
}

// Whether the escapes `lead` and raw[at...] begin a sequence that spells a character in more bytes
// than it needs, which lax decoders take for a slash or a dot (RFC 3629 section 10).
bool is_overlong(u32 lead, std::string_view raw, size_t at) {
  if (lead < 0xc0 || at >= raw.size() || raw[at] != '%') return false;
  const int next = hex_byte(raw, at + 1);
  if (next < 0x80 || next > 0xbf) return false;
  return lead <= 0xc1 || (lead == 0xe0 && next < 0xa0) || (lead == 0xf0 && next < 0x90);
}

PathProblem escape_problem(u32 value, std::string_view raw, size_t at, PathOptions options) {
  if (is_control(value)) return PathProblem::EncodedControl;
  if (is_slash(value) && !options.allow_encoded_slash) return PathProblem::EncodedSlash;
  if (value == '%' && is_twice_encoded(raw.substr(at + 3), options)) {
    return PathProblem::TwiceEncoded;
  }
  if (is_overlong(value, raw, at + 3)) return PathProblem::OverlongByte;
  return PathProblem::None;
}

// Writes the escape at raw[at] in its normal form: the character itself when it is unreserved.
PathProblem rewrite_escape(std::string_view raw, size_t at, PathOptions options, char*& to) {
  const int byte = hex_byte(raw, at + 1);
  if (byte < 0) return PathProblem::BadEscape;
  const auto value = static_cast<u32>(byte);
  const PathProblem problem = escape_problem(value, raw, at, options);
  if (problem != PathProblem::None) return problem;
  if (is_unreserved(value)) {
    *to++ = static_cast<char>(value);
    return PathProblem::None;
  }
  *to++ = '%';
  *to++ = kHexDigits[value >> 4];
  *to++ = kHexDigits[value & 15];
  return PathProblem::None;
}

// `.;x`, `..;`, `..%3Bx`: servers that cut parameters off before they resolve dots (Servlet
// containers) see another path than everybody else. `text` has its escapes in upper case.
bool is_dot_with_parameters(std::string_view text) {
  if (text.empty() || text.front() != '.') return false;
  text.remove_prefix(text.substr(0, 2) == ".." ? 2 : 1);
  return text.substr(0, 1) == ";" || text.substr(0, 3) == "%3B";
}

// Builds the path segment by segment; `segment` points behind the slash that opened the current
// one. A dot segment gives its bytes back, `..` those of the segment before as well.
class Rewriter {
 public:
  explicit Rewriter(char* out) : begin_(out), to_(out), segment_(out) {}

  void open_segment() {
    *to_++ = '/';
    segment_ = to_;
  }

  PathProblem close_segment(bool last) {
    const std::string_view text(segment_, static_cast<size_t>(to_ - segment_));
    if (text == ".") {
      to_ = last ? segment_ : segment_ - 1;
    } else if (text == "..") {
      char* slash = segment_ - 1;
      if (slash == begin_) return PathProblem::AboveRoot;
      do {
        --slash;
      } while (*slash != '/');
      to_ = last ? slash + 1 : slash;
    } else if (is_dot_with_parameters(text)) {
      return PathProblem::DotParameter;
    }
    return PathProblem::None;
  }

  char*& to() { return to_; }

 private:
  char* begin_;
  char* to_;
  char* segment_;
};

}  // namespace

std::string_view path_problem_text(PathProblem problem) {
  switch (problem) {
    case PathProblem::None:
      return "no problem";
    case PathProblem::NotAbsolute:
      return "no slash at the beginning";
    case PathProblem::BadEscape:
      return "an incomplete percent escape";
    case PathProblem::ForbiddenByte:
      return "a byte that no path may hold";
    case PathProblem::EncodedSlash:
      return "an encoded slash";
    case PathProblem::EncodedControl:
      return "an encoded control byte";
    case PathProblem::EmptySegment:
      return "an empty segment";
    case PathProblem::AboveRoot:
      return "dot segments that lead above the root";
    case PathProblem::TwiceEncoded:
      return "a slash, dot or control byte that is encoded twice";
    case PathProblem::OverlongByte:
      return "an overlong UTF-8 sequence";
    case PathProblem::DotParameter:
      return "a dot segment with parameters";
  }
  return "";
}

PathProblem normalise_path(std::string_view raw, PathOptions options, char* out,
                           std::string_view& result) {
  if (raw.empty() || raw.front() != '/') return PathProblem::NotAbsolute;
  PathProblem problem = PathProblem::None;
  const Scan found = scan(raw, options, problem);
  if (found == Scan::Refused) return problem;
  if (found == Scan::Clean) {
    result = raw;
    return PathProblem::None;
  }
  Rewriter rewriter(out);
  rewriter.open_segment();
  for (size_t i = 1; i < raw.size(); ++i) {
    const char c = raw[i];
    if (c == '/') {
      problem = rewriter.close_segment(false);
      if (problem != PathProblem::None) return problem;
      rewriter.open_segment();
    } else if (c == '%') {
      problem = rewrite_escape(raw, i, options, rewriter.to());
      if (problem != PathProblem::None) return problem;
      i += 2;
    } else {
      *rewriter.to()++ = c;
    }
  }
  problem = rewriter.close_segment(true);
  if (problem != PathProblem::None) return problem;
  result = {out, static_cast<size_t>(rewriter.to() - out)};
  return PathProblem::None;
}

void percent_decode(std::string_view text, std::string& out) {
  out.clear();
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const int byte = percent_byte(text, i);
    out.push_back(byte < 0 ? text[i] : static_cast<char>(byte));
    if (byte >= 0) i += 2;
  }
}

void append_segment_encoded(std::string_view text, std::string& out) {
  const bool dots = text == "." || text == "..";
  for (const char c : text) {
    const auto byte = static_cast<u8>(c);
    if ((is_unreserved(byte) || is_sub_delim(byte)) && !dots) {
      out.push_back(c);
      continue;
    }
    out.push_back('%');
    out.push_back(kHexDigits[byte >> 4]);
    out.push_back(kHexDigits[byte & 15]);
  }
}

}  // namespace gw
