#include "runtime/router/other_reading.h"

#include <algorithm>

namespace gw::router {
namespace {

// Where a server that is quick to decode, or knows parameters, sees a segment end: at `;`, or at an
// encoded `;`, `?` or `#`. A value may begin with the last two (`/tags/%23new`).
size_t find_cut(std::string_view segment) {
  for (size_t i = 0; i < segment.size(); ++i) {
    if (segment[i] == ';') return i;
    if (segment[i] != '%') continue;
    const std::string_view escape = segment.substr(i, 3);
    if (escape == "%3B" || (i > 0 && (escape == "%3F" || escape == "%23"))) return i;
  }
  return segment.size();
}

// What such a server makes of a segment. Spaces and dots at the end are for those that keep their
// pages as files.
std::string_view other_reading_of(std::string_view segment) {
  segment = segment.substr(0, find_cut(segment));
  while (true) {
    const size_t end = segment.ends_with('.') ? 1 : segment.ends_with("%20") ? 3 : 0;
    if (end == 0 || end == segment.size()) return segment;
    segment.remove_suffix(end);
  }
}

// The path as servers see it that cut parameters off (`/admin;x`), or that do not tell `/admin/`
// and `/admin.` from `/admin`.
std::string_view other_reading(std::string_view path, char* text) {
  char* to = text;
  while (!path.empty()) {
    const size_t next = std::min(path.find('/', 1), path.size());
    const std::string_view segment = other_reading_of(path.substr(1, next - 1));
    *to++ = '/';
    to = std::copy(segment.begin(), segment.end(), to);
    path.remove_prefix(next);
  }
  const std::string_view reading(text, static_cast<size_t>(to - text));
  return reading.size() > 1 && reading.back() == '/' ? reading.substr(0, reading.size() - 1)
                                                     : reading;
}

}  // namespace

bool may_be_read_otherwise(std::string_view path) {
  return path.back() == '/' || path.back() == '.' || path.find(';') != path.npos ||
         path.find('%') != path.npos || path.find("./") != path.npos;
}

u32 route_of_other_reading(const RouterView& router, const ConstraintOracle& oracle,
                           const Target& target, std::string_view path_template, u32 route,
                           char* scratch) {
  if (!may_be_read_otherwise(target.path)) return kNone;
  if (path_template.find('{') == path_template.npos ||
      path_template.find(';') != path_template.npos) {
    return kNone;
  }
  const std::string_view reading = other_reading(target.path, scratch);
  if (reading.size() == target.path.size()) return kNone;
  Capture captures[kMaxCaptures];
  const Lookup other =
      router.find(target.host, reading, target.method, target.method_text, oracle, captures);
  return other.outcome == Outcome::Found && other.route != route ? other.route : kNone;
}

}  // namespace gw::router
