// The issuers whose keys are followed while tables come and go.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/identity/live_data.h"
#include "runtime/jose/key_source.h"

namespace gw::server {

/// On the control thread. An issuer that the next table has as well keeps its keys, and is not asked
/// anew. Changes go to the log (event `issuer_keys`).
class Issuers {
 public:
  Issuers(net::EventLoop& loop, Random& random, net::HttpFetcher& fetcher)
      : loop_(loop), random_(random), fetcher_(fetcher) {}

  /// Follows those of `table` and no others. The data with their slots.
  std::shared_ptr<const LiveData> watch(const BoundTable& table, const LiveData& data);
  /// Each has been asked once, whatever the outcome.
  bool is_ready() const;
  void stop() { sources_.clear(); }

  /// One of them has answered, or failed.
  std::function<void()> on_change;

 private:
  using Sources = std::map<std::string, std::unique_ptr<jose::KeySource>>;
  jose::KeySource& source(Sources& next, const jose::KeySourceOptions& options);

  net::EventLoop& loop_;
  Random& random_;
  net::HttpFetcher& fetcher_;
  Sources sources_;  // by what they are asked
};

}  // namespace gw::server
