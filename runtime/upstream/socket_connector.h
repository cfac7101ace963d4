#pragma once
#include "runtime/net/worker_loop.h"
#include "runtime/upstream/connector.h"

namespace gw::upstream {

/// Connects TCP sockets on the loop of one worker, trying the addresses of a target in turn.
class SocketConnector final : public Connector {
 public:
  explicit SocketConnector(net::WorkerLoop& loop) : loop_(loop) {}
  Task<Result<std::unique_ptr<net::ByteStream>>> connect(const TargetConfig& target,
                                                         net::TimePoint due) override;

 private:
  net::WorkerLoop& loop_;
};

}  // namespace gw::upstream
