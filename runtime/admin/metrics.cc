#include "runtime/admin/metrics.h"

#include "runtime/base/descriptor_shortage.h"
#include "runtime/base/process_usage.h"
#include "runtime/observe/totals.h"
#include "runtime/upstream/state.h"

namespace gw::admin {
namespace {

using observe::MetricType;
using observe::MetricWriter;
using observe::Totals;

void write_statuses(MetricWriter& writer, std::string_view label, const std::string& name,
                    const observe::StatusTotals& statuses) {
  for (size_t i = 0; i < statuses.size(); ++i) {
    if (statuses[i] == 0) continue;
    const auto status_class = static_cast<observe::StatusClass>(i);
    writer.sample({{label, name}, {"status_class", observe::status_class_name(status_class)}},
                  statuses[i]);
  }
}

void write_latencies(MetricWriter& writer, std::string_view label, const std::string& name,
                     const observe::LatencyTotals& latencies) {
  writer.histogram({{label, name}}, latencies);
}

// One sample for each series, of what `value` reads from it; zeros are left out where `all` is not
// set, as most operations never see most of these.
template <typename Map, typename Value>
void write_each(MetricWriter& writer, const observe::MetricFamily& family, std::string_view label,
                const Map& map, bool all, Value value) {
  writer.family(family);
  for (const auto& [name, totals] : map) {
    const u64 number = value(totals);
    if (all || number != 0) writer.sample({{label, name}}, number);
  }
}

using Operations = std::vector<std::pair<const std::string&, const observe::OperationTotals&>>;

// There may be many, and a list is passed through faster than a tree.
Operations listed(const Totals& totals) {
  Operations operations;
  operations.reserve(totals.operations.size());
  for (const auto& [name, operation] : totals.operations) operations.emplace_back(name, operation);
  return operations;
}

void write_operations(MetricWriter& writer, const Operations& operations) {
  constexpr std::string_view kLabel = "operation";
  writer.family({"gw_http_requests", MetricType::Counter, "Requests answered, or given up."});
  for (const auto& [name, operation] : operations) {
    write_statuses(writer, kLabel, name, operation.requests);
  }
  writer.family({"gw_http_request_duration_seconds", MetricType::Histogram,
                 "From the head of a request to the last byte of its answer."});
  for (const auto& [name, operation] : operations) {
    if (operation.count() != 0) write_latencies(writer, kLabel, name, operation.duration);
  }
  write_each(writer, {"gw_http_requests_in_flight", MetricType::Gauge, "Requests under way."},
             kLabel, operations, true, [](const auto& one) { return one.in_flight; });
  write_each(writer,
             {"gw_http_request_body_bytes", MetricType::Counter, "Bytes of bodies of requests."},
             kLabel, operations, false, [](const auto& one) { return one.request_bytes; });
  write_each(writer,
             {"gw_http_response_body_bytes", MetricType::Counter, "Bytes of bodies of answers."},
             kLabel, operations, false, [](const auto& one) { return one.response_bytes; });
  write_each(writer,
             {"gw_http_requests_aborted", MetricType::Counter,
              "Requests whose client went away before the end of the answer."},
             kLabel, operations, false, [](const auto& one) { return one.aborted; });
  writer.family({"gw_composition_parts", MetricType::Counter,
                 "Calls of compositions, by the operation that was called."});
  for (const auto& [name, operation] : operations) {
    write_statuses(writer, kLabel, name, operation.parts);
  }
}

void write_decisions(MetricWriter& writer, const Totals& totals, const Operations& operations) {
  writer.family({"gw_policy_denials", MetricType::Counter,
                 "Requests that a policy has answered in the place of the operation."});
  for (const auto& [name, operation] : operations) {
    for (const policies::PolicyInfo& policy : policies::policy_list()) {
      const u64 denials = operation.denials[static_cast<size_t>(policy.id)];
      if (denials != 0) writer.sample({{"operation", name}, {"policy", policy.name}}, denials);
    }
  }
  writer.family({"gw_limit_refusals", MetricType::Counter,
                 "Requests that a limit has refused, or would have refused in shadow mode."});
  for (const auto& [name, limit] : totals.limits) {
    if (limit.refused != 0) writer.sample({{"limit", name}, {"mode", "enforced"}}, limit.refused);
    if (limit.would_refuse != 0) {
      writer.sample({{"limit", name}, {"mode", "shadow"}}, limit.would_refuse);
    }
  }
  writer.family(
      {"gw_limit_usage", MetricType::Counter,
       "Requests by how much of a limit their key had used, in percent; over: beyond it."});
  for (const auto& [name, limit] : totals.limits) {
    for (size_t i = 0; i < limits::kLimitUses; ++i) {
      if (limit.uses[i] == 0) continue;
      writer.sample({{"limit", name}, {"used", limits::kLimitUseNames[i]}}, limit.uses[i]);
    }
  }
  writer.family({"gw_client_class_requests", MetricType::Counter, "Requests by class of client."});
  for (const auto& [name, of_class] : totals.classes) {
    write_statuses(writer, "client_class", name, of_class.requests);
  }
  writer.family({"gw_client_class_request_duration_seconds", MetricType::Histogram,
                 "From the head of a request to the last byte of its answer, by class of client."});
  for (const auto& [name, of_class] : totals.classes) {
    write_latencies(writer, "client_class", name, of_class.duration);
  }
}

void write_upstreams(MetricWriter& writer, const Totals& totals) {
  writer.family({"gw_upstream_tries", MetricType::Counter,
                 "Requests sent to targets, repetitions included, by how they went."});
  for (const auto& [name, upstream] : totals.upstreams) {
    for (size_t i = 0; i < observe::kTryOutcomes; ++i) {
      if (upstream.tries[i] == 0) continue;
      const auto outcome = static_cast<observe::TryOutcome>(i);
      writer.sample({{"upstream", name}, {"outcome", observe::try_outcome_name(outcome)}},
                    upstream.tries[i]);
    }
  }
  writer.family({"gw_upstream_answers", MetricType::Counter, "Answers of targets."});
  for (const auto& [name, upstream] : totals.upstreams) {
    write_statuses(writer, "upstream", name, upstream.answers);
  }
  writer.family({"gw_upstream_try_duration_seconds", MetricType::Histogram,
                 "From the choice of a target to the head of its answer."});
  for (const auto& [name, upstream] : totals.upstreams) {
    write_latencies(writer, "upstream", name, upstream.duration);
  }
  write_each(writer,
             {"gw_upstream_retries", MetricType::Counter, "Requests that were sent once more."},
             "upstream", totals.upstreams, true, [](const auto& one) { return one.retries; });
}

void write_upstream_states(MetricWriter& writer, const AdminTarget& target) {
  const auto states = target.gateway.control().registry().snapshot();
  const auto each = [&](const observe::MetricFamily& family, auto value) {
    writer.family(family);
    for (const auto& state : states) writer.sample({{"upstream", state.name}}, u64{value(state)});
  };
  using State = upstream::UpstreamSnapshot;
  each({"gw_upstream_connections", MetricType::Gauge, "Open connections, idle ones included."},
       [](const State& state) { return state.connections; });
  each({"gw_upstream_requests_in_flight", MetricType::Gauge, "Requests at targets."},
       [](const State& state) { return state.requests; });
  each({"gw_upstream_requests_pending", MetricType::Gauge,
        "Requests that wait for a connection or for their turn."},
       [](const State& state) { return state.pending; });
  each({"gw_upstream_circuit_open", MetricType::Gauge, "1 while the circuit breaker is open."},
       [](const State& state) { return state.breaker_open ? 1U : 0U; });
  // Also of one that has no target at all, since its name does not resolve.
  each({"gw_upstream_usable_targets", MetricType::Gauge,
        "Targets that are neither unhealthy, ejected nor drained."},
       [](const State& state) {
         u64 usable = 0;
         for (const upstream::TargetSnapshot& one : state.targets) {
           if (one.healthy && one.ejected_ms == 0 && !one.drained) ++usable;
         }
         return usable;
       });
  const auto each_target = [&](const observe::MetricFamily& family, auto value) {
    writer.family(family);
    for (const auto& state : states) {
      for (const auto& one : state.targets) {
        writer.sample({{"upstream", state.name}, {"target", one.address}}, u64{value(one)});
      }
    }
  };
  using Target = upstream::TargetSnapshot;
  each_target({"gw_upstream_target_healthy", MetricType::Gauge,
               "1: its checks succeed, or there are none."},
              [](const Target& one) { return one.healthy ? 1U : 0U; });
  each_target({"gw_upstream_target_ejected", MetricType::Gauge,
               "1: taken out for a time because of its failures."},
              [](const Target& one) { return one.ejected_ms > 0 ? 1U : 0U; });
  each_target({"gw_upstream_target_drained", MetricType::Gauge,
               "1: takes no requests by order of the operator."},
              [](const Target& one) { return one.drained ? 1U : 0U; });
}

void write_cache(MetricWriter& writer, const AdminTarget& target, const Operations& operations,
                 const std::vector<server::WorkerReport>& workers) {
  writer.family({"gw_cache_requests", MetricType::Counter, "Requests of operations with a cache."});
  for (const auto& [name, operation] : operations) {
    for (size_t i = 1; i < cache::kOutcomeCount; ++i) {
      if (operation.cache[i] == 0) continue;
      const auto outcome = cache::outcome_name(static_cast<cache::Outcome>(i));
      writer.sample({{"operation", name}, {"outcome", outcome}}, operation.cache[i]);
    }
  }
  cache::CacheCounters sum;
  for (const server::WorkerReport& worker : workers) {
    sum.collapsed += worker.cache.collapsed;
    sum.refreshes += worker.cache.refreshes;
  }
  const cache::StoreCounts counts = target.gateway.cache().counts();
  const auto one = [&](std::string_view name, MetricType type, std::string_view help, u64 value) {
    writer.family({name, type, help});
    writer.sample({}, value);
  };
  one("gw_cache_entries", MetricType::Gauge, "Answers in memory.", counts.entries);
  one("gw_cache_bytes", MetricType::Gauge, "Bytes that they take.", counts.bytes);
  one("gw_cache_limit_bytes", MetricType::Gauge, "Bytes that they may take.", counts.limit_bytes);
  one("gw_cache_stored", MetricType::Counter, "Answers that were stored.", counts.stored);
  one("gw_cache_evicted", MetricType::Counter, "Answers that went for want of room.",
      counts.evicted);
  one("gw_cache_purged", MetricType::Counter, "Answers that were purged or became invalid.",
      counts.purged);
  one("gw_cache_collapsed", MetricType::Counter, "Requests that waited for another's fetch.",
      sum.collapsed);
  one("gw_cache_refreshes", MetricType::Counter, "Fetches that nobody waited for.", sum.refreshes);
}

void write_limits(MetricWriter& writer, const AdminTarget& target) {
  const limits::CounterStore::Counts counts = target.gateway.counters().counts();
  writer.family({"gw_limit_counters_overflowed", MetricType::Counter,
                 "Requests that were counted together with others for want of room."});
  writer.sample({}, counts.overflowed);
  writer.family({"gw_limit_refusals_no_room", MetricType::Counter,
                 "Requests that were refused since there was no room to count them."});
  writer.sample({}, counts.no_room);
}

void write_workers(MetricWriter& writer, const std::vector<server::WorkerReport>& workers) {
  const auto each = [&](const observe::MetricFamily& family, auto value) {
    writer.family(family);
    for (const server::WorkerReport& worker : workers) {
      writer.sample({{"worker", std::to_string(worker.worker)}}, u64{value(worker)});
    }
  };
  using Report = server::WorkerReport;
  each({"gw_connections", MetricType::Gauge, "Open connections of clients."},
       [](const Report& worker) { return worker.sessions; });
  each({"gw_streams", MetricType::Gauge, "Tunnels and long streams that have let go of a table."},
       [](const Report& worker) { return worker.streams; });
  each({"gw_connections_accepted", MetricType::Counter, "Connections of clients."},
       [](const Report& worker) { return worker.counters.accepted; });
  each({"gw_worker_requests", MetricType::Counter, "Requests, by worker."},
       [](const Report& worker) { return worker.counters.requests; });
  each({"gw_http_requests_malformed", MetricType::Counter, "Requests refused before routing."},
       [](const Report& worker) { return worker.counters.refused; });
  each({"gw_http_exchanges_broken", MetricType::Counter, "Exchanges that were cut off."},
       [](const Report& worker) { return worker.counters.broken; });
  each({"gw_tls_handshakes_failed", MetricType::Counter, "Handshakes of clients that failed."},
       [](const Report& worker) { return worker.counters.tls_failed; });
  each({"gw_http2_connections", MetricType::Counter, "Connections of clients with HTTP/2."},
       [](const Report& worker) { return worker.counters.http2_connections; });
  each({"gw_http2_streams", MetricType::Counter, "Streams of clients with HTTP/2."},
       [](const Report& worker) { return worker.counters.http2_streams; });
  each({"gw_http2_streams_refused", MetricType::Counter,
        "Streams beyond the number that a client may have at a time."},
       [](const Report& worker) { return worker.counters.http2_refused_streams; });
  writer.family({"gw_http2_abuse", MetricType::Counter,
                 "Connections that were ended since their client made too much work."});
  for (size_t kind = 1; kind < server::kHttp2AbuseCount; ++kind) {
    u64 count = 0;
    for (const Report& worker : workers) count += worker.counters.http2_abuse[kind];
    const auto name = server::http2_abuse_name(static_cast<server::Http2Abuse>(kind));
    writer.sample({{"kind", name}}, count);
  }
}

void write_followed(MetricWriter& writer, const AdminTarget& target) {
  const server::FollowedState::Snapshot followed = target.gateway.control().followed();
  const auto each = [&](const observe::MetricFamily& family, std::string_view label,
                        const auto& map, auto value) {
    writer.family(family);
    for (const auto& [name, state] : map) writer.sample({{label, name}}, u64{value(state)});
  };
  using Upstream = server::FollowedState::Upstream;
  each({"gw_upstream_targets_unhealthy", MetricType::Counter,
        "How often a target was found unhealthy."},
       "upstream", followed.upstreams, [](const Upstream& one) { return one.unhealthy; });
  each({"gw_upstream_ejections", MetricType::Counter,
        "How often a target was taken out because of its failures."},
       "upstream", followed.upstreams, [](const Upstream& one) { return one.ejected; });
  each({"gw_upstream_circuit_opened", MetricType::Counter, "How often the circuit breaker opened."},
       "upstream", followed.upstreams, [](const Upstream& one) { return one.opened; });
  using Name = server::FollowedState::Name;
  each({"gw_dns_failing", MetricType::Gauge, "1: the name cannot be resolved at present."}, "name",
       followed.names, [](const Name& one) { return one.failing ? 1U : 0U; });
  each({"gw_dns_failures", MetricType::Counter, "How often resolving the name began to fail."},
       "name", followed.names, [](const Name& one) { return one.failures; });
  using Issuer = server::FollowedState::Issuer;
  each({"gw_issuer_keys", MetricType::Gauge, "Keys of the issuer that can be used."}, "issuer",
       followed.issuers, [](const Issuer& one) { return one.expired ? 0 : one.keys; });
  each({"gw_issuer_failing", MetricType::Gauge, "1: its keys cannot be fetched at present."},
       "issuer", followed.issuers, [](const Issuer& one) { return one.failing ? 1U : 0U; });
  each({"gw_issuer_failures", MetricType::Counter, "How often fetching its keys began to fail."},
       "issuer", followed.issuers, [](const Issuer& one) { return one.failures; });
}

void write_certificates(MetricWriter& writer, const AdminTarget& target) {
  writer.family({"gw_certificate_expiry_timestamp_seconds", MetricType::Gauge,
                 "When a certificate that is served ends."});
  for (const auto& listener : target.gateway.listeners().shown()) {
    for (size_t i = 0; i < listener.certificates.size(); ++i) {
      const net::CertificateFacts& facts = listener.certificates[i];
      writer.sample({{"listener", listener.address},
                     {"certificate", std::to_string(i)},
                     {"name", facts.name}},
                    static_cast<double>(facts.expires_unix_s));
    }
  }
}

double seconds_of(u64 nanoseconds) { return static_cast<double>(nanoseconds) / 1e9; }

void write_reload_cost(MetricWriter& writer, const server::ReloadReport& report) {
  writer.family({"gw_reload_phase_seconds", MetricType::Gauge,
                 "What the last change of tables took, by its phases."});
  const std::pair<std::string_view, u64> phases[] = {
      {"take", report.cost.take},       {"map", report.cost.map},   {"verify", report.cost.verify},
      {"resolve", report.cost.resolve}, {"warm", report.cost.warm}, {"swap", report.cost.swap}};
  for (const auto& [phase, cost] : phases) writer.sample({{"phase", phase}}, seconds_of(cost));
  writer.family(
      {"gw_reload_accepted", MetricType::Gauge, "1: the last change of tables was accepted."});
  writer.sample({}, u64{report.accepted ? 1U : 0U});
  writer.family({"gw_reload_timestamp_seconds", MetricType::Gauge,
                 "When the last change of tables was made, or refused."});
  writer.sample({}, static_cast<double>(report.unix_ms) / 1e3);
}

void write_tables(MetricWriter& writer, const AdminTarget& target) {
  u64 alive = 0;
  const auto tables = target.reloader.tables();
  const server::ServedTable* current = nullptr;
  for (const server::ServedTable& table : tables) {
    if (table.table != nullptr) ++alive;
    if (table.current) current = &table;
  }
  writer.family({"gw_tables", MetricType::Gauge, "Tables that requests run by."});
  writer.sample({}, alive);
  if (current != nullptr) {
    writer.family({"gw_table", MetricType::Info, "The table of new requests."});
    writer.sample({{"digest", current->digest}, {"origin", current->origin}}, u64{1});
    writer.family({"gw_table_loaded_timestamp_seconds", MetricType::Gauge,
                   "Since when it is the table of new requests."});
    writer.sample({}, static_cast<double>(current->since_unix_ms) / 1e3);
    writer.family({"gw_table_operations", MetricType::Gauge, "Operations in it."});
    writer.sample({}, current->routes);
    writer.family({"gw_table_bytes", MetricType::Gauge, "Its size."});
    writer.sample({}, current->bytes);
  }
  const server::ReloadCounts counts = target.reloader.counts();
  writer.family({"gw_reloads", MetricType::Counter, "Changes of tables."});
  writer.sample({{"outcome", "accepted"}}, counts.accepted);
  writer.sample({{"outcome", "refused"}}, counts.refused);
  const auto history = target.reloader.history();
  if (!history.empty()) write_reload_cost(writer, history.back());
}

void write_process(MetricWriter& writer, const AdminTarget& target) {
  const ProcessUsage usage = process_usage();
  const auto gauge = [&](std::string_view name, std::string_view help, u64 value) {
    writer.family({name, MetricType::Gauge, help});
    writer.sample({}, value);
  };
  writer.family(
      {"process_cpu_seconds", MetricType::Counter, "Time of processors, of all threads."});
  writer.sample({}, usage.cpu_seconds);
  gauge("process_resident_memory_bytes", "Memory in use.", usage.resident_bytes);
  gauge("process_virtual_memory_bytes", "Size of the address space.", usage.virtual_bytes);
  gauge("process_open_fds", "Open descriptors.", usage.descriptors);
  gauge("process_max_fds", "Descriptors that may be open.", usage.descriptor_limit);
  writer.family({"gw_descriptor_shortages", MetricType::Counter,
                 "Connections that were not accepted, or not made, for want of descriptors."});
  for (const ShortageAt where : {ShortageAt::Accept, ShortageAt::Connect}) {
    writer.sample({{"at", kShortagePlaceNames[static_cast<size_t>(where)]}}, shortage_count(where));
  }
  gauge("process_threads", "Threads.", usage.threads);
  writer.family({"process_start_time_seconds", MetricType::Gauge, "When the process started."});
  writer.sample({}, static_cast<double>(target.started_unix_ms) / 1e3);
  writer.family({"gw_build", MetricType::Info, "What is running."});
  writer.sample({{"version", GW_VERSION}}, u64{1});
  writer.family({"gw_spans_exported", MetricType::Counter, "Spans that the collector has taken."});
  writer.sample({}, target.gateway.spans().exported());
  writer.family({"gw_spans_lost", MetricType::Counter,
                 "Spans that found no room, or that the collector has not taken."});
  writer.sample({}, target.gateway.spans().lost());
  writer.family({"gw_access_log_lines_lost", MetricType::Counter,
                 "Lines of the access log that could not be written."});
  writer.sample({}, target.gateway.lost_log_lines());
  writer.family({"gw_ready", MetricType::Gauge,
                 "As /readyz says: 1: takes new requests; 0: is ending, or held."});
  writer.sample({}, u64{target.ending() || target.gateway.held() ? 0U : 1U});
}

// Nearly all of it is said of operations, most of that of their latencies.
size_t expected_bytes(const Totals& totals) {
  constexpr size_t kSamples = observe::kLatencyBuckets + 5;
  constexpr size_t kSampleBytes = 60;  // beside the name
  constexpr size_t kRest = size_t{64} << 10;
  size_t bytes = kRest;
  for (const auto& [name, operation] : totals.operations) {
    bytes += kSamples * (kSampleBytes + name.size());
  }
  return bytes;
}

}  // namespace

std::string metrics_text(const AdminTarget& target,
                         const std::vector<server::WorkerReport>& workers,
                         observe::MetricFormat format) {
  Totals totals;
  for (size_t i = 0; i < target.gateway.worker_count(); ++i) {
    totals.add(target.gateway.worker(i).counts());
  }
  MetricWriter writer(format, expected_bytes(totals));
  const Operations operations = listed(totals);
  write_operations(writer, operations);
  write_decisions(writer, totals, operations);
  write_upstreams(writer, totals);
  write_upstream_states(writer, target);
  write_followed(writer, target);
  write_certificates(writer, target);
  write_cache(writer, target, operations, workers);
  write_limits(writer, target);
  write_workers(writer, workers);
  write_tables(writer, target);
  write_process(writer, target);
  return writer.take();
}

}  // namespace gw::admin
