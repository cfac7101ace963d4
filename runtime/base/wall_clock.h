// The time of day.
#pragma once
#include <chrono>

#include "runtime/base/types.h"

namespace gw {

/// Milliseconds since 1970, for what people read. It may jump: measure with a steady clock.
inline i64 unix_now_ms() {
  using std::chrono::milliseconds;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<milliseconds>(now).count();
}

}  // namespace gw
