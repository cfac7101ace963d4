// What an answer of a name server says (RFC 1035 section 4, RFC 2782).
#pragma once
#include <compare>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/ip_address.h"
#include "runtime/base/result.h"

namespace gw::net {

/// Numbers of RFC 1035 section 3.2.2, RFC 3596, RFC 2782.
enum class DnsType : u16 { A = 1, Aaaa = 28, Srv = 33 };

struct SrvRecord {
  u16 priority = 0;  // lower ones first
  u16 weight = 0;
  u16 port = 0;
  std::string target;  // in lower case, without the last dot; a host name

  friend auto operator<=>(const SrvRecord&, const SrvRecord&) = default;
};

/// The records that answer the question, at the end of its aliases. Empty: the name has none.
struct DnsAnswer {
  std::vector<IpAddress> addresses;  // of A and AAAA
  std::vector<SrvRecord> services;   // of SRV; "no such service" (target `.`) is left out
  u32 ttl_s = 0;                     // the shortest of records and aliases
};

/// Reads a whole message whose question has been compared already. `message` is from a stranger;
/// its answers are bounded by its length. Errors: AddressInvalid, the message breaks the format.
Result<DnsAnswer> parse_dns_answer(Bytes message, DnsType type);

}  // namespace gw::net
