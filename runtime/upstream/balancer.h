// Which target takes a request.
#pragma once
#include <memory>
#include <vector>

#include "runtime/http/env.h"
#include "runtime/upstream/cluster.h"

namespace gw::upstream {

/// What is known of a request when a target is chosen for it.
struct Choice {
  u64 hash = 0;    // of the balancing key
  u64 sticky = 0;  // target_token of the target that had the client before; 0: none
  u64 tried = 0;   // bit i: target i has failed this request; of the first 64
  bool hashed = false;
};

/// The same on every worker and in every process, never 0: stands for a target in cookies.
u64 target_token(const TargetConfig& target);

/// Chooses among the targets of one upstream, on one worker. `config` and `random` outlive it. One
/// thread. While nothing changes a choice is one look at a shared counter and the choosing itself;
/// no lock, no allocation.
class Balancer {
 public:
  static constexpr u32 kNone = ~u32{0};
  static constexpr u32 kMaglevEntries = 65'537;

  Balancer(const UpstreamConfig& config, Random& random);

  /// kNone: no target can be used.
  u32 choose(TimePoint now, const Choice& choice);
  /// Whether choose() would find a target that is not among `tried`, which tells of the first 64.
  bool has_untried(TimePoint now, u64 tried);
  /// Whether requests go to `target` now.
  bool takes_part(u32 target) const { return targets_[target].weight != 0; }
  void begin_request(u32 target) { ++*targets_[target].in_flight; }
  void end_request(u32 target) { --*targets_[target].in_flight; }
  /// Requests to `target` are counted together with those to `same` of `other`, which ends first.
  void count_with(u32 target, const Balancer& other, u32 same) {
    targets_[target].in_flight = other.targets_[same].in_flight;
  }

 private:
  struct Target {
    u64 weight = 0;          // now; 0: not to be chosen
    i64 current_weight = 0;  // of smooth weighted round robin
    std::shared_ptr<u32> in_flight = std::make_shared<u32>(0);
  };
  struct Point {
    u64 hash;
    u32 target;
  };

  void refresh(TimePoint now);
  void keep_up(TimePoint now);
  u64 weight_now(u32 target, i64 now_ms, bool& ramps) const;
  void build_ring();
  void build_maglev();
  u32 pick(const Choice& choice);
  u32 pick_round_robin();
  u32 pick_by_weight();
  u32 pick_least_request();
  u32 pick_on_ring(u64 hash) const;
  u32 pick_maglev(u64 hash) const;
  u32 pick_untried(u32 chosen, u64 tried) const;

  const UpstreamConfig& config_;
  Random& random_;
  std::vector<Target> targets_;
  u64 total_weight_ = 0;
  u32 only_ = kNone;  // the one that takes part, when it is one
  u32 seen_epoch_ = 0;
  TimePoint refresh_at_ = TimePoint::min();
  std::vector<Point> ring_;  // by hash; of all targets, usable or not
  std::vector<u16> maglev_;  // the same
};

}  // namespace gw::upstream
