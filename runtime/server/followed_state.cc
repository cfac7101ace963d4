#include "runtime/server/followed_state.h"

namespace gw::server {
namespace {

template <typename Map>
void keep_those(Map& map, const std::set<std::string>& names) {
  std::erase_if(map, [&](const auto& entry) { return !names.contains(entry.first); });
  for (const std::string& name : names) map.try_emplace(name);
}

}  // namespace

void FollowedState::note(const upstream::NameChange& change) {
  const std::lock_guard lock(mutex_);
  Name& name = state_.names[std::string(change.name)];
  name.failing = change.failing;
  if (change.failing) ++name.failures;
}

void FollowedState::note(const jose::KeyEvent& event) {
  if (event.location.empty()) return;  // keys that stand in the table
  const std::lock_guard lock(mutex_);
  Issuer& issuer = state_.issuers[std::string(event.location)];
  switch (event.kind) {
    case jose::KeyEvent::Kind::Loaded:
      issuer.keys = event.keys;
      [[fallthrough]];
    case jose::KeyEvent::Kind::Recovered:
      issuer.failing = issuer.expired = false;
      return;
    case jose::KeyEvent::Kind::Failing:
      issuer.failing = true;
      ++issuer.failures;
      return;
    case jose::KeyEvent::Kind::Expired:
      issuer.expired = true;
      return;
  }
}

void FollowedState::note(upstream::HealthChange::Kind kind, std::string_view upstream) {
  using Kind = upstream::HealthChange::Kind;
  const std::lock_guard lock(mutex_);
  Upstream& counts = state_.upstreams[std::string(upstream)];
  if (kind == Kind::Unhealthy) ++counts.unhealthy;
  if (kind == Kind::Ejected) ++counts.ejected;
  if (kind == Kind::BreakerOpened) ++counts.opened;
}

void FollowedState::keep(const std::set<std::string>& names, const std::set<std::string>& issuers,
                         const std::set<std::string>& upstreams) {
  const std::lock_guard lock(mutex_);
  keep_those(state_.names, names);
  keep_those(state_.issuers, issuers);
  keep_those(state_.upstreams, upstreams);
}

FollowedState::Snapshot FollowedState::snapshot() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

}  // namespace gw::server
