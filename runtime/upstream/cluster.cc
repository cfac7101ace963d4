#include "runtime/upstream/cluster.h"

#include <netdb.h>
#include <sys/un.h>

#include <cstring>

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

Result<void> resolve_target(TargetConfig& target) {
  if (const std::string_view path = parse_unix_address(target.address); !path.empty()) {
    target.addresses = {socket_file(path)};
    return {};
  }
  std::string_view host;
  std::string_view port;
  if (!http::parse_authority(target.address, host, port) || port.empty()) {
    return fail(Errc::AddressInvalid, "target is not host:port");
  }
  if (host.front() == '[') host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  target.addresses.clear();
  if (::getaddrinfo(std::string(host).c_str(), std::string(port).c_str(), &hints, &found) != 0) {
    return {};
  }
  for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
    if (entry->ai_addrlen > sizeof(sockaddr_storage)) continue;
    SocketAddress address;
    std::memcpy(&address.storage, entry->ai_addr, entry->ai_addrlen);
    address.length = entry->ai_addrlen;
    target.addresses.push_back(address);
  }
  ::freeaddrinfo(found);
  return {};
}

}  // namespace

Result<void> resolve_targets(UpstreamConfig& config) {
  for (TargetConfig& target : config.targets) GW_TRY(resolve_target(target));
  return {};
}

}  // namespace gw::upstream
