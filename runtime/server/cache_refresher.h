// Fetches stored answers anew beside the exchanges that are given the old ones.
#pragma once
#include <memory>
#include <vector>

#include "runtime/cache/use.h"
#include "runtime/http/env.h"
#include "runtime/net/event_loop.h"

namespace gw::server {

struct Generation;
class SessionHost;

/// Of one table on one worker; a refresh pins the table until it is over. One thread.
class CacheRefresher final : public cache::Refresher {
 public:
  /// At a time.
  static constexpr size_t kMostAtOnce = 128;

  CacheRefresher(SessionHost& host, net::EventLoop& loop, Generation& generation);
  ~CacheRefresher() override;
  CacheRefresher(const CacheRefresher&) = delete;
  CacheRefresher& operator=(const CacheRefresher&) = delete;

  bool refresh(const Exchange& exchange, std::shared_ptr<cache::Flight> flight,
               const cache::EntryPtr& entry) override;
  /// Cuts off what runs; it ends soon.
  void abort();
  bool is_idle() const { return running_.empty(); }

 private:
  struct Running;

  static void on_start(void* context);
  Task<void> run(Running& running);
  void sweep();

  SessionHost& host_;
  net::EventLoop& loop_;
  Generation& generation_;
  std::vector<std::unique_ptr<Running>> running_;
  net::Deferred start_call_;
};

}  // namespace gw::server
