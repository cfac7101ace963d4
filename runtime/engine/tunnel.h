// Bytes both ways between two connections whose protocol has been switched.
#pragma once
#include <chrono>

#include "runtime/http/env.h"

namespace gw::engine {

struct TunnelLimits {
  std::chrono::milliseconds idle{0};  // nothing moves in either direction
  TimePoint end = TimePoint::max();   // of its life
};

/// Copies until both sides have ended their direction, one has broken off, or a limit is reached;
/// an end of one side is passed on as such. Holds one piece per direction: who does not read stops
/// the other side. Counts in exchange.request_bytes and response_bytes; sets exchange.error when it
/// did not end by itself. All arguments outlive the task.
Task<void> run_tunnel(Exchange& exchange, const Clock& clock, Channel& client, Channel& upstream,
                      const TunnelLimits& limits);

}  // namespace gw::engine
