// A pool takes the place of another when the targets of an upstream have changed, by DNS or by a
// new table. Requests that have begun stay with the old pool, and with the connections that they
// have; what is of use to the new one becomes its own, so that nobody connects anew to a target
// that is still there.
#include <algorithm>
#include <cstring>

#include "runtime/upstream/pool.h"

namespace gw::upstream {
namespace {

bool is_same(const SocketAddress& a, const SocketAddress& b) {
  return a.length == b.length && std::memcmp(&a.storage, &b.storage, a.length) == 0;
}

bool are_same(const std::vector<SocketAddress>& a, const std::vector<SocketAddress>& b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), is_same);
}

}  // namespace

// Both count connections in one place, and make them in the same way.
bool Pool::can_inherit_from(const Pool& other) const {
  return config_.state == other.config_.state && config_.protocol == other.config_.protocol &&
         config_.transport == other.config_.transport;
}

u32 Pool::same_target(const TargetConfig& target) const {
  const auto found = std::ranges::find_if(config_.targets, [&](const TargetConfig& mine) {
    return mine.weight != 0 && mine.address == target.address && mine.tls == target.tls &&
           mine.server_name == target.server_name;
  });
  if (found == config_.targets.end()) return Balancer::kNone;
  return static_cast<u32>(found - config_.targets.begin());
}

// Whether `stream`, made to `old`, is one that `target` could have made: of a name with several
// addresses one may have gone.
bool Pool::leads_to(const TargetConfig& target, const TargetConfig& old,
                    const net::ByteStream& stream) const {
  if (are_same(target.addresses, old.addresses)) return true;
  SocketAddress peer;
  if (!stream.peer(peer.storage)) return false;
  return std::ranges::any_of(target.addresses, [&](const SocketAddress& address) {
    return std::memcmp(&address.storage, &peer.storage, address.length) == 0;
  });
}

void Pool::succeed_by(const std::shared_ptr<Pool>& heir) {
  if (!heir_.expired() || !heir->can_inherit_from(*this)) return;
  heir_ = heir;
  heir->tls_ = tls_;
  for (u32 i = 0; i < config_.targets.size(); ++i) {
    const u32 same = heir->same_target(config_.targets[i]);
    if (same != Balancer::kNone) heir->balancer_.count_with(same, balancer_, i);
    while (!idle_[i].empty()) {
      Connection* connection = idle_[i].back();
      idle_[i].pop_back();
      if (pass_on(*connection, *heir, true)) continue;
      connection->stop_idle();
      retire(*connection);
    }
    pass_on_http2(i, *heir);
  }
  // Who waits for a permit may have asked this pool for it, which has none any more.
  while (config_.state->connections.has_waiters() && heir->yield_idle()) {
  }
}

std::shared_ptr<Pool> Pool::last_heir() const {
  std::shared_ptr<Pool> last = heir_.lock();
  while (last != nullptr) {
    auto next = last->heir_.lock();
    if (next == nullptr) break;
    last = std::move(next);
  }
  return last;
}

// `connection` is in no list; `waits`: for its next request.
bool Pool::pass_on(Connection& connection, Pool& heir, bool waits) {
  const TargetConfig& old = config_.targets[connection.target()];
  const u32 target = heir.same_target(old);
  if (target == Balancer::kNone || (old.tls && heir.tls_ != tls_) ||
      !heir.leads_to(heir.config_.targets[target], old, connection.stream())) {
    return false;
  }
  --open_;
  ++heir.open_;  // with the permit that it has
  connection.move_to(heir, target);
  if (waits) {
    heir.idle_[target].push_back(&connection);
  } else {
    heir.give(connection, true);
  }
  return true;
}

void Pool::pass_on_http2(u32 target, Pool& heir) {
  const TargetConfig& old = config_.targets[target];
  const u32 same = heir.same_target(old);
  const auto may_go = [&](const net::ByteStream& stream) {
    return same != Balancer::kNone && heir.leads_to(heir.config_.targets[same], old, stream);
  };
  const u32 count = http2_.hand_over(target, may_go, heir.http2_, same);
  open_ -= count;
  heir.open_ += count;
}

}  // namespace gw::upstream
