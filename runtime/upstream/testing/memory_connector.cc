#include "runtime/upstream/testing/memory_connector.h"

#include <cerrno>

namespace gw::upstream::testing {

Task<Result<std::unique_ptr<net::ByteStream>>> MemoryConnector::connect(const TargetConfig& target,
                                                                        net::TimePoint due) {
  ++attempts;
  targets.push_back(target.address);
  Outcome outcome = Outcome::Accept;
  if (!script.empty()) {
    outcome = script.front();
    script.pop_front();
  }
  if (faults != nullptr && faults->strikes()) outcome = Outcome::Refuse;
  const net::TimePoint accepted = loop_.now() + later;
  if (outcome == Outcome::AcceptLater && accepted < due) co_await loop_.sleep_until(accepted);
  if (outcome == Outcome::Hang || (outcome == Outcome::AcceptLater && accepted >= due)) {
    co_await loop_.sleep_until(due);
    co_return fail(Error{.code = Errc::UpstreamTimeout,
                         .origin = Origin::Upstream,
                         .retry = Retry::Safe,
                         .sys = ETIMEDOUT,
                         .what = "scripted"});
  }
  if (outcome == Outcome::Refuse) {
    co_return fail(Error{.code = Errc::ConnectFailed,
                         .origin = Origin::Upstream,
                         .retry = Retry::Safe,
                         .sys = ECONNREFUSED,
                         .what = "scripted"});
  }
  net::MemoryPeer peer;
  std::unique_ptr<net::ByteStream> stream = net::make_memory_stream(loop_, peer, faults);
  if (on_accept) on_accept(peer);
  co_return stream;
}

}  // namespace gw::upstream::testing
