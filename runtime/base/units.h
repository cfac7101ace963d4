// Values with units, as people write them in documents and in late references.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "runtime/base/types.h"

namespace gw {

/// `250ms`, `5s`, `10m`, `2h`, `1d`, also `1m30s`; in milliseconds. A bare number is refused.
std::optional<u64> parse_duration(std::string_view text);
/// `512B`, `64KiB`, `1MiB`, `2GiB`, `10kB`, `1MB`; in bytes. A bare number is refused.
std::optional<u64> parse_bytes(std::string_view text);
/// `20%`, `0.5%`; in hundredths of a percent.
std::optional<u64> parse_percent(std::string_view text);
/// So many in a second, minute, hour or day.
struct Rate {
  u32 count = 0;
  u32 seconds = 0;
};
/// `5/s`, `100/min`, `1000/h`, `10/day`; a stored rate, for unpack_rate. None of zero.
std::optional<u64> parse_rate(std::string_view text);
/// Stored rates compare by their counts.
constexpr u64 pack_rate(const Rate& rate) { return (u64{rate.count} << 32) | rate.seconds; }
/// Never of zero, whatever is stored.
constexpr Rate unpack_rate(u64 stored) {
  const u32 count = static_cast<u32>(stored >> 32);
  const u32 seconds = static_cast<u32>(stored);
  return {count == 0 ? 1 : count, seconds == 0 ? 86'400 : seconds};
}
/// Decimal digits only.
std::optional<u64> parse_count(std::string_view text);

/// The shortest exact text that parses back to the value.
std::string format_duration(u64 milliseconds);
std::string format_bytes(u64 bytes);
std::string format_percent(u64 hundredths);
std::string format_rate(u64 stored);

/// An address or CIDR block; IPv4 as mapped IPv6. False when it is neither.
bool parse_network(std::string_view text, u8 (&address)[16], u32& prefix_bits);
std::string format_network(const u8 (&address)[16], u32 prefix_bits);

/// Parts of `http://host:port/path`, or of `unix:/path/of/a/socket`. Views into the text.
struct HttpUrl {
  std::string_view scheme;  // "http", "https" or "unix"
  std::string_view host;    // IPv6 without brackets; of "unix" the path of the socket
  u16 port = 0;
  std::string_view path;  // "" or beginning with '/'
  /// What comes before the path of a request; a last slash would be doubled.
  std::string_view prefix() const {
    return path.ends_with('/') ? path.substr(0, path.size() - 1) : path;
  }
};
/// http, https and unix only; no user info, query or fragment. `problem` says in lower case what is
/// wrong when the result is empty.
std::optional<HttpUrl> parse_http_url(std::string_view text, std::string_view& problem);

/// `host:port`, `[v6]:port`, `:port`; views into the text.
struct HostPort {
  std::string_view host;
  u16 port = 0;
};
std::optional<HostPort> parse_host_port(std::string_view text);
/// The path in `unix:/path/of/a/socket`, short enough for one (107 bytes); empty: it is none.
std::string_view parse_unix_address(std::string_view text);
/// What a listener can be given: HOST:PORT or unix:/PATH.
bool is_listen_address(std::string_view text);

/// An origin as browsers write it (RFC 6454 section 6.2): `https://shop.example`, in lower case,
/// without path and without the port that its scheme has anyway. `may_have_star`: `*` may stand
/// for the first label of the host. `problem` says what is wrong when it is none.
bool parse_origin(std::string_view text, bool may_have_star, std::string_view& problem);

/// A field name (RFC 9110 section 5.1).
bool is_token(std::string_view text);
/// A field value without control characters (RFC 9110 section 5.5).
bool is_field_value(std::string_view text);

}  // namespace gw
