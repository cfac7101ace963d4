// The codings, one file each. Seen by contexts.cc only.
#pragma once
#include <memory>

#include "runtime/encoding/encoder.h"

namespace gw::encoding {

/// Sizes of bodies that contexts are made for: 0 up to kSmallBytes, 1 up to kMediumBytes, 2 above
/// and unknown. What a context of zlib must clear for each body is most of the cost of a small one.
inline constexpr u32 kSizeClasses = 3;
inline constexpr u64 kSmallBytes = 4 * 1024;
inline constexpr u64 kMediumBytes = 16 * 1024;
constexpr u32 size_class_of(u64 bytes) {
  if (bytes <= kSmallBytes) return 0;
  return bytes <= kMediumBytes ? 1 : 2;
}

std::unique_ptr<Encoder> make_gzip_encoder(Level level, u32 size_class);
std::unique_ptr<Encoder> make_brotli_encoder(Level level, u32 size_class);
std::unique_ptr<Encoder> make_zstd_encoder(Level level);
std::unique_ptr<Decoder> make_gzip_decoder();
std::unique_ptr<Decoder> make_brotli_decoder();
std::unique_ptr<Decoder> make_zstd_decoder();

}  // namespace gw::encoding
