// Limits of HTTP/1 messages. What a peer can make large is bounded here, in one place.
#pragma once
#include "runtime/base/types.h"

namespace gw::http {

inline constexpr size_t kMaxHeadBytes = 60 * 1024;        // start line and fields; 431
inline constexpr u32 kMaxFields = 100;                    // 431
inline constexpr u32 kMaxConnectionOptions = 64;          // names in Connection; 400
inline constexpr size_t kMaxRequestLineBytes = 8 * 1024;  // 414
inline constexpr size_t kMaxTrailerBytes = 8 * 1024;
inline constexpr u32 kMaxTrailerFields = 32;
inline constexpr size_t kMaxChunkExtensionBytes = 4 * 1024;  // per message, all chunks together
inline constexpr u32 kMaxChunkSizeDigits = 32;               // leading zeros included
inline constexpr u32 kMaxInterimResponses = 16;              // 1xx heads before the final one

inline constexpr size_t kReadBufferBytes = 16 * 1024;
inline constexpr size_t kLargeBufferBytes = 64 * 1024;
static_assert(kLargeBufferBytes > kMaxHeadBytes);

}  // namespace gw::http
