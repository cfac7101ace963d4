#include "runtime/cache/use.h"

#include <algorithm>

namespace gw::cache {

std::string_view outcome_name(Outcome outcome) {
  static constexpr std::string_view kNames[] = {"none",        "hit",  "stale",
                                                "revalidated", "miss", "bypass"};
  static_assert(std::size(kNames) == kOutcomeCount);
  return kNames[static_cast<size_t>(outcome)];
}

void CacheEnv::abort_filling() {
  // One that ends takes itself out, within the call.
  for (Exchange* exchange : std::vector<Exchange*>(filling)) {
    if (std::ranges::find(filling, exchange) == filling.end()) continue;
    exchange->fetch_is_shared = false;
    exchange->client_gone = true;
    exchange->cancel_all();
  }
}

}  // namespace gw::cache
