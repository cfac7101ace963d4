// Connections to targets by a script, in memory.
#pragma once
#include <deque>
#include <functional>
#include <vector>

#include "runtime/net/memory_stream.h"
#include "runtime/upstream/connector.h"

namespace gw::upstream::testing {

/// Every attempt to connect takes the next outcome of the script; accepted at once when there is
/// none. One thread.
class MemoryConnector final : public Connector {
 public:
  enum class Outcome : u8 { Accept, AcceptLater, Refuse, Hang };
  explicit MemoryConnector(net::VirtualLoop& loop) : loop_(loop) {}

  Task<Result<std::unique_ptr<net::ByteStream>>> connect(const TargetConfig& target,
                                                         net::TimePoint due) override;

  std::deque<Outcome> script;
  std::chrono::milliseconds later{500};  // of AcceptLater
  net::FaultPlan* faults = nullptr;
  u32 attempts = 0;
  std::vector<std::string> targets;  // whom each attempt went to
  std::function<void(net::MemoryPeer)> on_accept;

 private:
  net::VirtualLoop& loop_;
};

}  // namespace gw::upstream::testing
