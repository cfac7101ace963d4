// What the gateway knows of an upstream: its targets, how to choose among them, its limits.
#pragma once
#include <sys/socket.h>

#include <memory>
#include <string>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/upstream/state.h"

namespace gw {
struct IpAddress;
}
namespace gw::net {
struct TlsClientOptions;
}  // namespace gw::net

namespace gw::upstream {

struct SocketAddress {
  sockaddr_storage storage = {};
  socklen_t length = 0;
};

enum class Balance : u8 {
  RoundRobin,    // smooth and weighted
  LeastRequest,  // the less busy of two drawn at random, by weight
  Random,        // by weight
  RingHash,      // by the hash of the request, on a ring of points
  Maglev,        // by the hash of the request, in a table of 65,537 entries
};

/// What is spoken to targets. With TLS, Http2 is agreed on by ALPN and a target may have HTTP/1.1;
/// in plain text it is known beforehand.
enum class Protocol : u8 { Http1, Http2 };

struct TargetConfig {
  std::string address;           // `host:port`, `[v6]:port` or `unix:/path`; also the text for logs
  std::string path_prefix = {};  // put before the path of requests: "" or "/v1"
  bool tls = false;
  std::string server_name = {};  // with tls: what is asked for and looked for
  u32 weight = 1;                // 0: takes part in nothing
  bool backup = false;           // only while too few of the others can be used
  /// What requests without a Host of their own, and checks, ask for; "": `address`.
  std::string authority = {};
  std::string host = {};                 // a name that is looked up; "": `addresses` stand
  u16 port = 0;                          // of `host`
  std::vector<SocketAddress> addresses;  // tried in turn
  std::shared_ptr<TargetState> state;    // null: the pool makes one
};

/// Which addresses of a name are taken.
enum class AddressFamily : u8 { Any, V4, V6 };

/// Targets that DNS tells.
struct DnsOptions {
  std::string name;  // "": the targets are given
  u16 port = 0;      // of addresses; services have their own
  bool srv = false;  // `name` has SRV records
  AddressFamily family = AddressFamily::Any;
  bool tls = false;
  std::string server_name;  // with tls
  std::string path_prefix;
  // A name is asked for again when its TTL is over, but not sooner or later than so.
  u32 min_refresh_ms = 1'000;
  u32 max_refresh_ms = 300'000;

  friend bool operator==(const DnsOptions&, const DnsOptions&) = default;
};

/// Asking targets how they are. One of `path` and `tcp`, or nothing is asked.
struct HealthOptions {
  std::string path;  // GET; "": none
  bool tcp = false;  // a connection is enough
  u32 interval_ms = 10'000;
  u32 timeout_ms = 2'000;
  u32 healthy = 2;            // good answers in a row that bring a target back
  u32 unhealthy = 3;          // bad ones that take it out
  std::vector<u16> statuses;  // good ones; empty: 200 to 299

  bool asks() const { return tcp || !path.empty(); }
};

/// Taking targets out by what requests meet.
struct OutlierOptions {
  u32 consecutive = 0;         // failures in a row; 0: never
  u32 eject_ms = 30'000;       // times the number of ejections, up to max_eject_ms
  u32 max_eject_ms = 300'000;  //
  u32 max_ejected_bp = 1'000;  // of the targets, in hundredths of a percent; but at least one
};

/// Limits of one upstream; 0 is none, but with `pending`: nobody waits. Those of the process are
/// exact across workers.
struct UpstreamLimits {
  u32 connections = 1024;        // of the process
  u32 requests = 1024;           // at a time, of the process
  u32 pending = 1024;            // that wait for one of the two, of the process
  u32 idle_connections = 64;     // kept per worker and target; what is beyond, for a second
  u32 idle_timeout_ms = 60'000;  // of a kept connection
  u32 ping_ms = 10'000;          // of silence, until a target of HTTP/2 is asked; 0: never
};

struct UpstreamConfig {
  std::string name;
  /// Equal keys of two tables mean: same targets and transport, so connections may be carried over.
  std::string key;
  /// How connections are made, but for whom to. A pool whose targets have changed takes over what
  /// still fits of the one before it, where these are equal.
  std::string transport;
  Balance balance = Balance::RoundRobin;
  u32 panic_bp = 5'000;   // with fewer usable targets, in hundredths of a percent, all are used
  u32 slow_start_ms = 0;  // a target that comes back gets its full share after so long
  bool sticky = false;    // answers tell which target gave them
  Protocol protocol = Protocol::Http1;
  bool http2_only = false;  // with Http2: a target that does not agree on it is of no use (gRPC)
  u32 proxy_version = 0;    // of the PROXY header that connections begin with; 0: none. Http1 only
  std::vector<TargetConfig> targets;
  DnsOptions dns;
  HealthOptions health;
  OutlierOptions outlier;
  UpstreamLimits limits;
  BreakerOptions breaker;
  std::shared_ptr<const net::TlsClientOptions> tls;  // of targets with tls; null: none
  std::shared_ptr<UpstreamState> state;              // null: the pool makes one
};

SocketAddress socket_address(const IpAddress& ip, u16 port);
/// Reads the addresses of all targets: numbers and paths become `addresses`, a name becomes `host`
/// and `port`. Asks nobody. Error: AddressInvalid for a text that is no `host:port`.
Result<void> read_addresses(UpstreamConfig& config);

}  // namespace gw::upstream
