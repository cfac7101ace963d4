#include <catch2/catch.hpp>
#include <thread>

#include "runtime/observe/metric_writer.h"
#include "runtime/observe/observer.h"
#include "runtime/observe/totals.h"

using namespace gw;
using namespace gw::observe;

namespace {

struct FakeClock final : Clock {
  TimePoint now() const override { return time; }
  i64 unix_ms() const override { return 0; }
  Task<void> sleep_until(TimePoint) override { co_return; }
  TimePoint time{};
};

// Route i is called `op<i>`; step 0 denies by rateLimit.
struct Names final : RouteNames {
  std::string_view operation(const Exchange& exchange) const override {
    static constexpr std::string_view kNames[] = {"op0", "op1", "op2"};
    return exchange.route < std::size(kNames) ? kNames[exchange.route] : std::string_view();
  }
  std::string_view path_template(const Exchange&) const override { return "/"; }
  std::string_view upstream(const Exchange&) const override { return ""; }
  policies::PolicyId denying_policy(const Exchange& exchange) const override {
    return exchange.last_step == 0 ? policies::PolicyId::RateLimit : policies::PolicyId::None;
  }
};

const BoundTable* some_table() {
  static const char kPlace = 0;
  return reinterpret_cast<const BoundTable*>(&kPlace);  // an identity, not followed
}

void run_one(Observer& observer, FakeClock& clock, u32 route, u16 status,
             std::chrono::microseconds spent) {
  Exchange exchange;
  exchange.table = some_table();
  exchange.route = route;
  exchange.started = clock.time;
  observer.routed(exchange);
  clock.time += spent;
  exchange.response.status = status;
  exchange.response_bytes = 100;
  observer.finished(exchange);
}

Totals totals_of(const WorkerCounters& counters) {
  Totals totals;
  totals.add(counters);
  return totals;
}

}  // namespace

TEST_CASE("metrics: a bucket holds what its bound says", "[metrics]") {
  for (size_t i = 0; i < kLatencyBounds.size(); ++i) {
    CHECK(latency_bucket(kLatencyBounds[i]) == i);
    CHECK(latency_bucket(kLatencyBounds[i] + 1) == i + 1);
  }
  CHECK(latency_bucket(0) == 0);
  CHECK(latency_bucket(~u64{0}) == kLatencyBounds.size());
}

TEST_CASE("metrics: exchanges are counted by operation, status and time", "[metrics]") {
  FakeClock clock;
  const Names names;
  WorkerCounters counters;
  Observer observer(clock, &names, counters, 3, {});
  run_one(observer, clock, 0, 200, std::chrono::microseconds(80));
  run_one(observer, clock, 0, 404, std::chrono::microseconds(300));
  run_one(observer, clock, 2, 503, std::chrono::seconds(60));
  const Totals totals = totals_of(counters);
  REQUIRE(totals.operations.size() == 3);  // with kNoOperation
  const OperationTotals& first = totals.operations.at("op0");
  CHECK(first.requests == StatusTotals{0, 1, 0, 1, 0, 0});
  CHECK(first.duration.buckets[0] == 1);
  CHECK(first.duration.buckets[2] == 1);
  CHECK(first.duration.sum_us == 380);
  CHECK(first.response_bytes == 200);
  CHECK(first.in_flight == 0);
  CHECK(totals.operations.at("op2").duration.buckets[kLatencyBuckets - 1] == 1);
  CHECK(totals.operations.at(std::string(kNoOperation)).count() == 0);
}

TEST_CASE("metrics: what has no route counts as none", "[metrics]") {
  FakeClock clock;
  const Names names;
  WorkerCounters counters;
  Observer observer(clock, &names, counters, 3, {});
  Exchange unknown;
  unknown.table = some_table();
  unknown.response.status = 404;
  observer.finished(unknown);
  Exchange nonsense;
  nonsense.response.status = 0;
  nonsense.client_gone = true;
  observer.finished(nonsense);
  const OperationTotals none = totals_of(counters).operations.at(std::string(kNoOperation));
  CHECK(none.requests == StatusTotals{0, 0, 0, 1, 0, 1});
  CHECK(none.aborted == 1);
}

TEST_CASE("metrics: an exchange that has failed is remembered with its tries", "[metrics]") {
  FakeClock clock;
  const Names names;
  WorkerCounters counters;
  Observer observer(clock, &names, counters, 3, {});
  Exchange exchange;
  exchange.table = some_table();
  exchange.route = 1;
  exchange.request_id = "0123";
  exchange.response.status = 503;
  exchange.error = {.code = Errc::ConnectFailed, .what = "connect"};
  exchange.last_step = 0;
  exchange.try_count = 2;
  exchange.tries[0] = {.target = "one", .error = Errc::UpstreamTimeout, .microseconds = 70};
  exchange.tries[1] = {.target = "two", .error = Errc::ConnectFailed, .microseconds = 7};
  clock.time += std::chrono::milliseconds(5);
  observer.finished(exchange);
  RecentRequests::Snapshot recent;
  counters.recent.add_to(recent);
  REQUIRE(recent.failing.size() == 1);
  REQUIRE(recent.slow.size() == 1);
  const RecentRequest& request = recent.failing[0];
  CHECK(request.operation.view() == "op1");
  CHECK(request.request_id.view() == "0123");
  CHECK(request.status == 503);
  CHECK(request.error == Errc::ConnectFailed);
  CHECK(request.detail.view() == "connect");
  CHECK(request.decided_by == policies::PolicyId::RateLimit);
  CHECK(request.tries == 2);
  CHECK(request.tries_us == 77);
  CHECK(request.target.view() == "two");
  CHECK(request.last_error == Errc::ConnectFailed);
  // A stream is meant to last.
  exchange.streams = true;
  exchange.response.status = 200;
  exchange.error = {};
  observer.finished(exchange);
  RecentRequests::Snapshot later;
  counters.recent.add_to(later);
  CHECK(later.failing.size() == 1);
  CHECK(later.slow.size() == 1);
}

TEST_CASE("metrics: an exchange is in flight from its route to its end", "[metrics]") {
  FakeClock clock;
  const Names names;
  WorkerCounters counters;
  Observer observer(clock, &names, counters, 3, {});
  Exchange exchange;
  exchange.table = some_table();
  exchange.route = 1;
  observer.routed(exchange);
  CHECK(totals_of(counters).operations.at("op1").in_flight == 1);
  // A tunnel that has let go of its table goes on counting.
  observer.detach(exchange);
  exchange.table = nullptr;
  exchange.detached = true;
  CHECK(totals_of(counters).operations.at("op1").in_flight == 1);
  observer.finished(exchange);
  CHECK(totals_of(counters).operations.at("op1").in_flight == 0);
  CHECK(totals_of(counters).operations.at("op1").count() == 1);
}

TEST_CASE("metrics: a policy that has answered is named", "[metrics]") {
  FakeClock clock;
  const Names names;
  WorkerCounters counters;
  Observer observer(clock, &names, counters, 3, {});
  Exchange exchange;
  exchange.table = some_table();
  exchange.route = 1;
  exchange.last_step = 0;
  exchange.response.status = 429;
  observer.finished(exchange);
  const auto denials = totals_of(counters).operations.at("op1").denials;
  CHECK(denials[static_cast<size_t>(policies::PolicyId::RateLimit)] == 1);
}

TEST_CASE("metrics: every policy has a place", "[metrics]") {
  for (const policies::PolicyInfo& policy : policies::policy_list()) {
    CHECK(static_cast<size_t>(policy.id) < kPolicySlots);
  }
}

TEST_CASE("metrics: counts outlive the tables that name them", "[metrics]") {
  FakeClock clock;
  const Names names;
  WorkerCounters counters;
  {
    Observer before(clock, &names, counters, 3, {});
    run_one(before, clock, 0, 200, std::chrono::microseconds(1));
  }
  Observer after(clock, &names, counters, 2, {});
  run_one(after, clock, 0, 200, std::chrono::microseconds(1));
  CHECK(totals_of(counters).operations.at("op0").count() == 2);
}

TEST_CASE("metrics: names that nobody uses are forgotten when there are many", "[metrics]") {
  SeriesMap<LimitCounters> map;
  Series<LimitCounters>& used = map.take("used", 1);
  used.counts.refused.add(1);
  for (int i = 0; i < 10'000; ++i) {
    Series<LimitCounters>& one = map.take("name" + std::to_string(i), 1);
    map.give(one);
  }
  CHECK(map.all().size() <= 2 + SeriesMap<LimitCounters>::kSpare);
  CHECK(&map.take("used", 1) == &used);
  CHECK(used.counts.refused.value() == 1);
}

TEST_CASE("metrics: any thread may read while one counts", "[metrics][threads]") {
  SeriesMap<LimitCounters> map;
  constexpr u64 kRounds = 20'000;
  std::thread reader([&map] {
    for (u64 last = 0; last < kRounds;) {
      for (const auto& series : map.all()) {
        if (series->name != "a") continue;
        const u64 seen = series->counts.refused.value();
        REQUIRE(seen >= last);
        last = seen;
      }
    }
  });
  for (u64 i = 0; i < kRounds; ++i) {
    Series<LimitCounters>& series = map.take("a", 1);
    series.counts.refused.add(1);
    map.give(series);
    if (i % 8 == 0) map.give(map.take("b" + std::to_string(i % 4096), 1));
  }
  reader.join();
}

TEST_CASE("metrics: quantiles lie within their bucket", "[metrics]") {
  LatencyCounts counts;
  for (int i = 0; i < 90; ++i) counts.add(200);
  for (int i = 0; i < 10; ++i) counts.add(40'000);
  LatencyTotals totals;
  totals.add(counts);
  CHECK(totals.quantile_us(0.5) > 100);
  CHECK(totals.quantile_us(0.5) <= 250);
  CHECK(totals.quantile_us(0.99) > 25'000);
  CHECK(totals.quantile_us(0.99) <= 50'000);
  CHECK(LatencyTotals{}.quantile_us(0.5) == 0);
  LatencyTotals before = totals;
  counts.add(1'000'000'000);
  LatencyTotals now;
  now.add(counts);
  CHECK(now.since(before).count() == 1);
  CHECK(now.since(before).quantile_us(0.5) == kLatencyBounds.back());
}

TEST_CASE("metrics: the text formats differ in names of counters and in the end", "[metrics]") {
  const auto text = [](MetricFormat format) {
    MetricWriter writer(format);
    writer.family({"gw_things", MetricType::Counter, "Things."});
    writer.sample({{"name", "a\"b\\c\nd"}}, u64{7});
    writer.family({"gw_part", MetricType::Gauge, "A part."});
    writer.sample({}, 0.5);
    writer.family({"gw_about", MetricType::Info, "About."});
    writer.sample({{"v", "1"}}, u64{1});
    writer.family({"gw_time_seconds", MetricType::Histogram, "Time."});
    LatencyTotals latencies;
    latencies.buckets[latency_bucket(2'500)] = 1;
    latencies.buckets[kLatencyBuckets - 1] = 1;
    latencies.sum_us = 3'000'001;
    writer.histogram({}, latencies);
    writer.histogram({{"a", "b"}}, latencies);
    return writer.take();
  };
  const std::string old = text(MetricFormat::Prometheus);
  CHECK(
      old.starts_with("# HELP gw_things_total Things.\n"
                      "# TYPE gw_things_total counter\n"
                      "gw_things_total{name=\"a\\\"b\\\\c\\nd\"} 7\n"
                      "# HELP gw_part A part.\n"
                      "# TYPE gw_part gauge\n"
                      "gw_part 0.5\n"
                      "# HELP gw_about_info About.\n"
                      "# TYPE gw_about_info gauge\n"
                      "gw_about_info{v=\"1\"} 1\n"
                      "# HELP gw_time_seconds Time.\n"
                      "# TYPE gw_time_seconds histogram\n"
                      "gw_time_seconds_bucket{le=\"0.0001\"} 0\n"));
  CHECK(old.find("gw_time_seconds_bucket{le=\"0.001\"} 0\n"
                 "gw_time_seconds_bucket{le=\"0.0025\"} 1\n") != old.npos);
  CHECK(old.find("gw_time_seconds_bucket{a=\"b\",le=\"0.0025\"} 1\n") != old.npos);
  CHECK(
      old.ends_with("gw_time_seconds_bucket{a=\"b\",le=\"30.0\"} 1\n"
                    "gw_time_seconds_bucket{a=\"b\",le=\"+Inf\"} 2\n"
                    "gw_time_seconds_sum{a=\"b\"} 3.000001\n"
                    "gw_time_seconds_count{a=\"b\"} 2\n"));
  const std::string open = text(MetricFormat::OpenMetrics);
  CHECK(open.find("# TYPE gw_things counter\ngw_things_total{") != open.npos);
  CHECK(open.find("# TYPE gw_about info\ngw_about_info{") != open.npos);
  CHECK(open.ends_with("# EOF\n"));
  CHECK(choose_metric_format("application/openmetrics-text;version=1.0.0,text/plain;q=0.5") ==
        MetricFormat::OpenMetrics);
  CHECK(choose_metric_format("") == MetricFormat::Prometheus);
}
