#include "runtime/admin/overview.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <vector>

#include "runtime/admin/recent_json.h"
#include "runtime/admin/status.h"
#include "runtime/admin/watch.h"
#include "runtime/observe/totals.h"

namespace gw::admin {
namespace {

namespace json = boost::json;

// Rows are arrays: a history as objects would be three times as long.
constexpr std::string_view kFields[] = {"time",         "1xx",        "2xx",          "3xx",
                                        "4xx",          "5xx",        "other",        "p50_us",
                                        "p95_us",       "p99_us",     "in_flight",    "tries",
                                        "failed_tries", "cache_hits", "cache_misses", "refused"};

json::array operation_row(const Sample& sample) {
  json::array row{sample.unix_ms};
  for (const u32 count : sample.requests) row.push_back(count);
  for (const u32 value : {sample.p50_us, sample.p95_us, sample.p99_us, sample.in_flight}) {
    row.push_back(value);
  }
  return row;
}

json::array whole_row(const Sample& sample) {
  json::array row = operation_row(sample);
  for (const u32 value : {sample.tries, sample.failed_tries, sample.cache_hits, sample.cache_misses,
                          sample.refused}) {
    row.push_back(value);
  }
  return row;
}

template <typename Row>
json::array rows(const SampleRing& samples, bool all, Row row) {
  json::array result;
  for (size_t i = 0; i < samples.size(); ++i) {
    if (all || !samples[i].is_empty()) result.push_back(row(samples[i]));
  }
  return result;
}

json::object history_json(const History& history) {
  json::object operations;
  for (const OperationHistory* operation : history.operations()) {
    operations[operation->name] = rows(operation->samples, false, operation_row);
  }
  return {{"interval_ms", kSampleIntervalMs},
          {"kept", kSamplesKept},
          {"fields", json::array(std::begin(kFields), std::end(kFields))},
          {"total", rows(history.whole(), true, whole_row)},
          {"rest", rows(history.rest(), false, operation_row)},
          {"operations", std::move(operations)}};
}

json::array certificates_json(const AdminTarget& target) {
  json::array certificates;
  for (const auto& listener : target.gateway.listeners().shown()) {
    for (const net::CertificateFacts& facts : listener.certificates) {
      certificates.push_back(json::object{{"listener", listener.address},
                                          {"name", facts.name},
                                          {"expires", facts.expires_unix_s * 1000}});
    }
  }
  return certificates;
}

json::object uses_json(const LimitLately& lately) {
  json::object uses;
  for (size_t i = 0; i < limits::kLimitUses; ++i) uses[limits::kLimitUseNames[i]] = lately.uses[i];
  return uses;
}

// Nearest to its end first. By decisions, not by counters: their keys are hashed, and finding the
// fullest would mean reading all of their memory.
json::array limits_by_name(const observe::Totals& totals, const LimitHistory& history) {
  struct Row {
    const std::string* name;
    const observe::LimitTotals* total;
    LimitLately lately;
  };
  std::vector<Row> rows;
  for (const auto& [name, limit] : totals.limits) {
    const LimitLately* lately = history.lately(name);
    rows.push_back({&name, &limit, lately == nullptr ? LimitLately() : *lately});
  }
  std::ranges::stable_sort(rows, is_nearer, &Row::lately);
  json::array shown;
  for (const Row& row : rows) {
    const auto highest = highest_use(row.lately);
    json::value highest_name(nullptr);
    if (highest) highest_name = limits::kLimitUseNames[static_cast<size_t>(*highest)];
    shown.push_back(json::object{{"name", *row.name},
                                 {"refused", row.total->refused},
                                 {"would_refuse", row.total->would_refuse},
                                 {"highest", std::move(highest_name)},
                                 {"lately", json::object{{"minutes", kLimitMinutes},
                                                         {"refused", row.lately.refused},
                                                         {"used", uses_json(row.lately)}}}});
  }
  return shown;
}

json::array tries_by_upstream(const observe::Totals& totals) {
  json::array upstreams;
  for (const auto& [name, upstream] : totals.upstreams) {
    json::object outcomes;
    for (size_t i = 0; i < observe::kTryOutcomes; ++i) {
      if (upstream.tries[i] == 0) continue;
      outcomes[observe::try_outcome_name(static_cast<observe::TryOutcome>(i))] = upstream.tries[i];
    }
    upstreams.push_back(json::object{{"name", name},
                                     {"tries", std::move(outcomes)},
                                     {"retries", upstream.retries},
                                     {"p99_us", upstream.duration.quantile_us(0.99)}});
  }
  return upstreams;
}

}  // namespace

json::object last_sample_json(const History& history) {
  json::object operations;
  const i64 now = history.whole().back().unix_ms;
  for (const OperationHistory* operation : history.operations()) {
    if (operation->samples.size() == 0) continue;
    const Sample& last = operation->samples.back();
    if (last.unix_ms == now && !last.is_empty()) operations[operation->name] = operation_row(last);
  }
  return {{"total", whole_row(history.whole().back())},
          {"rest", operation_row(history.rest().back())},
          {"operations", std::move(operations)}};
}

json::object overview_json(const AdminTarget& target, const Watch& watch,
                           const std::vector<server::WorkerReport>& workers, bool with_history) {
  // Upstreams and limits alone: adding up operations is dear where there are many.
  observe::Totals totals;
  for (size_t i = 0; i < target.gateway.worker_count(); ++i) {
    totals.add_shared(target.gateway.worker(i).counts());
  }
  json::object overview{{"status", status_json(target, workers)},
                        {"certificates", certificates_json(target)},
                        {"limits", limits_by_name(totals, watch.limits())},
                        {"upstreams", tries_by_upstream(totals)},
                        {"requests", recent_json(target)}};
  if (with_history) overview["history"] = history_json(watch.history());
  return overview;
}

}  // namespace gw::admin
