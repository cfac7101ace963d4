// What it costs to tell of a request: nanoseconds of CPU of the whole process per exchange, from
// its route to its line and its spans, the writing thread included, by what is told. Medians of
// rounds that take turns.
//
// Run: observe_bench [LOG_FILE]; the log goes to /dev/null otherwise.
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "runtime/base/random.h"
#include "runtime/net/virtual_loop.h"
#include "runtime/observe/log_format.h"
#include "runtime/observe/observer.h"

namespace {

using namespace gw;

constexpr int kRounds = 15;
constexpr u32 kExchanges = 100'000;

u64 process_ns() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<u64>(time.tv_sec) * 1'000'000'000 + static_cast<u64>(time.tv_nsec);
}

struct Names final : observe::RouteNames {
  std::string_view operation(const Exchange&) const override { return "users.getUser"; }
  std::string_view path_template(const Exchange&) const override { return "/v1/users/{id}"; }
  std::string_view upstream(const Exchange&) const override { return "users"; }
  policies::PolicyId denying_policy(const Exchange&) const override {
    return policies::PolicyId::None;
  }
};

struct Seeded final : Random {
  u64 next() override { return source.next(); }
  Xoshiro source{7};
};

struct Way {
  const char* name;
  bool counts;
  bool log;
  u32 sample_bp;   // of traces; 0: none
  u32 limits = 0;  // that are asked about it
};
constexpr Way kWays[] = {{"nothing", false, false, 0},
                         {"metrics", true, false, 0},
                         {"metrics, one limit", true, false, 0, 1},
                         {"metrics, three limits", true, false, 0, 3},
                         {"metrics, access log", true, true, 0},
                         {"metrics, access log, 1 % tracing", true, true, 100},
                         {"metrics, 100 % tracing", true, false, 10'000}};

constexpr limits::LimitOutcome kOutcomes[3] = {{.name = "perClient", .use = limits::LimitUse::Low},
                                               {.name = "tenant", .use = limits::LimitUse::Half},
                                               {.name = "all", .use = limits::LimitUse::Full}};

// As it is behind the engine: some fields, one try.
void fill(Exchange& exchange, TimePoint now) {
  exchange.route = 0;
  exchange.started = now;
  exchange.request.method_text = "GET";
  exchange.request.scheme = "http";
  exchange.request.host = "shop.example";
  exchange.request.path = "/v1/users/7";
  exchange.client_text = "192.0.2.7";
  exchange.request_id = "04a04be5875f7378d3a0154684cbe415";
  exchange.upstream_request.method_text = "GET";
  for (const char* name : {"host", "user-agent", "accept", "accept-encoding", "x-client"}) {
    exchange.request.fields.add(name, "some value of it");
    exchange.upstream_request.fields.add(name, "some value of it");
  }
  exchange.response.status = 200;
  exchange.response_bytes = 130;
  exchange.upstream = 0;
  exchange.try_count = 1;
  exchange.tries[0] = {.target = "10.0.0.1:8080", .status = 200, .microseconds = 180};
}

double round(const Way& way, observe::AccessLogWriter& writer) {
  net::VirtualLoop clock;
  Seeded random;
  const Names names;
  observe::WorkerCounters counters;
  observe::SpanQueue spans;
  observe::AccessLog log(writer, observe::LogFormat::standard(), clock, random, &names);
  observe::Tracer tracer({.sample_bp = way.sample_bp}, clock, random, &names, spans);
  const bool traces = way.sample_bp != 0;
  observe::Observer observer(
      clock, &names, counters, 1,
      {.log = way.log ? &log : nullptr, .tracer = traces ? &tracer : nullptr});
  Exchange exchange;
  const u64 begin = process_ns();
  for (u32 i = 0; i < kExchanges; ++i) {
    fill(exchange, clock.now());
    if (traces) {
      tracer.begin(exchange);
      observe::forward_trace(exchange);
      exchange.trace->begin_try(0);
    }
    if (way.counts) {
      observer.routed(exchange);
      if (way.limits != 0) observer.limits_asked(kOutcomes, way.limits);
      observer.finished(exchange);
    }
    exchange.reset();
    if (i % 256 == 0) spans.take(1024);
  }
  log.flush();
  return static_cast<double>(process_ns() - begin) / kExchanges;
}

}  // namespace

int main(int argc, char** argv) {
  auto writer = observe::AccessLogWriter::open(argc > 1 ? argv[1] : "/dev/null");
  if (!writer) {
    fmt::print(stderr, "observe_bench: cannot write {}\n", argv[1]);
    return 2;
  }
  std::vector<std::vector<double>> times(std::size(kWays));
  for (int i = 0; i < kRounds; ++i) {
    for (size_t way = 0; way < std::size(kWays); ++way) {
      times[way].push_back(round(kWays[way], **writer));
    }
  }
  double nothing = 0;
  for (size_t way = 0; way < std::size(kWays); ++way) {
    std::ranges::sort(times[way]);
    const double median = times[way][kRounds / 2];
    if (way == 0) nothing = median;
    fmt::print("{:<34} {:>7.0f} ns  over nothing {:>6.0f}\n", kWays[way].name, median,
               median - nothing);
  }
}
