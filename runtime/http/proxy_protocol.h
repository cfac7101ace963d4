// The PROXY protocol, versions 1 and 2, by which a balancer tells those behind it who the client
// is (HAProxy's proxy-protocol.txt). Read from balancers in front, written to targets.
#pragma once
#include <string>
#include <string_view>

#include "runtime/http/exchange.h"

namespace gw::http {

/// The longest header that is read: version 1 has 107 bytes at most, version 2 here 536.
inline constexpr size_t kMaxProxyHeaderBytes = 536;

struct ProxyHeader {
  enum class State : u8 { NeedMore, Complete, Invalid };
  State state = State::NeedMore;
  size_t bytes = 0;    // of the header, with Complete
  bool known = false;  // it names a client; otherwise (UNKNOWN, LOCAL) the peer is the client
  PeerAddress client;
};

/// Reads a header from the start of `data`.
ProxyHeader parse_proxy_header(std::string_view data);

/// The header of version 1 or 2 that tells of a connection from `client` to `local`. All zeros, as
/// of a client on a Unix socket, is nobody: write_proxy_header(version) then.
std::string write_proxy_header(u32 version, const PeerAddress& client, const PeerAddress& local);
/// The header of a connection that belongs to no client: UNKNOWN of version 1, LOCAL of version 2.
std::string write_proxy_header(u32 version);

}  // namespace gw::http
