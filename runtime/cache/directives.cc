#include "runtime/cache/directives.h"

#include <algorithm>
#include <array>

#include "runtime/cache/field_text.h"

namespace gw::cache {
namespace {

// Takes one directive off a Cache-Control; commas within quotes do not end it.
bool next_directive(std::string_view& rest, std::string_view& out) {
  while (!rest.empty() && (is_space(rest.front()) || rest.front() == ',')) rest.remove_prefix(1);
  if (rest.empty()) return false;
  bool quoted = false;
  size_t i = 0;
  for (; i < rest.size() && (quoted || rest[i] != ','); ++i) {
    if (quoted && rest[i] == '\\') {
      ++i;
    } else if (rest[i] == '"') {
      quoted = !quoted;
    }
  }
  out = trimmed(rest.substr(0, std::min(i, rest.size())));
  rest.remove_prefix(std::min(i, rest.size()));
  return true;
}

// Both the token and the quoted form of an argument are taken (RFC 9111 section 5.2).
std::string_view unquoted(std::string_view text) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
    return text.substr(1, text.size() - 2);
  }
  return text;
}

void take_seconds(std::optional<u32>& out, std::string_view value) {
  const u32 seconds = read_delta_seconds(unquoted(value)).value_or(0);
  out = out ? std::min(*out, seconds) : seconds;
}

void take_directive(std::string_view text, Directives& out) {
  const size_t equals = text.find('=');
  const std::string_view name = trimmed(text.substr(0, equals));
  const std::string_view value =
      equals == text.npos ? std::string_view{} : trimmed(text.substr(equals + 1));
  struct Flag {
    std::string_view name;
    bool Directives::*member;
  };
  static constexpr Flag kFlags[] = {
      {"no-store", &Directives::no_store},
      {"no-cache", &Directives::no_cache},
      {"private", &Directives::is_private},
      {"public", &Directives::is_public},
      {"must-revalidate", &Directives::must_revalidate},
      {"proxy-revalidate", &Directives::proxy_revalidate},
      {"must-understand", &Directives::must_understand},
      {"only-if-cached", &Directives::only_if_cached},
  };
  for (const Flag& flag : kFlags) {
    if (!http::equal_fold(name, flag.name)) continue;
    out.*flag.member = true;
    return;
  }
  struct Seconds {
    std::string_view name;
    std::optional<u32> Directives::*member;
  };
  static constexpr Seconds kSeconds[] = {
      {"max-age", &Directives::max_age},
      {"s-maxage", &Directives::s_maxage},
      {"min-fresh", &Directives::min_fresh},
      {"stale-while-revalidate", &Directives::stale_while_revalidate},
      {"stale-if-error", &Directives::stale_if_error},
  };
  for (const Seconds& seconds : kSeconds) {
    if (!http::equal_fold(name, seconds.name)) continue;
    take_seconds(out.*seconds.member, value);
    return;
  }
}

// Dates are read by a pattern: a letter stands for a part, anything else for itself.
struct DateParts {
  i32 year = 0;
  i32 month = 0;  // 1 to 12
  i32 day = 0;
  i32 hour = 0;
  i32 minute = 0;
  i32 second = 0;
};

constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

bool take_number(std::string_view& text, size_t digits, i32& out) {
  if (text.size() < digits) return false;
  out = 0;
  for (size_t i = 0; i < digits; ++i) {
    if (!is_digit(text[i])) return false;
    out = out * 10 + (text[i] - '0');
  }
  text.remove_prefix(digits);
  return true;
}

bool take_text(std::string_view& text, std::string_view expected) {
  if (!text.starts_with(expected)) return false;
  text.remove_prefix(expected.size());
  return true;
}

bool take_month(std::string_view& text, i32& out) {
  const auto found = std::ranges::find(kMonths, text.substr(0, 3));
  if (found == kMonths.end()) return false;
  out = static_cast<i32>(found - kMonths.begin()) + 1;
  text.remove_prefix(3);
  return true;
}

bool take_time(std::string_view& text, DateParts& out) {
  return take_number(text, 2, out.hour) && take_text(text, ":") &&
         take_number(text, 2, out.minute) && take_text(text, ":") &&
         take_number(text, 2, out.second);
}

// Thu, 01 Jan 1970 00:00:00 GMT
bool read_imf(std::string_view text, DateParts& out) {
  if (text.size() < 5 || text.substr(3, 2) != ", ") return false;
  text.remove_prefix(5);
  return take_number(text, 2, out.day) && take_text(text, " ") && take_month(text, out.month) &&
         take_text(text, " ") && take_number(text, 4, out.year) && take_text(text, " ") &&
         take_time(text, out) && text == " GMT";
}

// Thursday, 01-Jan-70 00:00:00 GMT
bool read_rfc850(std::string_view text, DateParts& out) {
  const size_t comma = text.find(", ");
  if (comma == text.npos || comma < 6 || comma > 9) return false;
  text.remove_prefix(comma + 2);
  return take_number(text, 2, out.day) && take_text(text, "-") && take_month(text, out.month) &&
         take_text(text, "-") && take_number(text, 2, out.year) && take_text(text, " ") &&
         take_time(text, out) && text == " GMT";
}

// Thu Jan  1 00:00:00 1970
bool read_asctime(std::string_view text, DateParts& out) {
  if (text.size() < 4 || text[3] != ' ') return false;
  text.remove_prefix(4);
  if (!take_month(text, out.month) || !take_text(text, " ")) return false;
  const bool one_digit = take_text(text, " ");
  return take_number(text, one_digit ? 1 : 2, out.day) && take_text(text, " ") &&
         take_time(text, out) && take_text(text, " ") && take_number(text, 4, out.year) &&
         text.empty();
}

// Days since 1970 of a date of the Gregorian calendar (H. Hinnant, "chrono-compatible low-level
// date algorithms").
i64 days_since_1970(i32 year, i32 month, i32 day) {
  const i64 y = month <= 2 ? year - 1 : year;
  const i64 era = (y >= 0 ? y : y - 399) / 400;
  const i64 year_of_era = y - era * 400;
  const i64 day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const i64 day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146'097 + day_of_era - 719'468;
}

}  // namespace

std::optional<u32> read_delta_seconds(std::string_view text) {
  if (text.empty() || !std::ranges::all_of(text, is_digit)) return std::nullopt;
  u64 seconds = 0;
  for (const char c : text) {
    seconds = seconds * 10 + static_cast<u64>(c - '0');
    if (seconds > kMaxDeltaSeconds) return kMaxDeltaSeconds;
  }
  return static_cast<u32>(seconds);
}

bool next_element(std::string_view& rest, std::string_view& element) {
  while (!rest.empty()) {
    const size_t comma = rest.find(',');
    element = trimmed(rest.substr(0, comma));
    rest = comma == rest.npos ? std::string_view{} : rest.substr(comma + 1);
    if (!element.empty()) return true;
  }
  return false;
}

Directives read_directives(const http::FieldList& fields) {
  Directives out;
  bool pragma = false;
  for (const http::Field& field : fields) {
    if (field.removed) continue;
    if (field.id == http::FieldId::Pragma) {
      std::string_view rest = field.value;
      for (std::string_view one; next_directive(rest, one);) {
        pragma = pragma || http::equal_fold(one, "no-cache");
      }
    }
    if (field.id != http::FieldId::CacheControl) continue;
    out.present = true;
    std::string_view rest = field.value;
    for (std::string_view one; next_directive(rest, one);) take_directive(one, out);
  }
  if (!out.present && pragma) out.no_cache = true;
  return out;
}

std::optional<i64> read_http_date(std::string_view text, i64 now_s) {
  DateParts parts;
  const bool imf = read_imf(text, parts);
  if (!imf) parts = {};
  const bool two_digits = !imf && read_rfc850(text, parts);
  if (!imf && !two_digits) {
    parts = {};
    if (!read_asctime(text, parts)) return std::nullopt;
  }
  // 60: a leap second.
  if (parts.day < 1 || parts.day > 31 || parts.hour > 23 || parts.minute > 59 ||
      parts.second > 60) {
    return std::nullopt;
  }
  if (two_digits) {
    // More than 50 years from now: the last year in the past with these digits.
    const i32 this_year = static_cast<i32>(1970 + now_s / 31'556'952);
    parts.year += this_year / 100 * 100;
    if (parts.year > this_year + 50) parts.year -= 100;
  }
  const i64 days = days_since_1970(parts.year, parts.month, parts.day);
  return days * 86'400 + parts.hour * 3600 + parts.minute * 60 + parts.second;
}

}  // namespace gw::cache
