#include "runtime/schema/formats.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <string>

#include "runtime/schema/decimal.h"
#include "runtime/schema/text_reader.h"

namespace gw::schema {
namespace {

constexpr std::string_view kNames[] = {
    "date-time",     "date",
    "time",          "duration",
    "uuid",          "email",
    "hostname",      "ipv4",
    "ipv6",          "uri",
    "uri-reference", "uri-template",
    "json-pointer",  "relative-json-pointer",
    "regex",         "byte",
    "int32",         "int64",
    "float",         "double",
};
static_assert(std::size(kNames) == static_cast<size_t>(kLastFormat) + 1);

// Exactly `count` digits, as a number; -1: others.
int fixed_digits(TextReader& in, int count) {
  int value = 0;
  for (int i = 0; i < count; ++i) {
    if (!is_digit(in.peek())) return -1;
    value = value * 10 + (in.take() - '0');
  }
  return value;
}

bool take_date(TextReader& in) {
  const int year = fixed_digits(in, 4);
  if (year < 0 || !in.take_if('-')) return false;
  const int month = fixed_digits(in, 2);
  if (month < 1 || month > 12 || !in.take_if('-')) return false;
  const int day = fixed_digits(in, 2);
  constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return day >= 1 && day <= kDays[month - 1] + (month == 2 && leap ? 1 : 0);
}

// Minutes east of UTC; false: neither Z nor an offset.
bool take_offset(TextReader& in, int& minutes) {
  minutes = 0;
  if (in.take_if('Z') || in.take_if('z')) return true;
  const bool west = in.peek() == '-';
  if (!in.take_if('+') && !in.take_if('-')) return false;
  const int hour = fixed_digits(in, 2);
  if (hour < 0 || hour > 23 || !in.take_if(':')) return false;
  const int minute = fixed_digits(in, 2);
  if (minute < 0 || minute > 59) return false;
  minutes = (hour * 60 + minute) * (west ? -1 : 1);
  return true;
}

bool take_time(TextReader& in) {
  const int hour = fixed_digits(in, 2);
  if (hour < 0 || hour > 23 || !in.take_if(':')) return false;
  const int minute = fixed_digits(in, 2);
  if (minute < 0 || minute > 59 || !in.take_if(':')) return false;
  const int second = fixed_digits(in, 2);
  if (second < 0 || second > 60) return false;
  if (in.take_if('.')) {
    if (!is_digit(in.peek())) return false;
    in.skip_digits();
  }
  int offset = 0;
  if (!take_offset(in, offset)) return false;
  // A leap second ends a day of UTC.
  return second < 60 || (hour * 60 + minute - offset + 2 * 1440) % 1440 == 1439;
}

// A chain of units, such as 1Y2M3D: each may follow the one before it only. False: none, or others.
bool take_units(TextReader& in, std::string_view units) {
  size_t expected = std::string_view::npos;
  bool any = false;
  while (is_digit(in.peek())) {
    in.skip_digits();
    const size_t found = units.find(in.peek());
    if (in.at_end() || found == std::string_view::npos) return false;
    if (any && found != expected) return false;
    in.take();
    expected = found + 1;
    any = true;
  }
  return any;
}

bool is_in_range(std::string_view text, i64 low, i64 high) {
  const Decimal number = parse_decimal(text);
  if (!number.is_integer()) return false;
  return compare(number, parse_decimal(std::to_string(low))) >= 0 &&
         compare(number, parse_decimal(std::to_string(high))) <= 0;
}

template <class Real>
bool is_finite(std::string_view text) {
  Real value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  // Out of range: too large, or so near to zero that it becomes zero, which is fine.
  if (result.ec == std::errc::result_out_of_range) return parse_decimal(text).exponent <= 0;
  return std::isfinite(value);
}

}  // namespace

std::string_view format_name(Format format) { return kNames[static_cast<size_t>(format)]; }

bool find_format(std::string_view name, Format& format) {
  for (size_t i = 0; i < std::size(kNames); ++i) {
    if (kNames[i] != name) continue;
    format = static_cast<Format>(i);
    return true;
  }
  return false;
}

bool has_format(Format format, std::string_view text) {
  switch (format) {
    case Format::DateTime:
      return is_date_time(text);
    case Format::Date:
      return is_date(text);
    case Format::Time:
      return is_time(text);
    case Format::Duration:
      return is_duration(text);
    case Format::Uuid:
      return is_uuid(text);
    case Format::Email:
      return is_email(text);
    case Format::Hostname:
      return is_hostname(text);
    case Format::Ipv4:
      return is_ipv4(text);
    case Format::Ipv6:
      return is_ipv6(text);
    case Format::Uri:
      return is_uri(text);
    case Format::UriReference:
      return is_uri_reference(text);
    case Format::UriTemplate:
      return is_uri_template(text);
    case Format::JsonPointer:
      return is_json_pointer(text);
    case Format::RelativeJsonPointer:
      return is_relative_json_pointer(text);
    case Format::Regex:
      return is_regex(text);
    case Format::Byte:
      return is_base64(text);
    case Format::Int32:
      return is_in_range(text, INT32_MIN, INT32_MAX);
    case Format::Int64:
      return is_in_range(text, INT64_MIN, INT64_MAX);
    case Format::Float:
      return is_finite<float>(text);
    case Format::Double:
      return is_finite<double>(text);
  }
  return false;
}

bool is_date(std::string_view text) {
  TextReader in(text);
  return take_date(in) && in.at_end();
}

bool is_time(std::string_view text) {
  TextReader in(text);
  return take_time(in) && in.at_end();
}

bool is_date_time(std::string_view text) {
  TextReader in(text);
  return take_date(in) && (in.take_if('T') || in.take_if('t')) && take_time(in) && in.at_end();
}

bool is_duration(std::string_view text) {
  TextReader in(text);
  if (!in.take_if('P')) return false;
  if (in.peek() != 'T') {
    TextReader weeks = in;
    if (is_digit(weeks.peek())) weeks.skip_digits();
    if (weeks.take_if('W')) return weeks.at_end() && is_digit(in.peek());
    if (!take_units(in, "YMD")) return false;
  }
  if (in.take_if('T') && !take_units(in, "HMS")) return false;
  return in.at_end();
}

bool is_uuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : !is_hex_digit(text[i])) return false;
  }
  return true;
}

bool is_base64(std::string_view text) {
  if (text.size() % 4 != 0) return false;
  size_t end = text.size();
  for (int padding = 0; padding < 2 && end > 0 && text[end - 1] == '='; ++padding) --end;
  for (size_t i = 0; i < end; ++i) {
    if (!is_letter(text[i]) && !is_digit(text[i]) && text[i] != '+' && text[i] != '/') return false;
  }
  return true;
}

bool is_json_pointer(std::string_view text) {
  if (!text.empty() && text[0] != '/') return false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '~') continue;
    if (i + 1 == text.size() || (text[i + 1] != '0' && text[i + 1] != '1')) return false;
  }
  return true;
}

bool is_relative_json_pointer(std::string_view text) {
  TextReader in(text);
  if (!is_digit(in.peek())) return false;
  if (!in.take_if('0')) in.skip_digits();
  if (in.peek() == '+' || in.peek() == '-') {  // an offset of the index
    in.take();
    if (in.peek() < '1' || in.peek() > '9') return false;
    in.skip_digits();
  }
  if (in.take_if('#')) return in.at_end();
  return is_json_pointer(in.rest());
}

}  // namespace gw::schema
