// Who the client is, and what the upstream is told about it.
#pragma once
#include <string>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/http/exchange.h"

namespace gw::http {

/// A block of addresses, IPv4 as mapped IPv6.
struct AddressRange {
  u8 bytes[16] = {};
  u32 prefix_bits = 128;
};

/// `10.0.0.0/8`, `2001:db8::/32`, or a single address. Error: AddressInvalid.
Result<AddressRange> parse_address_range(std::string_view text);
bool contains(const AddressRange& range, const PeerAddress& address);
/// An address without port or brackets. False: it is none.
bool parse_address(std::string_view text, PeerAddress& out);
/// Writes an address as text (IPv4 if mapped); `out` holds at least 46 characters.
std::string_view address_text(const PeerAddress& address, char* out);

struct ForwardingOptions {
  /// Peers whose X-Forwarded-* and Forwarded fields are believed. From all others these fields are
  /// dropped, and so are those that say the same in other words (claims_forwarding).
  std::vector<AddressRange> trusted_proxies;
  std::string via = "gwctl";  // pseudonym in Via (RFC 9110 section 7.6.3)
};

/// Sets `client`, `client_text` and `request_id` from the peer and the fields of the request: the
/// last address in X-Forwarded-For that is no trusted proxy, when the peer is one. An id that the
/// client sends is taken if it is 1 to 128 of [A-Za-z0-9._-]; otherwise one is made of `random`.
void identify_client(Exchange& exchange, const ForwardingOptions& options, u64 random_high,
                     u64 random_low);

/// Puts X-Forwarded-For, -Proto, -Host, -Port, Forwarded (RFC 7239), Via and X-Request-Id into a
/// request to an upstream. `fields` began as those of the client's request.
void add_forwarding_fields(const Exchange& exchange, const ForwardingOptions& options,
                           FieldList& fields);

}  // namespace gw::http
