// Where a path parameter's value lies.
#pragma once
#include "runtime/base/types.h"

namespace gw {

/// One captured path parameter: the raw (still encoded) segment text in the normalised path.
struct Capture {
  u32 begin = 0;  // offset into RequestHead::path
  u32 end = 0;
};
inline constexpr u32 kMaxCaptures = 32;

}  // namespace gw
