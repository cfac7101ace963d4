#include "runtime/server/state_changes.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "runtime/identity/live_data.h"
#include "runtime/policies/cache/record.h"
#include "runtime/policies/policy_list.h"
#include "runtime/policies/rate_limit/record.h"

namespace gw::server {
namespace {

/// Identity of a state → what it is called, and what its numbers mean.
struct Meaning {
  std::string name;
  std::string digest;
};
using States = std::map<std::string, Meaning>;

States limits_of(const BoundTable& table) {
  States states;
  const table::TableView& view = table.view();
  for (const table::StepRecord& step : view.steps()) {
    if (static_cast<policies::PolicyId>(step.policy) != policies::PolicyId::RateLimit) continue;
    const auto& record = view.policy_record<policies::RateLimitRecord>(step.record);
    for (const auto& limit : view.policy_list<policies::LimitRecord>(record.limits)) {
      const std::string id = std::to_string(limit.id_high) + "." + std::to_string(limit.id_low);
      // A rate's counter knows its rate; the other kinds only count.
      const bool rate = limit.kind == static_cast<u32>(policies::LimitKind::Rate);
      states[id] = {std::string(table.text(limit.name)),
                    rate ? std::to_string(table.number(limit.limit)) + "/" +
                               std::to_string(table.number(limit.burst))
                         : std::string()};
    }
  }
  return states;
}

States pools_of(const std::vector<upstream::UpstreamConfig>& upstreams) {
  States states;
  for (const upstream::UpstreamConfig& config : upstreams) {
    states[config.name] = {config.name, config.key};
  }
  return states;
}

// Whether a target is well is known of it, however it is asked.
States health_of(const std::vector<upstream::UpstreamConfig>& upstreams) {
  States states;
  for (const upstream::UpstreamConfig& config : upstreams) {
    for (const upstream::TargetConfig& target : config.targets) {
      const std::string name = config.name + "/" + target.address;
      states[target.tls ? name + " tls" : name] = {name, {}};
    }
  }
  return states;
}

States breakers_of(const std::vector<upstream::UpstreamConfig>& upstreams) {
  States states;
  for (const upstream::UpstreamConfig& config : upstreams) {
    const upstream::BreakerOptions& breaker = config.breaker;
    if (breaker.failures_bp == 0) continue;
    states[config.name] = {config.name,
                           fmt::format("{} {} {} {} {}", breaker.failures_bp, breaker.requests,
                                       breaker.window_ms, breaker.open_ms, breaker.probes)};
  }
  return states;
}

// A key begins with the operation and a digest of what gives its entries their meaning.
States cache_of(const BoundTable& table) {
  std::map<std::string, std::set<std::string_view>> prefixes;  // each view has its own
  const table::TableView& view = table.view();
  for (const table::StepRecord& step : view.steps()) {
    if (static_cast<policies::PolicyId>(step.policy) != policies::PolicyId::Cache) continue;
    const auto& record = view.policy_record<policies::CacheRecord>(step.record);
    if (static_cast<policies::CacheMode>(record.mode) != policies::CacheMode::Serve) continue;
    prefixes[std::string(view.text(record.operation))].insert(view.text(record.prefix));
  }
  States states;
  for (const auto& [operation, all] : prefixes) {
    states[operation] = {operation, fmt::format("{}", fmt::join(all, ""))};
  }
  return states;
}

States issuers_of(const BoundTable& table) {
  States states;
  for (u32 i = 0; i < table.view().schemes().size(); ++i) {
    const auto source = key_source_of(table, i);
    if (source) states[source->location] = {source->location, source->issuer};
  }
  return states;
}

KeptState compare(const States& before, const States& after) {
  std::set<std::string> names_before;
  for (const auto& [id, meaning] : before) names_before.insert(meaning.name);
  std::set<std::string> kept;
  std::set<std::string> changed;
  std::set<std::string> added;
  std::set<std::string> seen;
  for (const auto& [id, meaning] : after) {
    seen.insert(meaning.name);
    const auto known = before.find(id);
    if (known != before.end()) {
      (known->second.digest == meaning.digest ? kept : changed).insert(meaning.name);
    } else {
      (names_before.contains(meaning.name) ? changed : added).insert(meaning.name);
    }
  }
  KeptState result;
  result.kept.assign(kept.begin(), kept.end());
  result.changed.assign(changed.begin(), changed.end());
  result.added.assign(added.begin(), added.end());
  std::ranges::set_difference(names_before, seen, std::back_inserter(result.removed));
  return result;
}

}  // namespace

StateChanges compare_state(const BoundTable& before,
                           const std::vector<upstream::UpstreamConfig>& upstreams_before,
                           const BoundTable& after,
                           const std::vector<upstream::UpstreamConfig>& upstreams_after) {
  return {.limits = compare(limits_of(before), limits_of(after)),
          .pools = compare(pools_of(upstreams_before), pools_of(upstreams_after)),
          .health = compare(health_of(upstreams_before), health_of(upstreams_after)),
          .breakers = compare(breakers_of(upstreams_before), breakers_of(upstreams_after)),
          .cache = compare(cache_of(before), cache_of(after)),
          .issuers = compare(issuers_of(before), issuers_of(after))};
}

}  // namespace gw::server
