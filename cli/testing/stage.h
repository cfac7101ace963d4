// One test on its way through the engine that serves: no socket, a clock that stands still, and a
// gateway that nobody has called before.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/testing/gateway.h"
#include "cli/testing/scripted_upstreams.h"
#include "cli/testing/suite.h"
#include "runtime/cache/memory_store.h"
#include "runtime/cache/use.h"
#include "runtime/engine/offline_refresher.h"
#include "runtime/limits/local_counters.h"

namespace gw::cli::tests {

/// What has come of one request.
struct Outcome {
  u16 status = 0;  // 0: no answer
  std::vector<engine::OfflineField> fields;
  std::string body;
  bool allowed = false;   // it came as far as the action of its operation
  std::string operation;  // "": none
  std::string by;         // as `expect.by`
  cache::Outcome cache{};
  std::string client;  // class of clients; "": not known
  std::vector<SentRequest> sent;
  std::vector<bool> taken;  // of the replies of the step's script
  u32 tries = 0;
  std::string problem;  // why there is nothing to judge; "": there is
};

/// Looks on while tests run; for coverage. Compositions are told before their exchange.
class ExchangeWatcher : public CompositionWatcher {
 public:
  /// `exchange` has ended and still holds everything.
  virtual void saw(Exchange& exchange, const Outcome& outcome) = 0;
};

class Stage {
 public:
  /// `watcher` may be null. Both outlive the stage.
  Stage(const Gateway& gateway, ExchangeWatcher* watcher);
  ~Stage();
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  /// Sends the request of `step` once.
  Outcome send(const Step& step);
  void wait(u64 milliseconds);

 private:
  struct FixedRandom final : Random {
    u64 next() override { return state = state * 6364136223846793005u + 1442695040888963407u; }
    u64 state = 1;
  };
  class Run;

  const Gateway& gateway_;
  ExchangeWatcher* watcher_;
  net::VirtualLoop loop_;
  FixedRandom random_;
  engine::NullObserver observer_;
  engine::OfflinePasswords passwords_;
  IdentityServices services_;
  IdentityEnv identity_;
  limits::LocalCounters counters_;
  ScriptedUpstreams upstreams_;
  Env env_;
  cache::MemoryStore store_;
  cache::Flights flights_;
  cache::CacheEnv cache_{store_, flights_};
  engine::OfflineRefresher refresher_{loop_, env_};
  u64 requests_ = 0;
};

}  // namespace gw::cli::tests
