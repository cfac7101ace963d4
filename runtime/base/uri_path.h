// The path of a request in the one spelling that every decision is made on.
#pragma once
#include <string>
#include <string_view>

#include "runtime/base/types.h"

namespace gw {

/// What a route may allow beyond the safe default.
struct PathOptions {
  bool allow_encoded_slash = false;   // keep %2F and %5C as they are
  bool allow_empty_segments = false;  // keep `//`
};

enum class PathProblem : u8 {
  None,
  NotAbsolute,     // does not begin with '/'
  BadEscape,       // `%` without two hex digits
  ForbiddenByte,   // control, space, non-ASCII, backslash, or another byte no path may hold
  EncodedSlash,    // %2F or %5C
  EncodedControl,  // %00 to %1F and %7F
  EmptySegment,    // `//`
  AboveRoot,       // dot segments that lead above the root
  TwiceEncoded,    // %252F and the like: another path for a server that decodes twice
  OverlongByte,    // UTF-8 longer than it need be, e.g. %C0%AF for a slash
  DotParameter,    // `..;x`: a dot segment for servers that cut parameters off first
};
/// Lower-case phrase for an error answer or a diagnostic, e.g. "an encoded slash".
std::string_view path_problem_text(PathProblem problem);

/// Normalises `raw` (the path of a request target or of a template's literal text, without query):
/// unreserved characters decoded, escapes in upper case, dot segments resolved (RFC 3986 sections
/// 5.2.4 and 6.2.2). `out` needs raw.size() bytes; the result is a prefix of it, or `raw` itself
/// when nothing had to change (then nothing is written). One pass over the common, clean path.
/// Braces are refused like other bytes that RFC 3986 has no place for, and so is what some servers
/// read as another path: see PathProblem.
PathProblem normalise_path(std::string_view raw, PathOptions options, char* out,
                           std::string_view& result);

/// Replaces `out` by `text` with every escape decoded. The text was normalised, so that all escapes
/// are whole; a broken one is kept as it is. Used for captured values.
void percent_decode(std::string_view text, std::string& out);
/// Appends `text` with everything but unreserved characters and sub-delims percent-encoded, so
/// that it is one path segment. `.` and `..` come out as `%2E` and `%2E%2E`, which many servers
/// resolve all the same: a caller that takes values from clients refuses these two.
void append_segment_encoded(std::string_view text, std::string& out);

}  // namespace gw
