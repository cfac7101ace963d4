// What the gateway knows of an upstream: its targets, how to choose among them, its limits.
#pragma once
#include <sys/socket.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "runtime/base/result.h"

namespace gw::net {
struct TlsClientOptions;
}

namespace gw::upstream {

struct SocketAddress {
  sockaddr_storage storage = {};
  socklen_t length = 0;
};

enum class Balance : u8 {
  RoundRobin,    // smooth and weighted
  LeastRequest,  // the less busy of two drawn at random, by weight
};

/// What is spoken to targets. With TLS, Http2 is agreed on by ALPN and a target may have HTTP/1.1;
/// in plain text it is known beforehand.
enum class Protocol : u8 { Http1, Http2 };

struct TargetConfig {
  std::string address;           // `host:port`, `[v6]:port` or `unix:/path`; also the text for logs
  std::string path_prefix = {};  // put before the path of requests: "" or "/v1"
  bool tls = false;
  std::string server_name = {};          // with tls: what is asked for and looked for
  u32 weight = 1;                        // 0: takes part in nothing
  std::vector<SocketAddress> addresses;  // filled by resolve_targets; tried in turn
};

/// Limits of one upstream; 0 is none. Those of the process are exact across workers.
struct UpstreamLimits {
  u32 connections = 1024;        // of the process
  u32 requests = 0;              // at a time, of the process
  u32 idle_connections = 64;     // kept per worker and target
  u32 idle_timeout_ms = 60'000;  // of a kept connection
};

/// Counters that all workers share, and that live on over a change of tables.
struct UpstreamState {
  std::atomic<u32> connections{0};
  std::atomic<u32> requests{0};
};

struct UpstreamConfig {
  std::string name;
  /// Equal keys of two tables mean: same targets and transport, so connections may be carried over.
  std::string key;
  Balance balance = Balance::RoundRobin;
  Protocol protocol = Protocol::Http1;
  std::vector<TargetConfig> targets;
  UpstreamLimits limits;
  std::shared_ptr<const net::TlsClientOptions> tls;  // of targets with tls; null: none
  std::shared_ptr<UpstreamState> state;              // null: the gateway makes one
};

/// Looks up the addresses of all targets (getaddrinfo; blocks: never on a worker). A target that
/// has none is kept with an empty list and answers ConnectFailed. Error: AddressInvalid for a text
/// that is no `host:port`.
Result<void> resolve_targets(UpstreamConfig& config);

}  // namespace gw::upstream
