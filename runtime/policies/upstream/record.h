// An upstream: where requests are sent.
#pragma once
#include "runtime/policies/field_spec.h"

namespace gw::policies {

struct TargetRecord {
  table::LateString url;
  u32 weight;
  u32 backup;
};

/// Bounds of the TTL of what DNS says.
struct DnsRefreshRecord {
  table::LateNumber min;
  table::LateNumber max;
};

inline constexpr std::string_view kSchemeWords[] = {"http", "https"};
inline constexpr u32 kSchemeHttps = 1;
inline constexpr std::string_view kFamilyWords[] = {"any", "ipv4", "ipv6"};

/// Targets that DNS tells; none without `name`.
struct DnsRecord {
  table::LateString name;
  table::LateNumber port;  // 0: services have their own
  DnsRefreshRecord refresh;
  table::StringRef path;
  u32 srv;
  u32 scheme;  // kSchemeWords
  u32 family;  // kFamilyWords
  u32 reserved;

  bool is_given() const { return name.late != table::kNone || name.value.offset != table::kNone; }
};

struct BalanceRecord {
  u32 by;             // kBalanceWords
  u32 panic;          // hundredths of a percent
  table::Extent key;  // into Expressions; count 0: none
};
inline constexpr std::string_view kBalanceWords[] = {"leastRequest", "roundRobin", "random",
                                                     "ringHash", "maglev"};
/// Whether a way of balancing goes by a key of the request.
constexpr bool balances_by_key(u32 by) { return by >= 3; }

/// Active checks; none without `path` and `tcp`.
struct HealthRecord {
  table::StringRef path;
  u32 tcp;
  u32 healthy;
  u32 unhealthy;
  u32 reserved;
  table::LateNumber interval;
  table::LateNumber timeout;
  table::Extent status;  // u32[]; count 0: 200 to 299
};

/// Passive ejection; none with `consecutive` 0.
struct OutlierRecord {
  u32 consecutive;
  u32 max_ejected;  // hundredths of a percent
  table::LateNumber eject;
  table::LateNumber max_eject;
};

/// How much of an upstream all workers together use. 0: no limit; of `pending`: nobody waits.
struct LimitsRecord {
  table::LateNumber connections;
  table::LateNumber requests;
  table::LateNumber pending;
};

/// Connections that wait for their next request, or their answer.
struct KeepAliveRecord {
  table::LateNumber connections;  // per worker and target
  table::LateNumber idle;
  table::LateNumber ping;  // milliseconds; 0: never
};

/// None with `failures` 0.
struct BreakerRecord {
  u32 failures;  // hundredths of a percent
  u32 requests;
  u32 probes;
  u32 reserved;
  table::LateNumber window;
  table::LateNumber open;
};

struct StickyRecord {
  table::StringRef cookie;
};

struct HeaderValueRecord {
  table::StringRef name;
  table::StringRef value;
};

/// What is answered when no target can be used.
struct UnavailableRecord {
  u32 status;
  u32 reserved;
  table::Extent headers;  // HeaderValueRecord[]
  table::StringRef body;
};

/// Values of the upstream that come right after the root's defaults.
struct UpstreamTimeoutRecord {
  table::LateNumber connect;
  table::LateNumber try_;
  table::LateNumber total;
  table::LateNumber idle;
};

/// How connections to targets with `https` are secured.
struct UpstreamTlsRecord {
  table::LateString ca;
  table::LateString cert;
  table::LateString key;
  table::StringRef server_name;
  u32 verify;
  u32 reserved;
};

/// What is spoken to targets. `grpc` is HTTP/2 whose operations are streams.
inline constexpr std::string_view kProtocolWords[] = {"http1", "http2", "grpc"};
inline constexpr u32 kProtocolHttp2 = 1;
inline constexpr u32 kProtocolGrpc = 2;

/// Versions of the PROXY protocol that connections to targets begin with.
inline constexpr std::string_view kProxyProtocolWords[] = {"none", "v1", "v2"};

struct UpstreamRecord {
  table::StringRef name;
  table::Extent targets;  // TargetRecord[]
  BalanceRecord balance;
  UnavailableRecord unavailable;
  UpstreamTlsRecord tls;
  HealthRecord health;
  OutlierRecord outlier;
  LimitsRecord limits;
  KeepAliveRecord keep_alive;
  BreakerRecord breaker;
  StickyRecord sticky;
  table::LateNumber slow_start;
  DnsRecord dns;
  table::SourceRef source;
  u32 protocol;        // kProtocolWords
  u32 proxy_protocol;  // kProxyProtocolWords
  u32 reserved;
};
static_assert(sizeof(TargetRecord) == 24 && sizeof(DnsRecord) == 88);
static_assert(sizeof(UpstreamRecord) == 504);

/// Servers that are asked for names; in GatewayRecord. Each is a LateString.
struct ResolversRecord {
  table::Extent list;
};

inline constexpr u64 kMaxUpstreamPemBytes = u64{1} << 20;

inline constexpr FieldSpec kTargetFields[] = {
    {.name = "url",
     .kind = FieldKind::Url,
     .offset = offsetof(TargetRecord, url),
     .late = true,
     .required = true,
     .doc = "http:// or https://host:port, with a path that is put before the request's; or "
            "unix:/PATH"},
    {.name = "weight",
     .kind = FieldKind::Count,
     .offset = offsetof(TargetRecord, weight),
     .min = 1,
     .max = 1000,
     .fallback = "1",
     .doc = "share of the traffic against other targets"},
    {.name = "backup",
     .kind = FieldKind::Bool,
     .offset = offsetof(TargetRecord, backup),
     .fallback = "false",
     .doc = "takes part only while too few of the other targets can be used"},
};
inline constexpr FieldSpec kTargetElement[] = {
    {.name = "target",
     .kind = FieldKind::Record,
     .fields = kTargetFields,
     .size = sizeof(TargetRecord),
     .shorthand = "url"},
};
inline constexpr FieldSpec kDnsRefreshFields[] = {
    {.name = "min",
     .kind = FieldKind::Duration,
     .offset = offsetof(DnsRefreshRecord, min),
     .late = true,
     .min = 100,
     .max = 86'400'000,
     .fallback = "1s",
     .doc = "whatever the TTL, the name is not asked for sooner"},
    {.name = "max",
     .kind = FieldKind::Duration,
     .offset = offsetof(DnsRefreshRecord, max),
     .late = true,
     .min = 100,
     .max = 86'400'000,
     .fallback = "5m",
     .doc = "whatever the TTL, the name is not asked for later"},
};
inline constexpr FieldSpec kDnsFields[] = {
    {.name = "name",
     .kind = FieldKind::String,
     .offset = offsetof(DnsRecord, name),
     .late = true,
     .required = true,
     .min = 1,
     .max = 254,
     .doc = "name whose addresses are the targets; with `srv` the name of a service, such as "
            "`_http._tcp.orders.internal`"},
    {.name = "port",
     .kind = FieldKind::Count,
     .offset = offsetof(DnsRecord, port),
     .late = true,
     .min = 1,
     .max = 65'535,
     .doc = "port of the targets; needed unless `srv` says it"},
    {.name = "srv",
     .kind = FieldKind::Bool,
     .offset = offsetof(DnsRecord, srv),
     .fallback = "false",
     .doc = "hosts and ports are taken from SRV records: the lowest priority first, the others are "
            "backup; weights as they are"},
    {.name = "scheme",
     .kind = FieldKind::Enum,
     .offset = offsetof(DnsRecord, scheme),
     .fallback = "http",
     .words = kSchemeWords,
     .doc = "with https the certificate must be for `tls.serverName`, or `name` without `_service` "
            "and `_proto`"},
    {.name = "path",
     .kind = FieldKind::String,
     .offset = offsetof(DnsRecord, path),
     .min = 1,
     .max = 2048,
     .doc = "put before the path of requests"},
    {.name = "family",
     .kind = FieldKind::Enum,
     .offset = offsetof(DnsRecord, family),
     .fallback = "any",
     .words = kFamilyWords,
     .doc = "addresses that are asked for; those without a route are left out"},
    {.name = "refresh",
     .kind = FieldKind::Record,
     .offset = offsetof(DnsRecord, refresh),
     .fields = kDnsRefreshFields,
     .size = sizeof(DnsRefreshRecord),
     .doc = "bounds of the TTL, after which the name is asked for again"},
};
inline constexpr FieldSpec kResolverElement[] = {
    {.name = "resolver", .kind = FieldKind::String, .offset = 0, .late = true, .min = 1, .max = 64},
};
inline constexpr FieldSpec kResolversFields[] = {
    {.name = "resolvers",
     .kind = FieldKind::List,
     .offset = offsetof(ResolversRecord, list),
     .min = 1,
     .max = 16,
     .fields = kResolverElement,
     .size = sizeof(table::LateString),
     .doc = "servers that are asked for names, in turn: IP, or IP:port"},
};
inline constexpr RecordSpec kResolversSpec{
    .name = "resolvers", .bytes = sizeof(ResolversRecord), .fields = kResolversFields, .doc = ""};
inline constexpr FieldSpec kBalanceFields[] = {
    {.name = "by",
     .kind = FieldKind::Enum,
     .offset = offsetof(BalanceRecord, by),
     .fallback = "leastRequest",
     .words = kBalanceWords,
     .doc = "how a target is chosen; leastRequest compares two at random"},
    {.name = "key",
     .kind = FieldKind::Expression,
     .offset = offsetof(BalanceRecord, key),
     .max = 8192,
     .doc = "with ringHash and maglev: requests of one value meet the same target"},
    {.name = "panic",
     .kind = FieldKind::Percent,
     .offset = offsetof(BalanceRecord, panic),
     .max = 10'000,
     .fallback = "50%",
     .doc = "with a smaller share of usable targets, but one, all are used; 0% never"},
};
inline constexpr FieldSpec kHealthStatusElement[] = {
    {.name = "status", .kind = FieldKind::Status, .offset = 0, .min = 200, .max = 599},
};
inline constexpr FieldSpec kHealthFields[] = {
    {.name = "path",
     .kind = FieldKind::String,
     .offset = offsetof(HealthRecord, path),
     .min = 1,
     .max = 2048,
     .doc = "path that is asked for by GET, behind the path of the target's url"},
    {.name = "tcp",
     .kind = FieldKind::Bool,
     .offset = offsetof(HealthRecord, tcp),
     .fallback = "false",
     .doc = "a connection is enough; with `https` its TLS handshake, too"},
    {.name = "interval",
     .kind = FieldKind::Duration,
     .offset = offsetof(HealthRecord, interval),
     .late = true,
     .min = 100,
     .max = 3'600'000,
     .fallback = "10s",
     .doc = "from one check of a target to the next, a tenth more or less"},
    {.name = "timeout",
     .kind = FieldKind::Duration,
     .offset = offsetof(HealthRecord, timeout),
     .late = true,
     .min = 10,
     .max = 30'000,
     .fallback = "2s",
     .doc = "time of one check"},
    {.name = "healthy",
     .kind = FieldKind::Count,
     .offset = offsetof(HealthRecord, healthy),
     .min = 1,
     .max = 100,
     .fallback = "2",
     .doc = "good answers in a row that bring a target back"},
    {.name = "unhealthy",
     .kind = FieldKind::Count,
     .offset = offsetof(HealthRecord, unhealthy),
     .min = 1,
     .max = 100,
     .fallback = "3",
     .doc = "bad answers in a row that take a target out"},
    {.name = "status",
     .kind = FieldKind::List,
     .offset = offsetof(HealthRecord, status),
     .max = 32,
     .fields = kHealthStatusElement,
     .size = sizeof(u32),
     .doc = "good statuses; default: 200 to 299"},
};
inline constexpr FieldSpec kOutlierFields[] = {
    {.name = "consecutive",
     .kind = FieldKind::Count,
     .offset = offsetof(OutlierRecord, consecutive),
     .max = 1000,
     .fallback = "5",
     .doc = "failures in a row (no connection, a break, no answer in time, a status from 500 on) "
            "that eject a target; 0: none do"},
    {.name = "eject",
     .kind = FieldKind::Duration,
     .offset = offsetof(OutlierRecord, eject),
     .late = true,
     .min = 10,
     .max = 86'400'000,
     .fallback = "30s",
     .doc = "time of the first ejection; the n-th takes n times as long"},
    {.name = "maxEject",
     .kind = FieldKind::Duration,
     .offset = offsetof(OutlierRecord, max_eject),
     .late = true,
     .min = 10,
     .max = 86'400'000,
     .fallback = "300s",
     .doc = "the longest ejection"},
    {.name = "maxEjected",
     .kind = FieldKind::Percent,
     .offset = offsetof(OutlierRecord, max_ejected),
     .max = 10'000,
     .fallback = "10%",
     .doc = "largest share of ejected targets; one may always be, but not the last"},
};
inline constexpr FieldSpec kLimitsFields[] = {
    {.name = "connections",
     .kind = FieldKind::Count,
     .offset = offsetof(LimitsRecord, connections),
     .late = true,
     .max = 1'000'000,
     .fallback = "1024",
     .doc = "open connections to all targets, those that wait for a request included; 0: no limit"},
    {.name = "requests",
     .kind = FieldKind::Count,
     .offset = offsetof(LimitsRecord, requests),
     .late = true,
     .max = 1'000'000,
     .fallback = "1024",
     .doc = "requests at a time, each until the end of its answer; 0: no limit"},
    {.name = "pending",
     .kind = FieldKind::Count,
     .offset = offsetof(LimitsRecord, pending),
     .late = true,
     .max = 1'000'000,
     .fallback = "1024",
     .doc =
         "requests that wait for one of the two, for `timeout.connect` at most; what is beyond is "
         "answered 503 at once; 0: nothing waits"},
};
inline constexpr FieldSpec kKeepAliveFields[] = {
    {.name = "connections",
     .kind = FieldKind::Count,
     .offset = offsetof(KeepAliveRecord, connections),
     .late = true,
     .max = 100'000,
     .fallback = "64",
     .doc = "connections that are kept for the next request, per worker and target; more are kept "
            "for a second; 0: none at all"},
    {.name = "idle",
     .kind = FieldKind::Duration,
     .offset = offsetof(KeepAliveRecord, idle),
     .late = true,
     .min = 1,
     .max = 86'400'000,
     .fallback = "60s",
     .doc = "they are kept for so long; less than targets keep theirs is best"},
    {.name = "ping",
     .kind = FieldKind::Duration,
     .offset = offsetof(KeepAliveRecord, ping),
     .late = true,
     .max = 86'400'000,
     .fallback = "10s",
     .doc = "HTTP/2: a target that has been silent for so long while requests wait for it is asked "
            "by PING whether it is there; without an answer in 5s they have failed; 0s: never"},
};
inline constexpr FieldSpec kBreakerFields[] = {
    {.name = "failures",
     .kind = FieldKind::Percent,
     .offset = offsetof(BreakerRecord, failures),
     .max = 10'000,
     .fallback = "50%",
     .doc = "share of failed tries (see `outlier.consecutive`) from which on nothing is sent; 0%: "
            "never"},
    {.name = "requests",
     .kind = FieldKind::Count,
     .offset = offsetof(BreakerRecord, requests),
     .min = 1,
     .max = 1'000'000,
     .fallback = "20",
     .doc = "but not with fewer tries than these in `window`"},
    {.name = "probes",
     .kind = FieldKind::Count,
     .offset = offsetof(BreakerRecord, probes),
     .min = 1,
     .max = 1'000,
     .fallback = "3",
     .doc =
         "then so many tries at a time find out; the breaker closes when so many have succeeded, "
         "and one that fails opens it anew"},
    {.name = "window",
     .kind = FieldKind::Duration,
     .offset = offsetof(BreakerRecord, window),
     .late = true,
     .min = 100,
     .max = 3'600'000,
     .fallback = "10s",
     .doc = "time that is looked back on"},
    {.name = "open",
     .kind = FieldKind::Duration,
     .offset = offsetof(BreakerRecord, open),
     .late = true,
     .min = 10,
     .max = 3'600'000,
     .fallback = "10s",
     .doc = "time for which nothing is sent"},
};
inline constexpr FieldSpec kStickyFields[] = {
    {.name = "cookie",
     .kind = FieldKind::String,
     .offset = offsetof(StickyRecord, cookie),
     .min = 1,
     .max = 128,
     .doc = "name of the cookie that keeps a client at its target while that is usable"},
};
inline constexpr FieldSpec kHeaderValueElement[] = {
    {.name = "value",
     .kind = FieldKind::String,
     .offset = offsetof(HeaderValueRecord, value),
     .max = 8192},
};
inline constexpr FieldSpec kUnavailableFields[] = {
    {.name = "status",
     .kind = FieldKind::Status,
     .offset = offsetof(UnavailableRecord, status),
     .min = 400,
     .max = 599,
     .fallback = "503",
     .doc = "status of the answer"},
    {.name = "headers",
     .kind = FieldKind::Map,
     .offset = offsetof(UnavailableRecord, headers),
     .fields = kHeaderValueElement,
     .size = sizeof(HeaderValueRecord),
     .doc = "its header fields"},
    {.name = "body",
     .kind = FieldKind::Body,
     .offset = offsetof(UnavailableRecord, body),
     .max = 1 << 20,
     .doc = "its body; a map or list is sent as JSON"},
};
inline constexpr FieldSpec kUpstreamTlsFields[] = {
    {.name = "ca",
     .kind = FieldKind::Pem,
     .offset = offsetof(UpstreamTlsRecord, ca),
     .late = true,
     .max = kMaxUpstreamPemBytes,
     .doc = "what certificates of targets must lead to; default: the system's authorities"},
    {.name = "cert",
     .kind = FieldKind::Pem,
     .offset = offsetof(UpstreamTlsRecord, cert),
     .late = true,
     .max = kMaxUpstreamPemBytes,
     .doc = "certificate that the gateway shows to targets"},
    {.name = "key",
     .kind = FieldKind::Pem,
     .offset = offsetof(UpstreamTlsRecord, key),
     .late = true,
     .max = kMaxUpstreamPemBytes,
     .doc = "its private key"},
    {.name = "serverName",
     .kind = FieldKind::String,
     .offset = offsetof(UpstreamTlsRecord, server_name),
     .min = 1,
     .max = 255,
     .doc = "name that is asked for (SNI) and looked for in the certificate; default: the target's "
            "host"},
    {.name = "verify",
     .kind = FieldKind::Bool,
     .offset = offsetof(UpstreamTlsRecord, verify),
     .fallback = "true",
     .doc = "whether certificates of targets are checked"},
};
inline constexpr FieldSpec kUpstreamFields[] = {
    {.name = "targets",
     .kind = FieldKind::List,
     .offset = offsetof(UpstreamRecord, targets),
     .min = 1,
     .max = 1024,
     .fields = kTargetElement,
     .size = sizeof(TargetRecord),
     .doc = "the servers; host names among them follow DNS by their TTL"},
    {.name = "dns",
     .kind = FieldKind::Record,
     .offset = offsetof(UpstreamRecord, dns),
     .fields = kDnsFields,
     .size = sizeof(DnsRecord),
     .doc = "in place of `targets`: each address of a name is one, and they follow DNS"},
    {.name = "balance",
     .kind = FieldKind::Record,
     .offset = offsetof(UpstreamRecord, balance),
     .fields = kBalanceFields,
     .size = sizeof(BalanceRecord),
     .shorthand = "by",
     .doc = "how a target is chosen"},
    {.name = "protocol",
     .kind = FieldKind::Enum,
     .offset = offsetof(UpstreamRecord, protocol),
     .fallback = "http1",
     .words = kProtocolWords,
     .doc =
         "what is spoken to targets: with `http://` known beforehand, with `https://` agreed on by "
         "ALPN; grpc is http2 and nothing else, and its operations are streams"},
    {.name = "proxyProtocol",
     .kind = FieldKind::Enum,
     .offset = offsetof(UpstreamRecord, proxy_protocol),
     .fallback = "none",
     .words = kProxyProtocolWords,
     .doc =
         "connections begin with a PROXY header that names the client; each carries one request, "
         "since the next may be another client's"},
    {.name = "unavailable",
     .kind = FieldKind::Record,
     .offset = offsetof(UpstreamRecord, unavailable),
     .fields = kUnavailableFields,
     .size = sizeof(UnavailableRecord),
     .shorthand = "status",
     .doc = "the answer while no target can be used"},
    {.name = "tls",
     .kind = FieldKind::Record,
     .offset = offsetof(UpstreamRecord, tls),
     .fields = kUpstreamTlsFields,
     .size = sizeof(UpstreamTlsRecord),
     .doc = "TLS to targets with `https`; needs nothing in the usual case"},
    {.name = "health",
     .kind = FieldKind::Record,
     .offset = offsetof(UpstreamRecord, health),
     .fields = kHealthFields,
     .size = sizeof(HealthRecord),
     .shorthand = "path",
     .doc = "targets are asked how they are; who fails is not used"},
    {.name = "outlier",
     .kind = FieldKind::Record,
     .offset = offsetof(UpstreamRecord, outlier),
     .fields = kOutlierFields,
     .size = sizeof(OutlierRecord),
     .shorthand = "consecutive",
     .doc = "targets whose requests fail are not used for a while; off unless it is there"},
    {.name = "limits",
     .kind = FieldKind::Record,
     .offset = offsetof(UpstreamRecord, limits),
     .fields = kLimitsFields,
     .size = sizeof(LimitsRecord),
     .doc = "how much of it all workers together use at a time"},
    {.name = "keepAlive",
     .kind = FieldKind::Record,
     .offset = offsetof(UpstreamRecord, keep_alive),
     .fields = kKeepAliveFields,
     .size = sizeof(KeepAliveRecord),
     .doc = "connections between two requests"},
    {.name = "breaker",
     .kind = FieldKind::Record,
     .offset = offsetof(UpstreamRecord, breaker),
     .fields = kBreakerFields,
     .size = sizeof(BreakerRecord),
     .shorthand = "failures",
     .doc = "while too much fails nothing is sent; off unless it is there"},
    {.name = "sticky",
     .kind = FieldKind::Record,
     .offset = offsetof(UpstreamRecord, sticky),
     .fields = kStickyFields,
     .size = sizeof(StickyRecord),
     .shorthand = "cookie",
     .doc = "a client stays at its target"},
    {.name = "slowStart",
     .kind = FieldKind::Duration,
     .offset = offsetof(UpstreamRecord, slow_start),
     .late = true,
     .max = 3'600'000,
     .fallback = "0s",
     .doc = "time in which a target that comes back reaches its full share; not for ringHash and "
            "maglev"},
};
inline constexpr RecordSpec kUpstreamSpec{.name = "upstream",
                                          .bytes = sizeof(UpstreamRecord),
                                          .fields = kUpstreamFields,
                                          .doc = "a named group of servers that answer alike"};

}  // namespace gw::policies
