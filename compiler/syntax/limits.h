// How much of everything a document may have.
#pragma once
#include "runtime/base/types.h"

namespace gw::compiler {

inline constexpr u32 kMaxDepth = 512;            // nesting of maps and lists, aliases written out
inline constexpr u32 kMaxNodes = 16'000'000;     // values of one file: 640 MB of nodes
inline constexpr u64 kMaxExpanded = 10'000'000;  // values with every alias written out

}  // namespace gw::compiler
