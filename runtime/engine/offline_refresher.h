// Refreshes of stored answers without a server: for `gwctl test` and unit tests.
#pragma once
#include <memory>
#include <vector>

#include "runtime/cache/use.h"
#include "runtime/engine/offline.h"

namespace gw::engine {

/// Runs them behind what the loop has to do. One thread. Outlives `env`'s use of it.
class OfflineRefresher final : public cache::Refresher {
 public:
  OfflineRefresher(net::EventLoop& loop, Env& env) : loop_(loop), env_(env) {}
  bool refresh(const Exchange& exchange, std::shared_ptr<cache::Flight> flight,
               const cache::EntryPtr& entry) override;
  bool is_idle() const;

 private:
  struct Running {
    PeerCertificate certificate;
    Exchange exchange;
    MemoryResponder responder;
    Task<void> task;
  };

  net::EventLoop& loop_;
  Env& env_;
  std::vector<std::unique_ptr<Running>> running_;
};

}  // namespace gw::engine
