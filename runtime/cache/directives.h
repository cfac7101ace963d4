// What messages say about caching: Cache-Control, dates, lists of field names.
//
// All of it comes from clients and upstreams: whatever cannot be read counts as if it asked for the
// careful thing.
#pragma once
#include <optional>
#include <string_view>

#include "runtime/http/fields.h"

namespace gw::cache {

/// Largest delta-seconds; more counts as this much (RFC 9111 section 1.2.2).
inline constexpr u32 kMaxDeltaSeconds = 0x7fffffff;

/// Cache-Control of one message (RFC 9111 section 5.2, RFC 5861). A directive that is there twice
/// counts with its smaller value, one whose value cannot be read as 0.
struct Directives {
  bool present = false;  // there is a Cache-Control at all
  bool no_store = false;
  bool no_cache = false;
  bool is_private = false;
  bool is_public = false;
  bool must_revalidate = false;
  bool proxy_revalidate = false;
  bool must_understand = false;
  bool only_if_cached = false;
  // Seconds.
  std::optional<u32> max_age;
  std::optional<u32> s_maxage;
  std::optional<u32> min_fresh;
  std::optional<u32> stale_while_revalidate;
  std::optional<u32> stale_if_error;
};

/// Of all Cache-Control fields together; Pragma of a request without any (section 5.4). A `private`
/// or `no-cache` that names fields counts for the whole message. No allocation.
Directives read_directives(const http::FieldList& fields);

/// Digits alone; more than kMaxDeltaSeconds counts as that. Nothing: anything else.
std::optional<u32> read_delta_seconds(std::string_view text);

/// Takes the next element off the front of a comma-separated list (RFC 9110 section 5.6.1); false
/// at its end. Empty ones are passed over. Quoted strings are not looked into.
bool next_element(std::string_view& rest, std::string_view& element);

/// Unix seconds of an HTTP-date in any of its three forms (RFC 9110 section 5.6.7). Nothing: it is
/// none. `now_s` settles the century of the form with two digits.
std::optional<i64> read_http_date(std::string_view text, i64 now_s);

}  // namespace gw::cache
