// A listener: where clients connect, and how.
#pragma once
#include "runtime/policies/field_spec.h"

namespace gw::policies {

/// Texts in PEM, known when the table is loaded.
struct CertificateRecord {
  table::LateString cert;
  table::LateString key;
};

struct ClientCertificateRecord {
  table::LateString ca;
  u32 mode;  // kClientCertificateWords
  u32 reserved;
};
inline constexpr std::string_view kClientCertificateWords[] = {"none", "optional", "required"};

struct StrictTransportRecord {
  u64 max_age;  // milliseconds; 0: the field is not sent
  u32 include_subdomains;
  u32 preload;
};

/// Absent when it names no certificate.
struct ListenerTlsRecord {
  CertificateRecord first;
  table::Extent certificates;  // CertificateRecord[], besides the first
  u32 min_version;             // kTlsVersionWords
  u32 reserved;
  table::StringRef ciphers;
  ClientCertificateRecord client;
  StrictTransportRecord strict_transport;
};
inline constexpr std::string_view kTlsVersionWords[] = {"1.2", "1.3"};

/// Paths that the listener answers by itself, exactly as they are written; absent: none.
struct ProbeRecord {
  table::StringRef live;
  table::StringRef ready;
};

/// Whether a path of a ProbeRecord is one that requests come with unchanged: no query, nothing
/// escaped, no empty segment and none of dots.
constexpr bool is_probe_path(std::string_view path) {
  if (path.size() < 2 || path[0] != '/') return false;
  constexpr std::string_view kMarks = "-._~!$&'()*+,;=:@/";
  size_t segment = 1;
  for (size_t i = 1; i <= path.size(); ++i) {
    if (i == path.size() || path[i] == '/') {
      const std::string_view text = path.substr(segment, i - segment);
      if (text.empty() || text == "." || text == "..") return false;
      segment = i + 1;
      continue;
    }
    const char c = path[i];
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!plain && kMarks.find(c) == kMarks.npos) return false;
  }
  return true;
}

struct ListenerRecord {
  table::LateString address;
  ListenerTlsRecord tls;
  u32 http2;
  u32 proxy_protocol;
  u32 redirect_port;  // 0: requests are served
  table::SourceRef source;
  ProbeRecord health;
};
static_assert(sizeof(ListenerTlsRecord) == 96 && sizeof(ListenerRecord) == 152);

inline constexpr u64 kMaxProbePathBytes = 256;
inline constexpr u64 kMaxPemBytes = u64{1} << 20;

inline constexpr FieldSpec kCertificateFields[] = {
    {.name = "cert",
     .kind = FieldKind::Pem,
     .offset = offsetof(CertificateRecord, cert),
     .late = true,
     .required = true,
     .max = kMaxPemBytes,
     .doc = "the certificate, followed by those of its issuers"},
    {.name = "key",
     .kind = FieldKind::Pem,
     .offset = offsetof(CertificateRecord, key),
     .late = true,
     .required = true,
     .max = kMaxPemBytes,
     .doc = "its private key, without a passphrase"},
};
inline constexpr FieldSpec kCertificateElement[] = {
    {.name = "certificate",
     .kind = FieldKind::Record,
     .fields = kCertificateFields,
     .size = sizeof(CertificateRecord)},
};
inline constexpr FieldSpec kClientCertificateFields[] = {
    {.name = "mode",
     .kind = FieldKind::Enum,
     .offset = offsetof(ClientCertificateRecord, mode),
     .fallback = "none",
     .words = kClientCertificateWords,
     .doc = "whether clients are asked for a certificate, and let in without one"},
    {.name = "ca",
     .kind = FieldKind::Pem,
     .offset = offsetof(ClientCertificateRecord, ca),
     .late = true,
     .max = kMaxPemBytes,
     .doc = "what their certificates must lead to"},
};
inline constexpr FieldSpec kStrictTransportFields[] = {
    {.name = "maxAge",
     .kind = FieldKind::Duration,
     .offset = offsetof(StrictTransportRecord, max_age),
     .max = u64{10} * 366 * 86'400'000,
     .fallback = "0s",
     .doc = "how long browsers shall use https only; 0s: the field is not sent"},
    {.name = "includeSubDomains",
     .kind = FieldKind::Bool,
     .offset = offsetof(StrictTransportRecord, include_subdomains),
     .fallback = "false",
     .doc = "the same for every host below"},
    {.name = "preload",
     .kind = FieldKind::Bool,
     .offset = offsetof(StrictTransportRecord, preload),
     .fallback = "false",
     .doc = "browsers may ship the host in their list"},
};
inline constexpr FieldSpec kListenerTlsFields[] = {
    {.name = "cert",
     .kind = FieldKind::Pem,
     .offset = offsetof(ListenerTlsRecord, first.cert),
     .late = true,
     .max = kMaxPemBytes,
     .doc = "the certificate, followed by those of its issuers"},
    {.name = "key",
     .kind = FieldKind::Pem,
     .offset = offsetof(ListenerTlsRecord, first.key),
     .late = true,
     .max = kMaxPemBytes,
     .doc = "its private key, without a passphrase"},
    {.name = "certificates",
     .kind = FieldKind::List,
     .offset = offsetof(ListenerTlsRecord, certificates),
     .max = 1024,
     .fields = kCertificateElement,
     .size = sizeof(CertificateRecord),
     .doc = "further ones; the name that a client asks for chooses, the first serves all others"},
    {.name = "minVersion",
     .kind = FieldKind::Enum,
     .offset = offsetof(ListenerTlsRecord, min_version),
     .fallback = "1.2",
     .words = kTlsVersionWords,
     .doc = "oldest version of TLS that is spoken"},
    {.name = "ciphers",
     .kind = FieldKind::String,
     .offset = offsetof(ListenerTlsRecord, ciphers),
     .min = 1,
     .max = 4096,
     .doc = "cipher suites of TLS 1.2 as OpenSSL lists them; default: Mozilla's intermediate list"},
    {.name = "clientCertificate",
     .kind = FieldKind::Record,
     .offset = offsetof(ListenerTlsRecord, client),
     .fields = kClientCertificateFields,
     .size = sizeof(ClientCertificateRecord),
     .doc = "certificates of clients"},
    {.name = "strictTransportSecurity",
     .kind = FieldKind::Record,
     .offset = offsetof(ListenerTlsRecord, strict_transport),
     .fields = kStrictTransportFields,
     .size = sizeof(StrictTransportRecord),
     .shorthand = "maxAge",
     .doc = "the field of this name in every answer (RFC 6797)"},
};
inline constexpr FieldSpec kProbeFields[] = {
    {.name = "live",
     .kind = FieldKind::String,
     .offset = offsetof(ProbeRecord, live),
     .min = 2,
     .max = kMaxProbePathBytes,
     .doc = "this path is answered with 200 as long as the process serves: `/healthz`"},
    {.name = "ready",
     .kind = FieldKind::String,
     .offset = offsetof(ProbeRecord, ready),
     .min = 2,
     .max = kMaxProbePathBytes,
     .doc = "this one with 200, and with 503 from the moment that it drains: `/readyz`"},
};
inline constexpr FieldSpec kListenerFields[] = {
    {.name = "address",
     .kind = FieldKind::Address,
     .offset = offsetof(ListenerRecord, address),
     .late = true,
     .required = true,
     .doc = "ADDRESS:PORT, or unix:/PATH; port 0 takes a free one"},
    {.name = "tls",
     .kind = FieldKind::Record,
     .offset = offsetof(ListenerRecord, tls),
     .fields = kListenerTlsFields,
     .size = sizeof(ListenerTlsRecord),
     .doc = "TLS on this address"},
    {.name = "http2",
     .kind = FieldKind::Bool,
     .offset = offsetof(ListenerRecord, http2),
     .fallback = "true",
     .doc = "HTTP/2: over TLS by ALPN, in plain text with prior knowledge"},
    {.name = "proxyProtocol",
     .kind = FieldKind::Bool,
     .offset = offsetof(ListenerRecord, proxy_protocol),
     .fallback = "false",
     .doc = "connections begin with a PROXY header, version 1 or 2; those without are closed"},
    {.name = "redirectToHttps",
     .kind = FieldKind::Count,
     .offset = offsetof(ListenerRecord, redirect_port),
     .min = 1,
     .max = 65535,
     .doc = "every request is answered with 308 to https on this port"},
    {.name = "health",
     .kind = FieldKind::Record,
     .offset = offsetof(ListenerRecord, health),
     .fields = kProbeFields,
     .size = sizeof(ProbeRecord),
     .doc = "answers to balancers and supervisors, before anything else: for every host, without "
            "policies, log or metrics"},
};
inline constexpr RecordSpec kListenerSpec{
    .name = "listener",
    .bytes = sizeof(ListenerRecord),
    .fields = kListenerFields,
    .doc = "an address that the gateway accepts connections on",
    .shorthand = "address"};

}  // namespace gw::policies
