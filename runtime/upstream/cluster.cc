#include "runtime/upstream/cluster.h"

#include <sys/un.h>

#include <cstring>

#include "runtime/base/ip_address.h"
#include "runtime/base/units.h"
#include "runtime/http/http1_head.h"

namespace gw::upstream {
namespace {

SocketAddress socket_file(std::string_view path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  SocketAddress out;
  std::memcpy(&out.storage, &address, sizeof address);
  out.length = sizeof address;
  return out;
}

Result<void> read_address(TargetConfig& target) {
  target.addresses.clear();
  target.host.clear();
  if (const std::string_view path = parse_unix_address(target.address); !path.empty()) {
    target.addresses = {socket_file(path)};
    return {};
  }
  std::string_view host;
  std::string_view port;
  if (!http::parse_authority(target.address, host, port) || port.empty()) {
    return fail(Errc::AddressInvalid, "target is not host:port");
  }
  const u16 number = static_cast<u16>(parse_count(port).value_or(0));
  if (host.front() == '[') host = host.substr(1, host.size() - 2);
  if (const auto ip = parse_ip(host)) {
    target.addresses = {socket_address(*ip, number)};
    return {};
  }
  target.host = host;
  target.port = number;
  return {};
}

}  // namespace

SocketAddress socket_address(const IpAddress& ip, u16 port) {
  SocketAddress out;
  out.length = to_sockaddr(ip, port, out.storage);
  return out;
}

Result<void> read_addresses(UpstreamConfig& config) {
  for (TargetConfig& target : config.targets) GW_TRY(read_address(target));
  return {};
}

}  // namespace gw::upstream
