#include "runtime/cache/retry_after.h"

#include <algorithm>

#include "runtime/cache/directives.h"

namespace gw::cache {

using std::chrono::milliseconds;

std::optional<milliseconds> read_retry_after(std::string_view text, i64 unix_ms) {
  if (const auto seconds = read_delta_seconds(text)) return std::chrono::seconds(*seconds);
  const auto date = read_http_date(text, unix_ms / 1000);
  if (!date) return std::nullopt;
  // As far as seconds may be: in nanoseconds a date may be further than there are numbers.
  return milliseconds(std::clamp<i64>(*date * 1000 - unix_ms, 0, i64{kMaxDeltaSeconds} * 1000));
}

}  // namespace gw::cache
