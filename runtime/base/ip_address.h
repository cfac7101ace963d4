// IP addresses without a port, and the names that resolve to them.
#pragma once
#include <sys/socket.h>

#include <array>
#include <compare>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/base/types.h"

namespace gw {

struct IpAddress {
  bool v6 = false;
  std::array<u8, 16> bytes = {};  // of IPv4 the first four

  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;
};

/// `192.0.2.1`, `2001:db8::1`; no brackets, no zone.
std::optional<IpAddress> parse_ip(std::string_view text);
std::string format_ip(const IpAddress& address);
/// As the system takes it; returns its length.
socklen_t to_sockaddr(const IpAddress& address, u16 port, sockaddr_storage& out);
/// The address in what the system gives, of IPv4 or IPv6.
IpAddress from_sockaddr(const sockaddr_storage& from);
/// Whether the machine has a route to it. Asks the kernel's table, sends nothing.
bool has_route(const IpAddress& address);

inline constexpr size_t kMaxHostNameBytes = 253;
/// Letters, digits, `-` and `_` between dots, 1 to 63 to a label, a last dot allowed; no address.
bool is_host_name(std::string_view text);

/// A server of names: `192.0.2.1`, `192.0.2.1:53`, `2001:db8::1`, `[2001:db8::1]:53`. Without a
/// port it is 53.
struct ServerAddress {
  IpAddress address;
  u16 port = 53;
};
std::optional<ServerAddress> parse_server_address(std::string_view text);

}  // namespace gw
