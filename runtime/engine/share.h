// Shares of requests.
#pragma once
#include "runtime/base/types.h"

namespace gw::engine {

inline constexpr u64 kWholeShare = 10'000;  // hundredths of a percent

/// Whether `draw`, evenly spread over all numbers, falls within `share` of `whole` (of what is left
/// when others have had theirs). All of it from `share` >= `whole` on.
/// Of `draw` the upper half counts.
constexpr bool is_within(u64 draw, u64 share, u64 whole) {
  return (draw >> 32) * whole < share << 32;
}

}  // namespace gw::engine
