// What all workers know of an upstream together: the health of its targets, how much of its limits
// is taken. Lives on over a change of tables.
#pragma once
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/types.h"
#include "runtime/net/timer_wheel.h"
#include "runtime/upstream/breaker.h"
#include "runtime/upstream/permits.h"
#include "runtime/upstream/retry.h"

namespace gw::upstream {

using net::TimePoint;

/// Steady time in milliseconds, as it is kept in atomics.
inline i64 to_ms(TimePoint when) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(when.time_since_epoch()).count();
}

/// One target. Any thread; plain requests read, and write nothing while all is well.
struct TargetState {
  std::atomic<bool> healthy{true};  // by active checks
  std::atomic<i64> ejected_until_ms{0};
  std::atomic<i64> recovered_ms{0};  // when it came back last; 0: it has never been away
  std::atomic<u32> failures{0};      // in a row
  std::atomic<bool> drained{false};  // takes no new requests, by order of the operator
  // Of the one thread that checks actively.
  bool checked = false;
  // Guarded by the mutex of the upstream.
  u32 ejections = 0;

  bool usable(i64 now_ms) const {
    return healthy.load(std::memory_order_relaxed) && !drained.load(std::memory_order_relaxed) &&
           ejected_until_ms.load(std::memory_order_relaxed) <= now_ms;
  }
};

/// A change that is worth a line in the log. The views live until the call returns.
struct HealthChange {
  enum class Kind : u8 { Healthy, Unhealthy, Ejected, Returned, BreakerOpened, BreakerClosed };
  Kind kind;
  std::string_view upstream;
  std::string_view target;  // "" of the breaker
  std::string_view reason;
  i64 until_ms = 0;  // of Ejected
};

class Pool;

/// One upstream.
struct UpstreamState {
  Permits connections;          // open to all targets, idle ones included
  Permits requests;             // from their admission to the end of their answer
  std::atomic<u32> pending{0};  // requests that wait for one of the two
  RetryBudget retries;
  Breaker breaker;
  /// Grows with every change of what is usable; workers choose anew then.
  std::atomic<u32> epoch{0};

  std::mutex mutex;
  std::map<std::string, std::shared_ptr<TargetState>, std::less<>> targets;  // by their identity
  /// Pools that may keep idle connections, and with them permits that others wait for. Guarded by
  /// the mutex.
  struct Member {
    net::EventLoop* loop;
    Pool* pool;
  };
  std::vector<Member> members;
  /// Told of every change, on whatever thread it happens. Set before the state is shared; may be
  /// empty.
  std::function<void(const HealthChange&)> on_change;

  void changed() { epoch.fetch_add(1, std::memory_order_release); }
  void tell(const HealthChange& change) const {
    if (on_change) on_change(change);
  }
};

struct UpstreamConfig;

/// How things are at one moment, for people.
struct TargetSnapshot {
  std::string address;
  bool healthy = true;
  bool drained = false;
  i64 ejected_ms = 0;  // for so long yet; 0: it is not
};
struct UpstreamSnapshot {
  std::string name;
  u32 connections = 0;  // open
  u32 requests = 0;     // under way
  u32 pending = 0;      // waiting for one of the two
  bool breaker_open = false;
  std::vector<TargetSnapshot> targets;
};

/// Finds the state of upstreams again when a table replaces another. Any thread.
class StateRegistry {
 public:
  /// Given to every state that is made.
  std::function<void(const HealthChange&)> on_change;

  /// Gives `config` and its targets their states: the ones that upstreams of this name and targets
  /// of this identity have had, while anybody uses them.
  void attach(UpstreamConfig& config);

  /// What is drained takes no new requests, however its checks go; requests under way finish. It
  /// stays so, over tables and targets that come and go, until it is undrained. An empty `target`
  /// means the whole upstream. False: there is no such upstream, or target of it, now.
  bool drain(const std::string& upstream, const std::string& target);
  /// False: it is not drained.
  bool undrain(const std::string& upstream, const std::string& target);
  struct Drained {
    std::string upstream;
    std::string target;  // "" all of them
    friend auto operator<=>(const Drained&, const Drained&) = default;
  };
  std::vector<Drained> drained() const;
  /// Before any upstream is attached: what drained() has said in the process before.
  void restore(const std::vector<Drained>& drained);
  /// All upstreams that somebody uses, by name; of tables that are on their way out, too.
  std::vector<UpstreamSnapshot> snapshot() const;

 private:
  void apply_drains(const std::string& upstream, UpstreamState& state) const;
  mutable std::mutex mutex_;
  std::map<std::string, std::weak_ptr<UpstreamState>> states_;
  std::set<Drained> drained_;
};

/// The same without a registry: states that nobody shares yet.
void attach_new_state(UpstreamConfig& config);

}  // namespace gw::upstream
