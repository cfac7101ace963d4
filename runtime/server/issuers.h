// The issuers of a table whose keys are followed, as its data have them.
#pragma once
#include <functional>
#include <memory>
#include <set>
#include <string>

#include "runtime/identity/live_data.h"
#include "runtime/jose/key_sources.h"
#include "runtime/server/followed_state.h"

namespace gw::server {

/// On the control thread. Changes go to the log (event `issuer_keys`).
class Issuers {
 public:
  Issuers(net::EventLoop& loop, Random& random, net::HttpFetcher& fetcher, FollowedState& followed);

  /// Follows those of `table` and no others. The data with their slots.
  std::shared_ptr<const LiveData> watch(const BoundTable& table, const LiveData& data);
  /// Each has been asked once, whatever the outcome.
  bool is_ready() const { return sources_.settled(); }
  void stop() { sources_.watch({}); }
  /// Where the keys of those that are followed come from.
  const std::set<std::string>& locations() const { return locations_; }

  /// One of them has answered, or failed.
  std::function<void()> on_change;

 private:
  jose::KeySources sources_;
  std::set<std::string> locations_;
};

}  // namespace gw::server
