#include "runtime/engine/tunnel.h"

#include <algorithm>

namespace gw::engine {
namespace {

// Lives in the frame of run_tunnel(), longer than both copies.
class Tunnel {
 public:
  Tunnel(const Clock& clock, Channel& client, Channel& upstream, const TunnelLimits& limits)
      : clock_(clock), client_(client), upstream_(upstream), limits_(limits) {}

  Task<void> copy(Channel& from, Channel& to, u64& count) {
    while (true) {
      const Result<Bytes> piece = co_await from.read();
      if (!piece) {
        stop(piece.error());
        co_return;
      }
      moved();
      if (piece->empty()) {
        to.finish_writing();
        co_return;
      }
      const Result<void> sent = co_await to.write(*piece);
      if (!sent) {
        stop(sent.error());
        co_return;
      }
      count += piece->size();
      moved();
    }
  }

  // The same deadline on both: either may be the one that nobody waits on.
  void moved() {
    TimePoint due = limits_.end;
    if (limits_.idle.count() != 0) due = std::min(due, clock_.now() + limits_.idle);
    client_.set_deadline(due);
    upstream_.set_deadline(due);
  }

  const Error& error() const { return error_; }

 private:
  // Half a tunnel is of no use to anyone.
  void stop(const Error& error) {
    if (error_.code != Errc::None) return;
    error_ = error;
    client_.abort();
    upstream_.abort();
  }

  const Clock& clock_;
  Channel& client_;
  Channel& upstream_;
  const TunnelLimits& limits_;
  Error error_;
};

}  // namespace

Task<void> run_tunnel(Exchange& exchange, const Clock& clock, Channel& client, Channel& upstream,
                      const TunnelLimits& limits) {
  Tunnel tunnel(clock, client, upstream, limits);
  tunnel.moved();
  Task<void> up = tunnel.copy(client, upstream, exchange.request_bytes);
  up.start();
  co_await tunnel.copy(upstream, client, exchange.response_bytes);
  co_await up.join();
  client.set_deadline(TimePoint::max());
  upstream.set_deadline(TimePoint::max());
  if (tunnel.error().code != Errc::None) exchange.error = tunnel.error();
}

}  // namespace gw::engine
