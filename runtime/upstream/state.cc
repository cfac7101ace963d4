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
}

}  // namespace gw::upstream
