// How connections to targets come about: by sockets, or by a script in tests.
#pragma once
#include <memory>

#include "runtime/base/task.h"
#include "runtime/net/byte_stream.h"
#include "runtime/net/event_loop.h"
#include "runtime/upstream/cluster.h"

namespace gw::upstream {

class Connector {
 public:
  virtual ~Connector() = default;
  /// A connected stream. Errors: ConnectFailed, UpstreamTimeout after `due`; both Retry::Safe.
  virtual Task<Result<std::unique_ptr<net::ByteStream>>> connect(const TargetConfig& target,
                                                                 net::TimePoint due) = 0;
};

}  // namespace gw::upstream
