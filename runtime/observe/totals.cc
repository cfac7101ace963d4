#include "runtime/observe/totals.h"

#include <algorithm>
#include <numeric>

namespace gw::observe {
namespace {

template <size_t N>
void add_all(const std::array<Count, N>& counts, std::array<u64, N>& totals) {
  for (size_t i = 0; i < N; ++i) totals[i] += counts[i].value();
}

void add_series(const OperationCounters& counts, OperationTotals& totals) {
  add_all(counts.requests, totals.requests);
  add_all(counts.parts, totals.parts);
  add_all(counts.denials, totals.denials);
  add_all(counts.cache, totals.cache);
  totals.duration.add(counts.duration);
  totals.request_bytes += counts.request_bytes.value();
  totals.response_bytes += counts.response_bytes.value();
  totals.aborted += counts.aborted.value();
  totals.in_flight += counts.in_flight.value();
}

void add_series(const UpstreamCounters& counts, UpstreamTotals& totals) {
  add_all(counts.tries, totals.tries);
  add_all(counts.answers, totals.answers);
  totals.duration.add(counts.duration);
  totals.retries += counts.retries.value();
}

void add_series(const ClassCounters& counts, ClassTotals& totals) {
  add_all(counts.requests, totals.requests);
  totals.duration.add(counts.duration);
}

void add_series(const LimitCounters& counts, LimitTotals& totals) {
  totals.refused += counts.refused.value();
  totals.would_refuse += counts.would_refuse.value();
  add_all(counts.uses, totals.uses);
}

template <typename Map, typename Sums>
void add_map(const Map& map, Sums& sums) {
  for (const auto& series : map.all()) add_series(series->counts, sums[series->name]);
}

}  // namespace

u64 LatencyTotals::count() const { return std::accumulate(buckets.begin(), buckets.end(), u64{0}); }

u64 LatencyTotals::quantile_us(double share) const {
  const u64 all = count();
  if (all == 0) return 0;
  const double wanted = share * static_cast<double>(all);
  double below = 0;
  u64 lower = 0;
  for (size_t i = 0; i < kLatencyBuckets; ++i) {
    const bool last = i + 1 == kLatencyBuckets;
    const u64 upper = last ? kLatencyBounds.back() : kLatencyBounds[i];
    const auto here = static_cast<double>(buckets[i]);
    if (here > 0 && below + here >= wanted) {
      const double part = std::max(0.0, (wanted - below) / here);
      return lower + static_cast<u64>(part * static_cast<double>(upper - lower));
    }
    below += here;
    lower = upper;
  }
  return kLatencyBounds.back();
}

void LatencyTotals::add(const LatencyCounts& counts) {
  for (size_t i = 0; i < kLatencyBuckets; ++i) buckets[i] += counts.bucket(i);
  sum_us += counts.sum_us();
}

LatencyTotals LatencyTotals::since(const LatencyTotals& before) const {
  LatencyTotals since;
  for (size_t i = 0; i < kLatencyBuckets; ++i) {
    since.buckets[i] = buckets[i] - std::min(buckets[i], before.buckets[i]);
  }
  since.sum_us = sum_us - std::min(sum_us, before.sum_us);
  return since;
}

u64 OperationTotals::count() const {
  return std::accumulate(requests.begin(), requests.end(), u64{0});
}

void Totals::add(const WorkerCounters& worker) {
  add_map(worker.operations, operations);
  add_shared(worker);
}

void Totals::add_shared(const WorkerCounters& worker) {
  add_map(worker.upstreams, upstreams);
  add_map(worker.classes, classes);
  add_map(worker.limits, limits);
}

std::map<std::string, LimitTotals> limit_totals(std::span<const WorkerCounters* const> workers) {
  std::map<std::string, LimitTotals> limits;
  for (const WorkerCounters* worker : workers) add_map(worker->limits, limits);
  return limits;
}

}  // namespace gw::observe
