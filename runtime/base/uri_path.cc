// Path normalisation. The clean path, which is what nearly every request has, is one table-driven
// pass that writes nothing; the first byte that needs work sends the whole path to the rewriter.
#include "runtime/base/uri_path.h"

#include <array>

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

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

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

// Writes the escape at raw[at] in its normal form: the character itself when it is unreserved.
PathProblem rewrite_escape(std::string_view raw, size_t at, PathOptions options, char*& to) {
  if (raw.size() - at < 3) return PathProblem::BadEscape;
  const int high = hex_value(raw[at + 1]);
  const int low = hex_value(raw[at + 2]);
  if (high < 0 || low < 0) return PathProblem::BadEscape;
  const auto value = static_cast<u32>(high * 16 + low);
  if (value == 0) return PathProblem::EncodedNul;
  if ((value == '/' || value == '\\') && !options.allow_encoded_slash) {
    return PathProblem::EncodedSlash;
  }
  if (is_unreserved(value)) {
    *to++ = static_cast<char>(value);
    return PathProblem::None;
  }
  *to++ = '%';
  *to++ = kHexDigits[static_cast<size_t>(high)];
  *to++ = kHexDigits[static_cast<size_t>(low)];
  return PathProblem::None;
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
    case PathProblem::EncodedNul:
      return "an encoded NUL";
    case PathProblem::EmptySegment:
      return "an empty segment";
    case PathProblem::AboveRoot:
      return "dot segments that lead above the root";
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
    if (text[i] != '%' || text.size() - i < 3) {
      out.push_back(text[i]);
      continue;
    }
    const int high = hex_value(text[i + 1]);
    const int low = hex_value(text[i + 2]);
    if (high < 0 || low < 0) {
      out.push_back(text[i]);
      continue;
    }
    out.push_back(static_cast<char>(high * 16 + low));
    i += 2;
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
