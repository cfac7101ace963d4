#include "runtime/engine/offline_refresher.h"

#include <algorithm>
#include <utility>

#include "runtime/engine/cached.h"
#include "runtime/policies/cache/filter.h"

namespace gw::engine {

bool OfflineRefresher::refresh(const Exchange& exchange, std::shared_ptr<cache::Flight> flight,
                               const cache::EntryPtr& entry) {
  std::erase_if(running_, [](const auto& one) { return one->task.valid() && one->task.done(); });
  auto running = std::make_unique<Running>();
  copy_exchange(exchange, running->exchange, running->certificate, loop_.now());
  policies::begin_refresh(running->exchange, env_, *exchange.cache->record, std::move(flight),
                          entry);
  running_.push_back(std::move(running));
  loop_.post([this, one = running_.back().get()] {
    one->task = run_rest(one->exchange, env_, one->responder);
    one->task.start();
  });
  return true;
}

bool OfflineRefresher::is_idle() const {
  return std::ranges::all_of(running_,
                             [](const auto& one) { return one->task.valid() && one->task.done(); });
}

}  // namespace gw::engine
