#include "runtime/cache/conditions.h"

#include <optional>

#include "runtime/cache/directives.h"
#include "runtime/cache/field_text.h"

namespace gw::cache {
namespace {

std::string_view opaque(std::string_view tag) {
  return tag.starts_with("W/") ? tag.substr(2) : tag;
}

bool is_tag(std::string_view text) {
  text = opaque(text);
  return text.size() >= 2 && text.front() == '"' && text.back() == '"';
}

// Takes the next entity tag off a list; commas may stand within its quotes.
bool next_tag(std::string_view& rest, std::string_view& tag) {
  while (!rest.empty() && (is_space(rest.front()) || rest.front() == ',')) rest.remove_prefix(1);
  if (rest.empty()) return false;
  const size_t open = rest.find('"');
  const size_t close = open == rest.npos ? rest.npos : rest.find('"', open + 1);
  if (close == rest.npos) {
    rest = {};
    return false;
  }
  tag = rest.substr(0, close + 1);
  rest.remove_prefix(close + 1);
  return true;
}

// Nothing: there is no If-None-Match.
std::optional<bool> matches_none(const http::FieldList& request, std::string_view etag) {
  bool there = false;
  for (const http::Field& field : request) {
    if (field.removed || field.id != http::FieldId::IfNoneMatch) continue;
    there = true;
    if (trimmed(field.value) == "*") return true;
    std::string_view rest = field.value;
    for (std::string_view tag; next_tag(rest, tag);) {
      if (!etag.empty() && weakly_equal(tag, etag)) return true;
    }
  }
  if (!there) return std::nullopt;
  return false;
}

bool read_position(std::string_view text, std::optional<u64>& out) {
  out.reset();
  if (text.empty()) return true;
  u64 value = 0;
  for (const char c : text) {
    if (!is_digit(c)) return false;
    if (value > (~u64{0} - 9) / 10) return false;
    value = value * 10 + static_cast<u64>(c - '0');
  }
  out = value;
  return true;
}

// If-Range: a strong tag, or the exact date (RFC 9110 section 13.1.5).
bool is_same_version(std::string_view condition, const Validators& validators) {
  condition = trimmed(condition);
  if (is_tag(condition)) return strongly_equal(condition, validators.etag);
  return !validators.last_modified.empty() && condition == validators.last_modified;
}

u32 read_quality(std::string_view parameters) {
  while (!parameters.empty()) {
    const size_t semicolon = parameters.find(';');
    const std::string_view one = trimmed(parameters.substr(0, semicolon));
    parameters =
        semicolon == parameters.npos ? std::string_view{} : parameters.substr(semicolon + 1);
    if (one.size() < 3 || (one[0] != 'q' && one[0] != 'Q') || one[1] != '=') continue;
    const std::string_view value = one.substr(2);
    if (value[0] != '0' && value[0] != '1') return 0;
    u32 quality = value[0] == '1' ? 1000 : 0;
    if (value.size() == 1) return quality;
    if (value[1] != '.' || value.size() > 5) return 0;
    u32 unit = 100;
    for (const char c : value.substr(2)) {
      if (!is_digit(c)) return 0;
      quality += static_cast<u32>(c - '0') * unit;
      unit /= 10;
    }
    return quality > 1000 ? 0 : quality;
  }
  return 1000;
}

}  // namespace

bool weakly_equal(std::string_view a, std::string_view b) {
  return is_tag(a) && opaque(a) == opaque(b);
}

bool strongly_equal(std::string_view a, std::string_view b) {
  return is_tag(a) && !a.starts_with("W/") && a == b;
}

bool has_it_already(const http::FieldList& request, const Validators& validators, i64 now_s) {
  if (const auto matches = matches_none(request, validators.etag)) return *matches;
  const http::Field* since = request.find(http::FieldId::IfModifiedSince);
  if (since == nullptr || validators.last_modified.empty()) return false;
  const auto asked = read_http_date(since->value, now_s);
  const auto changed = read_http_date(validators.last_modified, now_s);
  return asked && changed && *changed <= *asked;
}

ByteRange read_range(const http::FieldList& request, u64 size, const Validators& validators) {
  const http::Field* field = request.find(http::FieldId::Range);
  if (field == nullptr) return {};
  if (const http::Field* condition = request.find("if-range")) {
    if (!is_same_version(condition->value, validators)) return {};
  }
  std::string_view text = trimmed(field->value);
  if (text.size() < 6 || !http::equal_fold(text.substr(0, 6), "bytes=")) return {};
  text = trimmed(text.substr(6));
  const size_t dash = text.find('-');
  if (dash == text.npos || text.find(',') != text.npos) return {};
  std::optional<u64> first;
  std::optional<u64> last;
  if (!read_position(trimmed(text.substr(0, dash)), first) ||
      !read_position(trimmed(text.substr(dash + 1)), last)) {
    return {};
  }
  if (!first && !last) return {};
  if (!first) {  // the last so many
    if (*last == 0 || size == 0) return {.kind = ByteRange::Kind::Unsatisfiable};
    return {ByteRange::Kind::Part, *last >= size ? 0 : size - *last, size - 1};
  }
  if (last && *last < *first) return {};
  if (*first >= size) return {.kind = ByteRange::Kind::Unsatisfiable};
  return {ByteRange::Kind::Part, *first, last && *last < size ? *last : size - 1};
}

u32 accepted_quality(const http::FieldList& request, std::string_view coding) {
  const std::string_view wanted = coding.empty() ? std::string_view("identity") : coding;
  const bool identity = http::equal_fold(wanted, "identity");
  std::optional<u32> any;
  for (const http::Field& field : request) {
    if (field.removed || field.id != http::FieldId::AcceptEncoding) continue;
    std::string_view rest = field.value;
    for (std::string_view element; next_element(rest, element);) {
      const size_t semicolon = element.find(';');
      const std::string_view name = trimmed(element.substr(0, semicolon));
      const u32 quality =
          semicolon == element.npos ? 1000 : read_quality(element.substr(semicolon + 1));
      if (http::equal_fold(name, wanted)) return quality;
      if (name == "*") any = quality;
    }
  }
  if (any) return *any;
  return identity ? 1 : 0;  // last of all that is accepted
}

}  // namespace gw::cache
