// What limits and origins cost.
//
//   store    decisions per second on one and on two threads: keys that all meet one counter, keys
//            that are in the processor's cache, keys that are not, and keys that are always new
//   engine   nanoseconds per request through the whole engine, from a parsed head to the last byte
//            of a local answer, less those of the same without the policy; medians of 9 rounds
//
// Run: limits_bench. For instructions: valgrind --tool=callgrind limits_bench POLICY, where POLICY
// is one of the names that are printed; it is run 10,000 times, alone.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "compiler/compile.h"
#include "compiler/diag/render.h"
#include "compiler/source/file_set.h"
#include "runtime/base/random.h"
#include "runtime/engine/offline.h"
#include "runtime/http/forwarding.h"
#include "runtime/limits/local_counters.h"
#include "runtime/table/bound_table.h"

namespace {

using namespace gw;
using Clock = std::chrono::steady_clock;

u64 now_ns() {
  return static_cast<u64>(std::chrono::nanoseconds(Clock::now().time_since_epoch()).count());
}

struct StoreCase {
  const char* name;
  u64 keys;  // 0: never the same twice
};
constexpr StoreCase kStoreCases[] = {
    {"one counter", 1}, {"1,000 keys", 1'000}, {"1,000,000 keys", 1'000'000}, {"new keys", 0}};

double decisions_per_second(const StoreCase& which, u32 threads) {
  limits::LocalCounters store;
  const limits::RateParameters rate{.interval_ns = 1'000'000, .burst_ns = 100'000'000};
  constexpr u64 kCalls = 2'000'000;
  std::atomic<u32> ready{0};
  std::vector<std::thread> running;
  std::atomic<u64> begun{~u64{0}};
  for (u32 id = 0; id < threads; ++id) {
    running.emplace_back([&, id] {
      Xoshiro random(id + 1);
      ready.fetch_add(1);
      while (ready.load() < threads) {
      }
      u64 least = begun.load();
      const u64 start = now_ns();
      while (start < least && !begun.compare_exchange_weak(least, start)) {
      }
      for (u64 i = 0; i < kCalls; ++i) {
        const u64 number = which.keys == 0 ? random.next() : random.next() % which.keys;
        const std::string_view text(reinterpret_cast<const char*>(&number), sizeof number);
        const limits::CounterKey key = store.key_of({1, 2}, 3, text, true);
        // As a worker does: its clock is read once per turn of its loop.
        store.take(key, rate, start + i * 100);
      }
    });
  }
  for (std::thread& thread : running) thread.join();
  const double seconds = static_cast<double>(now_ns() - begun.load()) / 1e9;
  return static_cast<double>(kCalls * threads) / seconds;
}

struct PolicyCase {
  const char* name;
  const char* defaults;
};
constexpr PolicyCase kPolicyCases[] = {
    {"none", ""},
    {"rateLimit", ", rateLimit: {a: {key: $client.ip, limit: 1000000/s}}"},
    {"rateLimit, headers off",
     ", rateLimit: {a: {key: $client.ip, limit: 1000000/s, headers: off}}"},
    {"two rateLimits",
     ", rateLimit: {a: {key: $client.ip, limit: 1000000/s}, b: {limit: 1000000/s}}"},
    {"quota", ", quota: {a: {key: $client.ip, limit: 1000000000, per: month}}"},
    {"concurrency", ", concurrency: {a: {key: $client.ip, limit: 1000}}"},
    {"cors", ", cors: {origins: ['https://shop.example'], credentials: true}"},
    {"rateLimit and cors",
     ", rateLimit: {a: {key: $client.ip, limit: 1000000/s}},"
     " cors: {origins: ['https://shop.example'], credentials: true}"},
};

std::shared_ptr<const BoundTable> table_of(const std::string& defaults) {
  compiler::Compilation compilation;
  compilation.files.add(
      "bench.yaml",
      "openapi: 3.1.0\ninfo: {title: T, version: '1'}\n"
      "x-gw: {defaults: {timeout: 5s" +
          defaults +
          "}}\n"
          "paths:\n  /orders/{id}: {x-gw: {respond: {status: 204}},"
          " parameters: [{name: id, in: path, required: true, schema: {type: string}}]}\n");
  compiler::CompileOptions options;
  options.paths = {"bench.yaml"};
  compiler::compile(options, true, compilation);
  if (compilation.table.empty()) {
    fmt::print(stderr, "{}", compiler::render(compilation.files, compilation.sink.sorted(), {}));
    std::exit(1);
  }
  auto file = table::TableFile::from_bytes(compilation.table);
  std::vector<ReferenceProblem> problems;
  return file ? BoundTable::bind(*file, ReferenceSource::none(), problems).value() : nullptr;
}

// Looks at each field once, as a writer does, and keeps nothing.
class SilentResponder final : public Responder {
 public:
  Task<Result<void>> inform(const http::ResponseHead&) override { co_return Result<void>(); }
  void head(const http::ResponseHead& head) override {
    for (const http::Field& field : head.fields) bytes += field.name.size() + field.value.size();
  }
  Task<Result<void>> data(Bytes) override { co_return Result<void>(); }
  Task<Result<void>> end(Bytes, const http::FieldList*) override { co_return Result<void>(); }
  void reset() noexcept override {}
  bool head_sent() const override { return false; }
  bool client_gone() const override { return false; }
  u64 bytes = 0;
};

// Runs requests one after the other in one exchange, as a keep-alive connection does.
class Runner {
 public:
  explicit Runner(const PolicyCase& which) : table_(table_of(which.defaults)) {}

  double nanoseconds_per_request(u32 requests) {
    const u64 start = now_ns();
    for (u32 i = 0; i < requests; ++i) run_one();
    return static_cast<double>(now_ns() - start) / requests;
  }

 private:
  void run_one() {
    exchange_.reset();
    std::string problem;
    engine::make_request(exchange_, "GET", "/orders/7", fields_, problem);
    exchange_.table = table_.get();
    exchange_.client_text = exchange_.peer_text = "192.0.2.7";
    http::parse_address("192.0.2.7", exchange_.client);
    exchange_.request_id = "r1";
    Task<void> task = run(exchange_, env_, responder_);
    task.start();
  }

  std::shared_ptr<const BoundTable> table_;
  const std::vector<engine::OfflineField> fields_ = {{"host", "api.shop.example"},
                                                     {"origin", "https://shop.example"},
                                                     {"accept", "application/json"}};
  engine::FakeClock clock_;
  engine::FixedRandom random_;
  engine::ScriptedFetcher fetcher_{clock_};
  engine::NullObserver observer_;
  SilentResponder responder_;
  limits::LocalCounters counters_;
  Env env_{clock_, random_, fetcher_, observer_, nullptr, &counters_};
  Exchange exchange_;
};

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

void measure_store() {
  fmt::print("{:<16} {:>14} {:>14}   million decisions per second\n", "store", "one thread",
             "two threads");
  for (const StoreCase& which : kStoreCases) {
    const double one = decisions_per_second(which, 1);
    const double two = decisions_per_second(which, 2);
    fmt::print("{:<16} {:>14.1f} {:>14.1f}\n", which.name, one / 1e6, two / 1e6);
  }
}

void measure_engine() {
  fmt::print("\n{:<24} {:>10} {:>12}   ns per request\n", "engine", "all", "over none");
  constexpr u32 kRequests = 50'000;
  constexpr u32 kRounds = 9;
  std::vector<std::unique_ptr<Runner>> runners;
  for (const PolicyCase& which : kPolicyCases) runners.push_back(std::make_unique<Runner>(which));
  std::vector<std::vector<double>> times(runners.size());
  for (u32 round = 0; round < kRounds; ++round) {
    for (size_t i = 0; i < runners.size(); ++i) {
      times[i].push_back(runners[i]->nanoseconds_per_request(kRequests));
    }
  }
  const double base = median(times[0]);
  for (size_t i = 0; i < runners.size(); ++i) {
    const double all = median(times[i]);
    fmt::print("{:<24} {:>10.0f} {:>12.0f}\n", kPolicyCases[i].name, all, all - base);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) {
    for (const PolicyCase& which : kPolicyCases) {
      if (std::string_view(which.name) == argv[1]) Runner(which).nanoseconds_per_request(10'000);
    }
    return 0;
  }
  measure_store();
  measure_engine();
  return 0;
}
