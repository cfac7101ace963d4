// What a client has asked for, seen from outside: before the proxies that are trusted.
#pragma once
#include <string_view>

#include "runtime/http/forwarding.h"

namespace gw::http {

/// Views into the request or into constants. Not what requests are routed by.
struct AskedOrigin {
  std::string_view scheme;     // `http` or `https`
  std::string_view authority;  // host and port, as in Host
};

/// Of a trusted peer's X-Forwarded-Proto and -Host the entries that belong to the client that
/// identify_client() finds: as far from the end as that one stands in X-Forwarded-For, or the first
/// of a shorter list. Of a trusted peer that sends none of these three fields, what Forwarded
/// (RFC 7239) says, by the same rule. Otherwise, and where an entry is no scheme or no host, what
/// the request itself has. Allocates in the arena of `exchange`.
AskedOrigin asked_origin(Exchange& exchange, const ForwardingOptions& options);

}  // namespace gw::http
