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
};
static_assert(sizeof(ProxyRecord) == 24);

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
