#include "runtime/upstream/balancer.h"

#include <xxhash.h>

#include <algorithm>

namespace gw::upstream {
namespace {

using std::chrono::milliseconds;

// Weights are counted in thousandths, so that a share can grow slowly.
constexpr u64 kWeightUnit = 1000;
// A target that comes back begins with this share, in thousandths.
constexpr u64 kFirstShare = 100;
constexpr milliseconds kRampStep{250};
// Points on the ring: of a target of weight 1, and of all together.
constexpr u64 kPointsPerWeight = 160;
constexpr u64 kMostPoints = 131'072;

u64 mix(u64 text_hash, u64 number) {
  return XXH3_64bits_withSeed(&number, sizeof number, text_hash);
}

u64 hash_of(const TargetConfig& target, u64 seed) {
  const u64 address = XXH3_64bits_withSeed(target.address.data(), target.address.size(), seed);
  return target.tls ? mix(address, 1) : address;
}

bool is_usable(const TargetConfig& target, i64 now_ms) {
  return target.weight != 0 && target.state->usable(now_ms);
}

// `tried` is that of Choice.
bool is_among(u64 tried, u32 target) { return target < 64 && (tried >> target & 1) != 0; }

bool is_drained(const TargetConfig& target) {
  return target.state->drained.load(std::memory_order_relaxed);
}

}  // namespace

u64 target_token(const TargetConfig& target) { return hash_of(target, 0) | 1; }

Balancer::Balancer(const UpstreamConfig& config, Random& random)
    : config_(config), random_(random), targets_(config.targets.size()) {
  if (config_.balance == Balance::RingHash) build_ring();
  if (config_.balance == Balance::Maglev) build_maglev();
}

u64 Balancer::weight_now(u32 target, i64 now_ms, bool& ramps) const {
  const TargetConfig& config = config_.targets[target];
  const u64 full = config.weight * kWeightUnit;
  const i64 since = config.state->recovered_ms.load(std::memory_order_relaxed);
  if (config_.slow_start_ms == 0 || since == 0) return full;
  const i64 age = std::max<i64>(now_ms - since, 0);
  if (age >= config_.slow_start_ms) return full;
  ramps = true;
  const u64 share = std::max(kFirstShare, static_cast<u64>(age) * 1000 / config_.slow_start_ms);
  return std::max<u64>(full * share / 1000, 1);
}

// Who takes part now: the usable ones; the backup ones as well when too few of the others are
// usable; everybody when there is no backup either, as a few must not take the load of all. With
// nobody usable nobody takes part.
void Balancer::refresh(TimePoint now) {
  seen_epoch_ = config_.state->epoch.load(std::memory_order_acquire);
  refresh_at_ = TimePoint::max();
  const i64 now_ms = to_ms(now);
  u64 first = 0;
  u64 first_usable = 0;
  u64 backup_usable = 0;
  for (const TargetConfig& target : config_.targets) {
    const bool usable = is_usable(target, now_ms);
    if (target.weight != 0 && !target.backup && !is_drained(target)) ++first;
    if (usable) ++(target.backup ? backup_usable : first_usable);
    const i64 until = target.state->ejected_until_ms.load(std::memory_order_relaxed);
    if (until > now_ms) refresh_at_ = std::min(refresh_at_, TimePoint(milliseconds(until)));
  }
  const bool few = first_usable * 10'000 < first * config_.panic_bp || first_usable == 0;
  const bool everybody = few && backup_usable == 0 && first_usable > 0;
  total_weight_ = 0;
  u32 count = 0;
  for (u32 i = 0; i < targets_.size(); ++i) {
    const TargetConfig& config = config_.targets[i];
    const bool in = is_usable(config, now_ms) || (everybody && !is_drained(config));
    const bool takes_part = config.weight != 0 && in && (!config.backup || few);
    bool ramps = false;
    const u64 weight = takes_part ? weight_now(i, now_ms, ramps) : 0;
    if (ramps) refresh_at_ = std::min(refresh_at_, now + kRampStep);
    if (weight == 0) targets_[i].current_weight = 0;
    targets_[i].weight = weight;
    total_weight_ += weight;
    if (weight != 0) only_ = count++ == 0 ? i : kNone;
  }
  if (count == 0) only_ = kNone;
}

void Balancer::keep_up(TimePoint now) {
  if (config_.state->epoch.load(std::memory_order_acquire) != seen_epoch_ || now >= refresh_at_) {
    refresh(now);
  }
}

bool Balancer::has_untried(TimePoint now, u64 tried) {
  keep_up(now);
  // Which of those behind the first 64 were tried nobody knows: they are not to be pressed.
  for (u32 i = 0; i < targets_.size() && i < 64; ++i) {
    if (targets_[i].weight != 0 && !is_among(tried, i)) return true;
  }
  return false;
}

u32 Balancer::choose(TimePoint now, const Choice& choice) {
  keep_up(now);
  if (only_ != kNone) return only_;
  if (total_weight_ == 0) return kNone;
  const u32 chosen = pick(choice);
  return choice.tried == 0 ? chosen : pick_untried(chosen, choice.tried);
}

u32 Balancer::pick(const Choice& choice) {
  if (choice.sticky != 0) {
    for (u32 i = 0; i < targets_.size(); ++i) {
      if (targets_[i].weight != 0 && target_token(config_.targets[i]) == choice.sticky) return i;
    }
  }
  switch (config_.balance) {
    case Balance::RoundRobin:
      return pick_round_robin();
    case Balance::LeastRequest:
      return pick_least_request();
    case Balance::Random:
      return pick_by_weight();
    case Balance::RingHash:
      return pick_on_ring(choice.hashed ? choice.hash : random_.next());
    case Balance::Maglev:
      return pick_maglev(choice.hashed ? choice.hash : random_.next());
  }
  GW_CHECK(false);
}

// The next one behind `chosen` that has not failed this request.
u32 Balancer::pick_untried(u32 chosen, u64 tried) const {
  const u32 count = static_cast<u32>(targets_.size());
  for (u32 step = 0; step < count; ++step) {
    const u32 target = (chosen + step) % count;
    if (targets_[target].weight != 0 && !is_among(tried, target)) return target;
  }
  return chosen;
}

// Each target gains its weight; the richest is chosen and pays the sum of all.
u32 Balancer::pick_round_robin() {
  u32 best = kNone;
  for (u32 i = 0; i < targets_.size(); ++i) {
    Target& target = targets_[i];
    if (target.weight == 0) continue;
    target.current_weight += static_cast<i64>(target.weight);
    if (best == kNone || target.current_weight > targets_[best].current_weight) best = i;
  }
  targets_[best].current_weight -= static_cast<i64>(total_weight_);
  return best;
}

u32 Balancer::pick_by_weight() {
  u64 at = random_.next() % total_weight_;
  u32 last = kNone;
  for (u32 i = 0; i < targets_.size(); ++i) {
    if (targets_[i].weight == 0) continue;
    if (at < targets_[i].weight) return i;
    at -= targets_[i].weight;
    last = i;
  }
  return last;
}

u32 Balancer::pick_least_request() {
  const u32 first = pick_by_weight();
  const u32 second = pick_by_weight();
  return *targets_[second].in_flight < *targets_[first].in_flight ? second : first;
}

// A target's points depend on itself alone, so that the others stay where they are when it leaves.
void Balancer::build_ring() {
  u64 weights = 0;
  for (const TargetConfig& target : config_.targets) weights += target.weight;
  if (weights == 0) return;
  const u64 most = std::max<u64>(kMostPoints / weights, 1);
  const u64 points_per_weight = std::min(kPointsPerWeight, most);
  for (u32 i = 0; i < config_.targets.size(); ++i) {
    const u64 seed = hash_of(config_.targets[i], 1);
    const u64 points = config_.targets[i].weight * points_per_weight;
    for (u64 point = 0; point < points; ++point) ring_.push_back({mix(seed, point), i});
  }
  std::sort(ring_.begin(), ring_.end(), [](const Point& a, const Point& b) {
    return a.hash != b.hash ? a.hash < b.hash : a.target < b.target;
  });
}

u32 Balancer::pick_on_ring(u64 hash) const {
  const auto from = std::lower_bound(ring_.begin(), ring_.end(), hash,
                                     [](const Point& p, u64 value) { return p.hash < value; });
  const size_t begin = static_cast<size_t>(from - ring_.begin());
  for (size_t step = 0; step < ring_.size(); ++step) {
    const u32 target = ring_[(begin + step) % ring_.size()].target;
    if (targets_[target].weight != 0) return target;
  }
  return kNone;
}

// Every target walks over the entries in an order of its own and takes the first free one, in turns
// by weight (Eisenbud and others, "Maglev", NSDI 2016, section 3.4).
void Balancer::build_maglev() {
  struct Walk {
    u64 at;
    u64 step;
    u64 turns = 0;  // in parts of the greatest weight
  };
  std::vector<Walk> walks;
  u64 greatest = 0;
  for (const TargetConfig& target : config_.targets) {
    walks.push_back(
        {hash_of(target, 2) % kMaglevEntries, hash_of(target, 3) % (kMaglevEntries - 1) + 1, 0});
    greatest = std::max<u64>(greatest, target.weight);
  }
  if (greatest == 0) return;
  constexpr u16 kFree = 0xffff;
  maglev_.assign(kMaglevEntries, kFree);
  for (u32 filled = 0; filled < kMaglevEntries;) {
    for (u32 i = 0; i < walks.size() && filled < kMaglevEntries; ++i) {
      Walk& walk = walks[i];
      walk.turns += config_.targets[i].weight;
      if (walk.turns < greatest) continue;
      walk.turns -= greatest;
      while (maglev_[walk.at] != kFree) walk.at = (walk.at + walk.step) % kMaglevEntries;
      maglev_[walk.at] = static_cast<u16>(i);
      ++filled;
    }
  }
}

// Keys of a target that is away are spread over the rest, by further hashes of theirs.
u32 Balancer::pick_maglev(u64 hash) const {
  for (u64 draw = 0; draw < 64; ++draw) {
    const u32 target = maglev_[hash % kMaglevEntries];
    if (targets_[target].weight != 0) return target;
    hash = mix(hash, draw);
  }
  const u32 count = static_cast<u32>(targets_.size());
  for (u32 step = 0; step < count; ++step) {
    const u32 target = static_cast<u32>((hash + step) % count);
    if (targets_[target].weight != 0) return target;
  }
  return kNone;
}

}  // namespace gw::upstream
