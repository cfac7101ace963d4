#include "runtime/policies/validate/media_type.h"

#include <algorithm>

#include "runtime/base/letter_case.h"
#include "runtime/http/fields.h"

namespace gw::validate {
namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Where the next `separator` outside of quotes is.
size_t find_unquoted(std::string_view text, char separator) {
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (quoted && text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      quoted = !quoted;
    } else if (!quoted && text[i] == separator) {
      return i;
    }
  }
  return text.npos;
}

bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }

std::string_view lower(std::string_view text, Arena& arena) {
  if (std::none_of(text.begin(), text.end(), is_upper)) return text;
  char* out = static_cast<char*>(arena.allocate(text.size(), 1));
  std::ranges::transform(text, out, to_lower);
  return {out, text.size()};
}

// How closely a range of Accept names a type: 0 not at all.
int closeness(std::string_view range, std::string_view type) {
  if (range == type) return 3;
  if (range == "*/*") return 1;
  return media_matches(range, type) || media_matches(type, range) ? 2 : 0;
}

bool is_zero_quality(std::string_view text) {
  return text == "0" || text == "0." || text == "0.0" || text == "0.00" || text == "0.000";
}

bool accepts(std::string_view accept, std::string_view type, Arena& arena) {
  int best = 0;
  bool accepted = false;
  while (!accept.empty()) {
    const size_t end = find_unquoted(accept, ',');
    const std::string_view item = trimmed(accept.substr(0, end));
    accept = end == accept.npos ? std::string_view{} : accept.substr(end + 1);
    MediaType range;
    if (!parse_media_type(item, arena, range)) continue;
    const int close = closeness(range.type, type);
    if (close == 0 || close < best) continue;
    const bool wanted = !is_zero_quality(media_parameter(range, "q"));
    accepted = close > best ? wanted : accepted || wanted;
    best = close;
  }
  return accepted;
}

}  // namespace

bool parse_media_type(std::string_view text, Arena& arena, MediaType& out) {
  const size_t end = text.find(';');
  const std::string_view type = trimmed(text.substr(0, end));
  const size_t slash = type.find('/');
  if (slash == type.npos || slash == 0 || slash + 1 == type.size()) return false;
  if (type.find_first_of(" \t,\"", 0) != type.npos || type.find('/', slash + 1) != type.npos) {
    return false;
  }
  out.type = lower(type, arena);
  out.parameters = end == text.npos ? std::string_view{} : text.substr(end);
  return true;
}

namespace {

// The value of a parameter without quotes, and how often it stands there.
std::string_view find_parameter(const MediaType& media, std::string_view name, u32& count) {
  std::string_view found;
  std::string_view rest = media.parameters;
  while (!rest.empty()) {
    rest.remove_prefix(1);  // its semicolon
    const size_t end = find_unquoted(rest, ';');
    const std::string_view item = rest.substr(0, end);
    rest = end == rest.npos ? std::string_view{} : rest.substr(end);
    const size_t equals = item.find('=');
    if (equals == item.npos || !http::equal_fold(trimmed(item.substr(0, equals)), name)) continue;
    std::string_view value = trimmed(item.substr(equals + 1));
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
      value = value.substr(1, value.size() - 2);
    }
    if (count++ == 0) found = value;
  }
  return found;
}

}  // namespace

std::string_view media_parameter(const MediaType& media, std::string_view name) {
  u32 count = 0;
  return find_parameter(media, name, count);
}

bool is_ambiguous(const MediaType& media) {
  u32 charsets = 0;
  u32 boundaries = 0;
  find_parameter(media, "charset", charsets);
  find_parameter(media, "boundary", boundaries);
  return charsets > 1 || boundaries > 1 ||
         find_unquoted(media.parameters, ',') != std::string_view::npos;
}

bool media_matches(std::string_view pattern, std::string_view type) {
  if (pattern == type || pattern == "*/*") return true;
  const size_t star = pattern.find('*');
  if (star == pattern.npos) return false;
  const std::string_view before = pattern.substr(0, star);
  const std::string_view after = pattern.substr(star + 1);
  return type.size() >= before.size() + after.size() && type.starts_with(before) &&
         type.ends_with(after);
}

bool accepts_any(std::string_view accept, std::span<const std::string_view> types, Arena& arena) {
  if (trimmed(accept).empty()) return true;
  return std::any_of(types.begin(), types.end(),
                     [&](std::string_view type) { return accepts(accept, type, arena); });
}

}  // namespace gw::validate
