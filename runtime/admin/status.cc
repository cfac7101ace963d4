#include "runtime/admin/status.h"

#include <fmt/format.h>
#include <unistd.h>

#include <boost/json/array.hpp>
#include <chrono>

#include "runtime/base/wall_clock.h"

namespace gw::admin {
namespace {

namespace json = boost::json;

json::array texts(const std::vector<std::string>& values) {
  return json::array(values.begin(), values.end());
}

json::object kept_json(const server::KeptState& state) {
  return {{"kept", texts(state.kept)},
          {"changed", texts(state.changed)},
          {"added", texts(state.added)},
          {"removed", texts(state.removed)}};
}

u64 requests_of(const BoundTable* table, const std::vector<server::WorkerReport>& workers) {
  u64 requests = 0;
  for (const server::WorkerReport& worker : workers) {
    for (const server::TableUse& use : worker.tables) {
      if (use.table == table) requests += use.exchanges;
    }
  }
  return requests;
}

json::array tables_json(const AdminTarget& target,
                        const std::vector<server::WorkerReport>& workers) {
  json::array tables;
  for (const server::ServedTable& served : target.reloader.tables()) {
    json::object table{{"digest", served.digest},
                       {"origin", served.origin},
                       {"since", served.since_unix_ms},
                       {"routes", served.routes},
                       {"bytes", served.bytes},
                       {"current", served.current},
                       {"alive", served.table != nullptr},
                       {"title", served.title},
                       {"version", served.version},
                       {"sources", texts(served.sources)}};
    if (served.table != nullptr) table["requests"] = requests_of(served.table, workers);
    if (served.table == nullptr) table["drain_us"] = served.drain_ns / 1000;
    if (!served.signed_by.empty()) {
      table["signature"] = json::object{{"key", served.signed_by}, {"counter", served.counter}};
    }
    tables.push_back(std::move(table));
  }
  return tables;
}

json::array workers_json(const std::vector<server::WorkerReport>& workers) {
  json::array all;
  for (const server::WorkerReport& worker : workers) {
    all.push_back(json::object{{"connections", worker.sessions},
                               {"streams", worker.streams},
                               {"accepted", worker.counters.accepted},
                               {"requests", worker.counters.requests},
                               {"refused", worker.counters.refused},
                               {"broken", worker.counters.broken}});
  }
  return all;
}

json::array listeners_json(const AdminTarget& target) {
  json::array listeners;
  for (const server::ListenerSet::Shown& listener : target.gateway.listeners().shown()) {
    listeners.push_back(json::object{{"address", listener.address}, {"tls", listener.tls}});
  }
  return listeners;
}

json::array upstreams_json(const AdminTarget& target) {
  json::array upstreams;
  for (const upstream::UpstreamSnapshot& state : target.gateway.control().registry().snapshot()) {
    json::array targets;
    for (const upstream::TargetSnapshot& one : state.targets) {
      json::object shown{{"address", one.address}, {"state", state_of(one)}};
      if (one.ejected_ms > 0) shown["ejected_ms"] = one.ejected_ms;
      targets.push_back(std::move(shown));
    }
    upstreams.push_back(json::object{{"name", state.name},
                                     {"connections", state.connections},
                                     {"requests", state.requests},
                                     {"pending", state.pending},
                                     {"circuit", state.breaker_open ? "open" : "closed"},
                                     {"targets", std::move(targets)}});
  }
  return upstreams;
}

json::object limits_json(const AdminTarget& target) {
  const limits::CounterStore::Counts counts = target.gateway.counters().counts();
  return {{"refused", counts.refused},
          {"shadowed", counts.shadowed},
          {"overflowed", counts.overflowed},
          {"no_room", counts.no_room}};
}

json::object cache_json(const AdminTarget& target,
                        const std::vector<server::WorkerReport>& workers) {
  const cache::StoreCounts counts = target.gateway.cache().counts();
  json::object shown{{"entries", counts.entries},
                     {"bytes", counts.bytes},
                     {"limit", counts.limit_bytes},
                     {"stored", counts.stored},
                     {"evicted", counts.evicted},
                     {"purged", counts.purged},
                     {"variants", counts.variants},
                     {"variant_bytes", counts.variant_bytes},
                     {"variants_stored", counts.variants_stored}};
  cache::CacheCounters sum;
  for (const server::WorkerReport& worker : workers) {
    for (size_t i = 0; i < sum.outcomes.size(); ++i) {
      sum.outcomes[i] += worker.cache.outcomes[i];
    }
    sum.collapsed += worker.cache.collapsed;
    sum.refreshes += worker.cache.refreshes;
    sum.variant_hits += worker.cache.variant_hits;
  }
  json::object requests;
  for (size_t i = 1; i < sum.outcomes.size(); ++i) {
    requests[cache::outcome_name(static_cast<cache::Outcome>(i))] = sum.outcomes[i];
  }
  shown["requests"] = std::move(requests);
  shown["collapsed"] = sum.collapsed;
  shown["refreshes"] = sum.refreshes;
  shown["variant_hits"] = sum.variant_hits;
  return shown;
}

json::array drained_json(const AdminTarget& target) {
  json::array drained;
  for (const auto& entry : target.gateway.control().registry().drained()) {
    json::object shown{{"upstream", entry.upstream}};
    if (!entry.target.empty()) shown["target"] = entry.target;
    drained.push_back(std::move(shown));
  }
  return drained;
}

}  // namespace

std::string_view state_of(const upstream::TargetSnapshot& target) {
  if (target.drained) return "drained";
  if (!target.healthy) return "unhealthy";
  return target.ejected_ms > 0 ? "ejected" : "healthy";
}

json::object drains_json(const AdminTarget& target) {
  return {{"drained", drained_json(target)}, {"held", target.gateway.held()}};
}

json::object report_json(const server::ReloadReport& report) {
  json::object shown{{"accepted", report.accepted}, {"origin", report.origin},
                     {"before", report.before},     {"after", report.after},
                     {"time", report.unix_ms},      {"problems", texts(report.problems)}};
  shown["cost_us"] =
      json::object{{"take", report.cost.take / 1000},     {"map", report.cost.map / 1000},
                   {"verify", report.cost.verify / 1000}, {"resolve", report.cost.resolve / 1000},
                   {"warm", report.cost.warm / 1000},     {"swap", report.cost.swap / 1000}};
  shown["unhealthy"] = texts(report.unhealthy);
  shown["closed_streams"] = report.closed_streams;
  shown["state"] = json::object{
      {"limits", kept_json(report.state.limits)}, {"pools", kept_json(report.state.pools)},
      {"health", kept_json(report.state.health)}, {"breakers", kept_json(report.state.breakers)},
      {"cache", kept_json(report.state.cache)},   {"issuers", kept_json(report.state.issuers)}};
  return shown;
}

json::object status_json(const AdminTarget& target,
                         const std::vector<server::WorkerReport>& workers) {
  json::array reloads;
  for (const server::ReloadReport& report : target.reloader.history()) {
    reloads.push_back(report_json(report));
  }
  return {{"version", GW_VERSION},
          {"pid", static_cast<i64>(::getpid())},
          {"started", target.started_unix_ms},
          {"now", unix_now_ms()},
          {"ready", !target.ending() && !target.gateway.held()},
          {"held", target.gateway.held()},
          {"listeners", listeners_json(target)},
          {"workers", workers_json(workers)},
          {"tables", tables_json(target, workers)},
          {"kept", texts(target.reloader.kept())},
          {"upstreams", upstreams_json(target)},
          {"drained", drained_json(target)},
          {"limits", limits_json(target)},
          {"cache", cache_json(target, workers)},
          {"reloads", std::move(reloads)}};
}

}  // namespace gw::admin
