#include "runtime/cache/retry_after.h"

#include <algorithm>

#include "runtime/cache/directives.h"

namespace gw::cache {

using std::chrono::milliseconds;

std::optional<milliseconds> read_retry_after(std::string_view text, i64 unix_ms) {
  if (const auto seconds = read_delta_seconds(text)) return std::chrono::seconds(*seconds);
  const auto date = read_http_date(text, unix_ms / 1000);
  if (!date) return std::nullopt;
  return std::max(milliseconds(*date * 1000 - unix_ms), milliseconds(0));
}

}  // namespace gw::cache
