// proxy: sends the request to an upstream. Made from the fields `upstream`, `path`
// and `upgrade`.
#pragma once
#include "runtime/policies/field_spec.h"

namespace gw::policies {

inline constexpr std::string_view kUpgradeWords[] = {"none", "websocket"};
inline constexpr u32 kUpgradeWebSocket = 1;

struct ProxyRecord {
  u32 upstream;        // into Upstreams
  u32 strip_bytes;     // bytes of the mount prefix that are not forwarded; 0 with `path`
  table::Extent path;  // into Expressions; count 0: the normalised path
  u32 upgrade;         // kUpgradeWords
  u32 streams;         // 1: answers last; `timeout.stream` holds in place of `total`
  u32 replay;          // Replay
  u32 reserved;
};
static_assert(sizeof(ProxyRecord) == 32);

/// When a request may be sent a second time though the first may have had an effect.
enum class Replay : u32 {
  ByMethod,  // the idempotent ones of RFC 9110 section 9.2.2
  Always,    // the document says so
  WithKey,   // these, and requests with an Idempotency-Key, which the operation declares
};
inline constexpr std::string_view kReplayWords[] = {"byMethod", "always", "withKey"};

inline constexpr FieldSpec kProxyFields[] = {
    {.name = "upstream",
     .kind = FieldKind::Name,
     .offset = offsetof(ProxyRecord, upstream),
     .required = true,
     .names = NameSpace::Upstream,
     .doc = "name of the upstream"},
    {.name = "strip",
     .kind = FieldKind::Count,
     .offset = offsetof(ProxyRecord, strip_bytes),
     .max = 8192,
     .doc = "bytes of the mount that are not forwarded"},
    {.name = "path",
     .kind = FieldKind::PathRewrite,
     .offset = offsetof(ProxyRecord, path),
     .doc = "path that is sent upstream"},
    {.name = "replay",
     .kind = FieldKind::Enum,
     .offset = offsetof(ProxyRecord, replay),
     .fallback = "byMethod",
     .words = kReplayWords,
     .doc = "when a request may be sent a second time"},
    {.name = "upgrade",
     .kind = FieldKind::Enum,
     .offset = offsetof(ProxyRecord, upgrade),
     .fallback = "none",
     .words = kUpgradeWords,
     .doc = "protocol that a client may switch to"},
    {.name = "streams",
     .kind = FieldKind::Bool,
     .offset = offsetof(ProxyRecord, streams),
     .fallback = "false",
     .doc = "whether answers last longer than `timeout.total`"},
};
inline constexpr RecordSpec kProxySpec{.name = "proxy",
                                       .bytes = sizeof(ProxyRecord),
                                       .fields = kProxyFields,
                                       .doc = "forwards to an upstream"};

/// Stored as written.
inline constexpr const RecordSpec& kProxyStoredSpec = kProxySpec;

}  // namespace gw::policies
