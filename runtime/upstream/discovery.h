// The targets of upstreams as DNS tells them.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "runtime/upstream/resolver.h"

namespace gw::upstream {

/// What has changed about the targets of an upstream, for the log.
struct TargetsChange {
  std::string upstream;
  size_t count = 0;  // of targets, or addresses, now
  std::vector<std::string> added;
  std::vector<std::string> removed;
};

/// `plan` with the targets and addresses that `resolver` knows. A target without an address has
/// weight 0. The key tells one set from another. Every name of `plan` is watched, those of its
/// services as well (see names_of). Of services those with the lowest priority come first, all
/// others are backup; the weight of a service is shared by the addresses of its host.
UpstreamConfig with_targets(const UpstreamConfig& plan, const Resolver& resolver);

/// Follows the names of upstreams: DnsOptions, and hosts of targets. What has never been resolved
/// has no targets; what has been keeps the last ones. One thread, that of its loop.
class Discovery {
 public:
  Discovery(net::EventLoop& loop, Random& random, net::DnsClient& client);

  /// These are followed from now on, and no others.
  void watch(std::vector<UpstreamConfig> plans);
  /// Every name has been asked for once, with whatever outcome.
  bool is_ready() const { return ready_; }
  /// The plans, with their targets as they are known now.
  const std::vector<UpstreamConfig>& upstreams() const { return upstreams_; }

  /// upstreams() has changed, or is_ready() has become true. Never called within watch().
  std::function<void()> on_change;
  /// Before it, for each upstream whose targets are others.
  std::function<void(const TargetsChange& change)> on_targets;
  Resolver& resolver() { return resolver_; }

 private:
  bool update();
  bool is_settled(const UpstreamConfig& plan) const;

  Resolver resolver_;
  std::vector<UpstreamConfig> plans_;
  std::vector<UpstreamConfig> upstreams_;  // the same, by index
  bool ready_ = true;
};

}  // namespace gw::upstream
