#include "runtime/upstream/state.h"

#include "runtime/upstream/cluster.h"

namespace gw::upstream {
namespace {

std::string identity_of(const TargetConfig& target) {
  return (target.tls ? "tls " : "") + target.address;
}

void attach_targets(UpstreamConfig& config) {
  UpstreamState& state = *config.state;
  const std::lock_guard lock(state.mutex);
  std::map<std::string, std::shared_ptr<TargetState>, std::less<>> kept;
  for (TargetConfig& target : config.targets) {
    const std::string identity = identity_of(target);
    const auto known = state.targets.find(identity);
    target.state = known != state.targets.end() ? known->second : nullptr;
    // The same address twice is one server.
    if (target.state == nullptr) target.state = kept[identity];
    if (target.state == nullptr) target.state = std::make_shared<TargetState>();
    kept[identity] = target.state;
  }
  state.targets = std::move(kept);
  state.connections.set_limit(config.limits.connections);
  state.requests.set_limit(config.limits.requests);
}

}  // namespace

void attach_new_state(UpstreamConfig& config) {
  if (config.state == nullptr) config.state = std::make_shared<UpstreamState>();
  attach_targets(config);
}

void StateRegistry::attach(UpstreamConfig& config) {
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(states_, [](const auto& entry) { return entry.second.expired(); });
    if (config.state == nullptr) config.state = states_[config.name].lock();
    if (config.state == nullptr) {
      config.state = std::make_shared<UpstreamState>();
      config.state->on_change = on_change;
    }
    states_[config.name] = config.state;
  }
  attach_targets(config);
  const std::lock_guard lock(mutex_);
  apply_drains(config.name, *config.state);
}

// With mutex_ held, so that the last order is the one that holds.
void StateRegistry::apply_drains(const std::string& upstream, UpstreamState& state) const {
  const bool all = drained_.contains({upstream, ""});
  const std::lock_guard lock(state.mutex);
  for (const auto& [identity, target] : state.targets) {
    const bool drains = all || drained_.contains({upstream, identity});
    if (target->drained.exchange(drains) != drains) state.changed();
  }
}

bool StateRegistry::drain(const std::string& upstream, const std::string& target) {
  const std::lock_guard lock(mutex_);
  const auto known = states_.find(upstream);
  const auto state = known == states_.end() ? nullptr : known->second.lock();
  if (state == nullptr) return false;
  std::string identity = target;
  if (!target.empty()) {
    const std::lock_guard targets_lock(state->mutex);
    if (!state->targets.contains(identity)) identity = "tls " + target;
    if (!state->targets.contains(identity)) return false;
  }
  drained_.insert({upstream, identity});
  apply_drains(upstream, *state);
  return true;
}

bool StateRegistry::undrain(const std::string& upstream, const std::string& target) {
  const std::lock_guard lock(mutex_);
  const bool known = drained_.erase({upstream, target}) != 0 ||
                     (!target.empty() && drained_.erase({upstream, "tls " + target}) != 0);
  const auto entry = states_.find(upstream);
  const auto state = entry == states_.end() ? nullptr : entry->second.lock();
  if (known && state != nullptr) apply_drains(upstream, *state);
  return known;
}

std::vector<UpstreamSnapshot> StateRegistry::snapshot() const {
  const i64 now_ms = to_ms(std::chrono::steady_clock::now());
  const std::lock_guard lock(mutex_);
  std::vector<UpstreamSnapshot> all;
  for (const auto& [name, weak] : states_) {
    const auto state = weak.lock();
    if (state == nullptr) continue;
    UpstreamSnapshot& shown = all.emplace_back();
    shown.name = name;
    shown.connections = state->connections.taken();
    shown.requests = state->requests.taken();
    shown.pending = state->pending.load(std::memory_order_relaxed);
    shown.breaker_open = state->breaker.is_open(now_ms);
    const std::lock_guard targets_lock(state->mutex);
    for (const auto& [identity, target] : state->targets) {
      const i64 until = target->ejected_until_ms.load(std::memory_order_relaxed);
      shown.targets.push_back({.address = identity,
                               .healthy = target->healthy.load(std::memory_order_relaxed),
                               .drained = target->drained.load(std::memory_order_relaxed),
                               .ejected_ms = until > now_ms ? until - now_ms : 0});
    }
  }
  return all;
}

void StateRegistry::restore(const std::vector<Drained>& drained) {
  const std::lock_guard lock(mutex_);
  drained_.insert(drained.begin(), drained.end());
}

std::vector<StateRegistry::Drained> StateRegistry::drained() const {
  const std::lock_guard lock(mutex_);
  return {drained_.begin(), drained_.end()};
}

}  // namespace gw::upstream
