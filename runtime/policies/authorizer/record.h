// authorizer: a service of the user's own that decides about each request.
#pragma once
#include "runtime/policies/field_spec.h"

namespace gw::policies {

inline constexpr std::string_view kOnErrorWords[] = {"deny", "allow"};
inline constexpr u32 kOnErrorAllow = 1;

struct AuthorizerRecord {
  u32 upstream;
  u32 on_error;
  table::StringRef path;
  table::LateNumber timeout;  // milliseconds
  table::LateNumber cache;    // milliseconds; 0: every request is asked about
  table::Extent send;         // StringRef[]: fields of the request
  table::Extent receive;      // StringRef[]: fields of its answer
};
static_assert(sizeof(AuthorizerRecord) == 64);

inline constexpr FieldSpec kAuthorizerHeader[] = {
    {.name = "name", .kind = FieldKind::HeaderName},
};
inline constexpr FieldSpec kAuthorizerFields[] = {
    {.name = "upstream",
     .kind = FieldKind::Name,
     .offset = offsetof(AuthorizerRecord, upstream),
     .required = true,
     .names = NameSpace::Upstream,
     .doc = "the upstream that is asked"},
    {.name = "path",
     .kind = FieldKind::String,
     .offset = offsetof(AuthorizerRecord, path),
     .min = 1,
     .max = 2048,
     .fallback = "/authorize",
     .doc = "path of the question; the request itself is told by X-Forwarded-Method, "
            "X-Forwarded-Uri, X-Forwarded-Host and X-Forwarded-For"},
    {.name = "timeout",
     .kind = FieldKind::Duration,
     .offset = offsetof(AuthorizerRecord, timeout),
     .late = true,
     .min = 1,
     .max = 60'000,
     .fallback = "200ms",
     .doc = "beyond it there is no answer"},
    {.name = "onError",
     .kind = FieldKind::Enum,
     .offset = offsetof(AuthorizerRecord, on_error),
     .fallback = "deny",
     .words = kOnErrorWords,
     .doc = "without an answer: `deny` answers 503, `allow` lets the request through"},
    {.name = "send",
     .kind = FieldKind::List,
     .offset = offsetof(AuthorizerRecord, send),
     .max = 64,
     .fields = kAuthorizerHeader,
     .size = sizeof(table::StringRef),
     .doc = "header fields of the request that are sent along; default: none"},
    {.name = "receive",
     .kind = FieldKind::List,
     .offset = offsetof(AuthorizerRecord, receive),
     .max = 64,
     .fields = kAuthorizerHeader,
     .size = sizeof(table::StringRef),
     .doc = "header fields of a good answer that the upstream gets; the client's own are removed"},
    {.name = "cache",
     .kind = FieldKind::Duration,
     .offset = offsetof(AuthorizerRecord, cache),
     .late = true,
     .max = 3'600'000,
     .fallback = "0s",
     .doc = "how long a good answer holds for requests of the same caller that ask the same "
            "question of the same operation"},
};
inline constexpr RecordSpec kAuthorizerSpec{.name = "authorizer",
                                            .bytes = sizeof(AuthorizerRecord),
                                            .fields = kAuthorizerFields,
                                            .doc = "a service that decides about requests"};
inline constexpr const RecordSpec& kAuthorizerStoredSpec = kAuthorizerSpec;

}  // namespace gw::policies
