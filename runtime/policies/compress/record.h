// compress: encodes answers for clients that can read it.
#pragma once
#include "runtime/policies/field_spec.h"

namespace gw::policies {

/// In the numbers of encoding::Coding, which the runtime holds against these.
inline constexpr std::string_view kEncodingWords[] = {"zstd", "br", "gzip"};
/// In those of encoding::Level.
inline constexpr std::string_view kCompressLevelWords[] = {"fast", "balanced", "small"};
inline constexpr u32 kMaxCompressTypes = 64;

struct CompressRecord {
  u64 min_size;         // bytes; an answer of a known length below it is left as it is
  table::Extent types;  // StringRef[], lower case, `text/*`, `application/*+json`; none: default
  table::Extent encodings;  // u32[] of kEncodingWords, in order of preference; none: all, as listed
  u32 level;                // kCompressLevelWords
  u32 reserved;
};
static_assert(sizeof(CompressRecord) == 32);

inline constexpr FieldSpec kCompressTypeElement[] = {
    {.name = "type", .kind = FieldKind::String, .min = 3, .max = 128},
};
inline constexpr FieldSpec kCompressEncodingElement[] = {
    {.name = "encoding", .kind = FieldKind::Enum, .words = kEncodingWords},
};
inline constexpr FieldSpec kCompressFields[] = {
    {.name = "minSize",
     .kind = FieldKind::Bytes,
     .offset = offsetof(CompressRecord, min_size),
     .max = u64{1} << 40,
     .fallback = "1KiB",
     .doc = "answers that are known to be shorter are not compressed"},
    {.name = "types",
     .kind = FieldKind::List,
     .offset = offsetof(CompressRecord, types),
     .min = 1,
     .max = kMaxCompressTypes,
     .fields = kCompressTypeElement,
     .size = sizeof(table::StringRef),
     .doc = "media types that are compressed, such as `text/*` or `application/*+json`; default: "
            "text, JSON, XML, JavaScript, YAML, SVG, WebAssembly and fonts that are not compressed "
            "by themselves"},
    {.name = "encodings",
     .kind = FieldKind::List,
     .offset = offsetof(CompressRecord, encodings),
     .min = 1,
     .max = std::size(kEncodingWords),
     .fields = kCompressEncodingElement,
     .size = sizeof(u32),
     .doc = "what clients are offered; of those that a client likes equally the first; default: "
            "zstd, br, gzip"},
    {.name = "level",
     .kind = FieldKind::Enum,
     .offset = offsetof(CompressRecord, level),
     .fallback = "balanced",
     .words = kCompressLevelWords,
     .doc = "how hard to try: fast (zstd 1, br 2, gzip 1), balanced (3, 4, 5) or small (9, 7, 9)"},
};
inline constexpr RecordSpec kCompressSpec{.name = "compress",
                                          .bytes = sizeof(CompressRecord),
                                          .fields = kCompressFields,
                                          .doc = "encodes answers for clients that can read it",
                                          .shorthand = "encodings"};

/// Stored as written.
inline constexpr const RecordSpec& kCompressStoredSpec = kCompressSpec;

}  // namespace gw::policies
