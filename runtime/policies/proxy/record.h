// proxy: sends the request to an upstream. Made from the fields `upstream`, `path`, `upgrade`,
// `decompressRequests` and `mirror`.
#pragma once
#include "runtime/policies/field_spec.h"

namespace gw::policies {

inline constexpr std::string_view kUpgradeWords[] = {"none", "websocket"};
inline constexpr u32 kUpgradeWebSocket = 1;

/// An upstream that takes a part of the requests.
struct SplitRecord {
  u32 upstream;             // into Upstreams
  u32 force;                // into Conditions: what it takes in any case; kNone: nothing
  table::LateNumber share;  // of the others, in hundredths of a percent
};

/// An upstream that gets copies of a part of the requests.
struct MirrorRecord {
  u32 upstream;  // into Upstreams
  u32 reserved;
  table::LateNumber share;     // hundredths of a percent
  table::LateNumber max_body;  // bytes; a request with more is not copied
};

struct ProxyRecord {
  u32 upstream;             // into Upstreams
  u32 strip_bytes;          // bytes of the mount prefix that are not forwarded; 0 with `path`
  table::Extent path;       // into Expressions; count 0: the normalised path
  u32 upgrade;              // kUpgradeWords
  u32 streams;              // 1: answers last; `timeout.stream` holds in place of `total`
  u32 replay;               // Replay
  u32 decompress;           // 1: encoded bodies go upstream decoded
  table::Extent split;      // SplitRecord[], by name
  table::Extent split_key;  // Extent[] into Expressions: the first that is there
  table::Extent mirrors;    // MirrorRecord[], by name
};
static_assert(sizeof(SplitRecord) == 24 && sizeof(MirrorRecord) == 40 && sizeof(ProxyRecord) == 56);

/// When a request may be sent a second time though the first may have had an effect.
enum class Replay : u32 {
  ByMethod,  // the idempotent ones of RFC 9110 section 9.2.2
  Always,    // the document says so
  WithKey,   // these, and requests with an Idempotency-Key, which the operation declares
};
inline constexpr std::string_view kReplayWords[] = {"byMethod", "always", "withKey"};

inline constexpr u32 kMaxSplits = 16;
inline constexpr u32 kMaxMirrors = 4;

inline constexpr FieldSpec kSplitFields[] = {
    {.name = "upstream",
     .kind = FieldKind::Name,
     .offset = offsetof(SplitRecord, upstream),
     .required = true,
     .names = NameSpace::Upstream,
     .doc = "name of the upstream"},
    {.name = "force",
     .kind = FieldKind::Condition,
     .offset = offsetof(SplitRecord, force),
     .doc = "requests that it takes in any case"},
    {.name = "share",
     .kind = FieldKind::Percent,
     .offset = offsetof(SplitRecord, share),
     .late = true,
     .max = 10'000,
     .doc = "its share of the others"},
};
inline constexpr FieldSpec kSplitElement[] = {
    {.name = "split",
     .kind = FieldKind::Record,
     .fields = kSplitFields,
     .size = sizeof(SplitRecord)},
};
inline constexpr FieldSpec kSplitKeyElement[] = {
    {.name = "key", .kind = FieldKind::Expression, .max = 8192},
};
inline constexpr FieldSpec kMirrorFields[] = {
    {.name = "upstream",
     .kind = FieldKind::Name,
     .offset = offsetof(MirrorRecord, upstream),
     .required = true,
     .names = NameSpace::Upstream,
     .doc = "name of the upstream"},
    {.name = "share",
     .kind = FieldKind::Percent,
     .offset = offsetof(MirrorRecord, share),
     .late = true,
     .max = 10'000,
     .doc = "share of the requests"},
    {.name = "maxBody",
     .kind = FieldKind::Bytes,
     .offset = offsetof(MirrorRecord, max_body),
     .late = true,
     .max = u64{16} << 20,
     .doc = "longest body that is copied"},
};
inline constexpr FieldSpec kMirrorElement[] = {
    {.name = "mirror",
     .kind = FieldKind::Record,
     .fields = kMirrorFields,
     .size = sizeof(MirrorRecord)},
};
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
    {.name = "decompressRequests",
     .kind = FieldKind::Bool,
     .offset = offsetof(ProxyRecord, decompress),
     .fallback = "false",
     .doc = "whether encoded bodies go upstream decoded"},
    {.name = "split",
     .kind = FieldKind::List,
     .offset = offsetof(ProxyRecord, split),
     .max = kMaxSplits,
     .fields = kSplitElement,
     .size = sizeof(SplitRecord),
     .doc = "upstreams that take a part of the requests"},
    {.name = "splitKey",
     .kind = FieldKind::List,
     .offset = offsetof(ProxyRecord, split_key),
     .max = 8,
     .fields = kSplitKeyElement,
     .size = sizeof(table::Extent),
     .doc = "requests of one value meet the same upstream"},
    {.name = "mirror",
     .kind = FieldKind::List,
     .offset = offsetof(ProxyRecord, mirrors),
     .max = kMaxMirrors,
     .fields = kMirrorElement,
     .size = sizeof(MirrorRecord),
     .doc = "upstreams that get copies"},
};
inline constexpr RecordSpec kProxySpec{.name = "proxy",
                                       .bytes = sizeof(ProxyRecord),
                                       .fields = kProxyFields,
                                       .doc = "forwards to an upstream"};

/// Stored as written.
inline constexpr const RecordSpec& kProxyStoredSpec = kProxySpec;

}  // namespace gw::policies
