// An upstream: where requests are sent.
#pragma once
#include "runtime/policies/field_spec.h"

namespace gw::policies {

struct TargetRecord {
  table::LateString url;
  u32 weight;
  u32 reserved;
};

struct BalanceRecord {
  u32 by;  // kBalanceWords
  u32 reserved;
};
inline constexpr std::string_view kBalanceWords[] = {"leastRequest", "roundRobin"};

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

struct UpstreamRecord {
  table::StringRef name;
  table::Extent targets;  // TargetRecord[]
  BalanceRecord balance;
  UnavailableRecord unavailable;
  UpstreamTlsRecord tls;
  table::SourceRef source;
  u32 protocol;  // kProtocolWords
};
static_assert(sizeof(TargetRecord) == 24 && sizeof(UpstreamRecord) == 128);

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
};
inline constexpr FieldSpec kTargetElement[] = {
    {.name = "target",
     .kind = FieldKind::Record,
     .fields = kTargetFields,
     .size = sizeof(TargetRecord),
     .shorthand = "url"},
};
inline constexpr FieldSpec kBalanceFields[] = {
    {.name = "by",
     .kind = FieldKind::Enum,
     .offset = offsetof(BalanceRecord, by),
     .fallback = "leastRequest",
     .words = kBalanceWords,
     .doc = "how a target is chosen; leastRequest compares two at random"},
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
     .required = true,
     .min = 1,
     .max = 1024,
     .fields = kTargetElement,
     .size = sizeof(TargetRecord),
     .doc = "the servers"},
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
         "ALPN; grpc is http2, and its operations are streams"},
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
};
inline constexpr RecordSpec kUpstreamSpec{.name = "upstream",
                                          .bytes = sizeof(UpstreamRecord),
                                          .fields = kUpstreamFields,
                                          .doc = "a named group of servers that answer alike"};

}  // namespace gw::policies
