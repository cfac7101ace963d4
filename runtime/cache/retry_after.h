// When somebody who has refused wants to be asked again.
#pragma once
#include <chrono>
#include <optional>
#include <string_view>

#include "runtime/base/types.h"

namespace gw::cache {

/// Retry-After (RFC 9110 section 10.2.3), seconds or a date, as time from `unix_ms` on; 0: it has
/// passed. Nothing: the text is neither.
std::optional<std::chrono::milliseconds> read_retry_after(std::string_view text, i64 unix_ms);

}  // namespace gw::cache
