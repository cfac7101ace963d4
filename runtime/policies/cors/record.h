// cors: which pages of other origins may read answers (the CORS protocol of the Fetch standard).
// What a preflight is told is put together by the compiler, from what the path declares.
#pragma once
#include "runtime/policies/field_spec.h"

namespace gw::policies {

inline constexpr std::string_view kCorsModeWords[] = {"answer", "strip"};
inline constexpr u32 kCorsStrip = 1;  // `cors: off`: the upstream's fields do not pass either

inline constexpr u32 kMaxOrigins = 256;

struct CorsRecord {
  table::Extent origins;           // LateString[]
  table::StringRef allow_methods;  // values of fields, ready
  table::StringRef allow_headers;  // absent: none
  table::StringRef expose;         // absent: none
  table::StringRef max_age;        // seconds
  u32 mode;                        // kCorsModeWords
  u32 any_origin;
  u32 credentials;
  u32 private_network;
};
static_assert(sizeof(CorsRecord) == 56);

inline constexpr FieldSpec kOriginElement[] = {
    {.name = "origin", .kind = FieldKind::Origin, .late = true, .max = 1024},
};
inline constexpr FieldSpec kCorsStoredFields[] = {
    {.name = "origins",
     .kind = FieldKind::List,
     .offset = offsetof(CorsRecord, origins),
     .max = kMaxOrigins,
     .fields = kOriginElement,
     .size = sizeof(table::LateString),
     .doc = "origins that may read"},
    {.name = "methods",
     .kind = FieldKind::String,
     .offset = offsetof(CorsRecord, allow_methods),
     .doc = "Access-Control-Allow-Methods"},
    {.name = "headers",
     .kind = FieldKind::String,
     .offset = offsetof(CorsRecord, allow_headers),
     .doc = "Access-Control-Allow-Headers"},
    {.name = "expose",
     .kind = FieldKind::String,
     .offset = offsetof(CorsRecord, expose),
     .doc = "Access-Control-Expose-Headers"},
    {.name = "maxAge",
     .kind = FieldKind::String,
     .offset = offsetof(CorsRecord, max_age),
     .doc = "Access-Control-Max-Age"},
    {.name = "mode",
     .kind = FieldKind::Enum,
     .offset = offsetof(CorsRecord, mode),
     .words = kCorsModeWords,
     .doc = "whether fields are written, or only taken away"},
    {.name = "anyOrigin",
     .kind = FieldKind::Bool,
     .offset = offsetof(CorsRecord, any_origin),
     .doc = "whether every origin may read"},
    {.name = "credentials",
     .kind = FieldKind::Bool,
     .offset = offsetof(CorsRecord, credentials),
     .doc = "whether requests may carry credentials"},
    {.name = "privateNetwork",
     .kind = FieldKind::Bool,
     .offset = offsetof(CorsRecord, private_network),
     .doc = "whether pages of the public network may ask"},
};
inline constexpr RecordSpec kCorsStoredSpec{.name = "cors",
                                            .bytes = sizeof(CorsRecord),
                                            .fields = kCorsStoredFields,
                                            .doc = "lets pages of other origins read answers"};

}  // namespace gw::policies
