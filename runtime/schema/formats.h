// The formats of JSON Schema and OpenAPI that are asserted.
#pragma once
#include <string_view>

#include "runtime/base/types.h"

namespace gw::schema {

/// Stored in tables: numbers are never used again for something else.
enum class Format : u8 {
  DateTime,             // RFC 3339 section 5.6
  Date,                 // full-date of RFC 3339
  Time,                 // full-time of RFC 3339
  Duration,             // RFC 3339 appendix A
  Uuid,                 // RFC 4122 section 3, any version
  Email,                // Mailbox of RFC 5321 section 4.1.2
  Hostname,             // RFC 1123 section 2.1, A-labels by RFC 5891
  Ipv4,                 // dotted-decimal of RFC 2673 section 3.2
  Ipv6,                 // RFC 4291 section 2.2
  Uri,                  // RFC 3986
  UriReference,         // RFC 3986
  UriTemplate,          // RFC 6570
  JsonPointer,          // RFC 6901 section 5
  RelativeJsonPointer,  // draft-bhutton-relative-json-pointer-00
  Regex,                // ECMA-262 with flag u
  Byte,                 // base64 of RFC 4648 section 4
  Int32,                // signed, 32 bits
  Int64,                // signed, 64 bits
  Float,                // finite in binary32
  Double,               // finite in binary64
};
inline constexpr Format kLastFormat = Format::Double;

std::string_view format_name(Format format);
/// False: none of them.
bool find_format(std::string_view name, Format& format);
/// Of numbers rather than strings.
inline bool is_number_format(Format format) { return format >= Format::Int32; }

/// Whether a text (a number's as JSON writes it, a string's without escapes) has a format. Linear;
/// allocates nothing.
bool has_format(Format format, std::string_view text);

// One by one. All take any text.
bool is_date(std::string_view text);
bool is_time(std::string_view text);
bool is_date_time(std::string_view text);
bool is_duration(std::string_view text);
bool is_uuid(std::string_view text);
bool is_base64(std::string_view text);
bool is_email(std::string_view text);
bool is_hostname(std::string_view text);
bool is_ipv4(std::string_view text);
bool is_ipv6(std::string_view text);
bool is_uri(std::string_view text);
bool is_uri_reference(std::string_view text);
bool is_uri_template(std::string_view text);
bool is_json_pointer(std::string_view text);
bool is_relative_json_pointer(std::string_view text);
bool is_regex(std::string_view text);

}  // namespace gw::schema
