// The check that makes a router section safe to use.
#pragma once
#include "runtime/base/result.h"
#include "runtime/base/types.h"

namespace gw::router {

/// Confirms that every look-up in `blob` stays inside it, that all routes are below `route_count`
/// and all constraint indexes below `dfa_count` and `re2_count`. `blob` may come from anybody; it
/// is exactly the section, 8-byte aligned. Linear; about 3 ms per 100,000 routes at the most.
Result<void> verify_router(Bytes blob, u32 route_count, u32 dfa_count, u32 re2_count);

}  // namespace gw::router
