#include "runtime/base/ip_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <unistd.h>

#include <cstring>

#include "runtime/base/units.h"

namespace gw {
namespace {

constexpr size_t kMaxHostLabelBytes = 63;

}  // namespace

std::optional<IpAddress> parse_ip(std::string_view text) {
  const std::string copy(text);
  IpAddress address;
  if (::inet_pton(AF_INET, copy.c_str(), address.bytes.data()) == 1) return address;
  address.v6 = true;
  if (::inet_pton(AF_INET6, copy.c_str(), address.bytes.data()) == 1) return address;
  return std::nullopt;
}

std::string format_ip(const IpAddress& address) {
  char text[INET6_ADDRSTRLEN] = {};
  ::inet_ntop(address.v6 ? AF_INET6 : AF_INET, address.bytes.data(), text, sizeof text);
  return text;
}

socklen_t to_sockaddr(const IpAddress& address, u16 port, sockaddr_storage& out) {
  out = {};
  if (address.v6) {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    std::memcpy(&v6.sin6_addr, address.bytes.data(), 16);
    std::memcpy(&out, &v6, sizeof v6);
    return sizeof v6;
  }
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(port);
  std::memcpy(&v4.sin_addr, address.bytes.data(), 4);
  std::memcpy(&out, &v4, sizeof v4);
  return sizeof v4;
}

IpAddress from_sockaddr(const sockaddr_storage& from) {
  IpAddress out;
  out.v6 = from.ss_family == AF_INET6;
  if (out.v6) {
    sockaddr_in6 v6;
    std::memcpy(&v6, &from, sizeof v6);
    std::memcpy(out.bytes.data(), &v6.sin6_addr, 16);
  } else {
    sockaddr_in v4;
    std::memcpy(&v4, &from, sizeof v4);
    std::memcpy(out.bytes.data(), &v4.sin_addr, 4);
  }
  return out;
}

// Connecting a datagram socket looks the route up, and does nothing else.
bool has_route(const IpAddress& address) {
  sockaddr_storage to;
  const socklen_t length = to_sockaddr(address, 9, to);
  const int descriptor = ::socket(to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return false;
  const bool reachable = ::connect(descriptor, reinterpret_cast<sockaddr*>(&to), length) == 0;
  ::close(descriptor);
  return reachable;
}

bool is_host_name(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  if (text.empty() || text.size() > kMaxHostNameBytes || parse_ip(text)) return false;
  size_t label = 0;
  for (const char c : text) {
    if (c == '.') {
      if (label == 0) return false;
      label = 0;
      continue;
    }
    const bool good = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                      c == '-' || c == '_';
    if (!good || ++label > kMaxHostLabelBytes) return false;
  }
  return label != 0;
}

std::optional<ServerAddress> parse_server_address(std::string_view text) {
  ServerAddress out;
  if (const auto bare = parse_ip(text)) {
    out.address = *bare;
    return out;
  }
  std::string_view host = text;
  if (const size_t colon = text.rfind(':'); colon != text.npos && !text.ends_with(']')) {
    const auto port = parse_count(text.substr(colon + 1));
    if (!port || *port == 0 || *port > 65535) return std::nullopt;
    out.port = static_cast<u16>(*port);
    host = text.substr(0, colon);
  }
  const bool in_brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
  const auto address = parse_ip(in_brackets ? host.substr(1, host.size() - 2) : host);
  if (!address || address->v6 != in_brackets) return std::nullopt;
  out.address = *address;
  return out;
}

}  // namespace gw
