// How it goes with what the control side follows: names, issuers, targets. For metrics and status.
#pragma once
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

#include "runtime/jose/key_source.h"
#include "runtime/upstream/resolver.h"
#include "runtime/upstream/state.h"

namespace gw::server {

/// Any thread.
class FollowedState {
 public:
  struct Name {
    bool failing = false;
    u64 failures = 0;  // how often it has begun to fail
  };
  struct Issuer {
    bool failing = false;
    bool expired = false;  // its last keys are too old to be used
    u64 keys = 0;
    u64 failures = 0;
  };
  struct Upstream {
    u64 unhealthy = 0;  // changes of targets, as the next one
    u64 ejected = 0;
    u64 opened = 0;  // of its circuit breaker
  };
  struct Snapshot {
    std::map<std::string, Name> names;
    std::map<std::string, Issuer> issuers;  // by location
    std::map<std::string, Upstream> upstreams;
  };

  void note(const upstream::NameChange& change);
  void note(const jose::KeyEvent& event);
  void note(upstream::HealthChange::Kind kind, std::string_view upstream);
  /// Everything else is forgotten: nobody follows it any more.
  void keep(const std::set<std::string>& names, const std::set<std::string>& issuers,
            const std::set<std::string>& upstreams);
  Snapshot snapshot() const;

 private:
  mutable std::mutex mutex_;
  Snapshot state_;
};

}  // namespace gw::server
