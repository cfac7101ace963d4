// Whether a path has the shape of a group; private to this folder.
#pragma once
#include <cstring>
#include <string_view>

#include "runtime/router/capture.h"
#include "runtime/router/format.h"

namespace gw::router {

/// memcmp for the short texts of templates, without a call.
inline bool equal_bytes(const char* a, const char* b, size_t length) {
  if (length >= 8) {
    u64 left;
    u64 right;
    for (size_t at = 0; at + 8 < length; at += 8) {
      std::memcpy(&left, a + at, 8);
      std::memcpy(&right, b + at, 8);
      if (left != right) return false;
    }
    std::memcpy(&left, a + length - 8, 8);
    std::memcpy(&right, b + length - 8, 8);
    return left == right;
  }
  if (length >= 4) {
    u32 left;
    u32 right;
    u32 left_end;
    u32 right_end;
    std::memcpy(&left, a, 4);
    std::memcpy(&right, b, 4);
    std::memcpy(&left_end, a + length - 4, 4);
    std::memcpy(&right_end, b + length - 4, 4);
    return ((left ^ right) | (left_end ^ right_end)) == 0;
  }
  for (size_t at = 0; at < length; ++at) {
    if (a[at] != b[at]) return false;
  }
  return true;
}

/// Compares text[at..limit) of a path with pieces. `segment_end(position)` is the end of the
/// segment that `position` lies in.
template <class SegmentEnd>
bool match_pieces(const char* path, u32 at, u32 limit, const u8* pieces, u32 piece_count,
                  const char* literal, SegmentEnd segment_end, Capture* captures) {
  for (u32 i = 0; i < piece_count; ++i) {
    const u8 piece = pieces[i];
    if (piece >= kPieceLiteral) {
      const u32 length = piece - kPieceLiteral + 1u;
      if (limit - at < length || !equal_bytes(path + at, literal, length)) return false;
      at += length;
      literal += length;
      continue;
    }
    u32 end = limit;
    if (piece != kPieceRest) end = segment_end(at);
    if (piece == kPieceBefore || piece == kPieceUntil) {
      // SAFETY: verify_router checked that a literal follows both pieces.
      const u32 length = pieces[i + 1] - kPieceLiteral + 1u;
      if (end - at < length + 1) return false;
      if (piece == kPieceBefore) {
        end -= length;
      } else {
        const std::string_view segment(path + at, end - at);
        const size_t found = segment.find(std::string_view(literal, length), 1);
        if (found == std::string_view::npos) return false;
        end = at + static_cast<u32>(found);
      }
    }
    if (end <= at) return false;
    captures->begin = at;
    captures->end = end;
    ++captures;
    at = end;
  }
  return at == limit;
}

}  // namespace gw::router
