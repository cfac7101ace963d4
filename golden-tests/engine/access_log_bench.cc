// What a line of the access log costs the worker that writes it: choosing, names from the table,
// text, and handing blocks over to the thread that writes them (to /dev/null). CPU of this thread.
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "compiler/compile.h"
#include "runtime/engine/offline.h"
#include "runtime/observe/access_log.h"
#include "runtime/server/route_names.h"
#include "runtime/table/bound_table.h"
#include "runtime/table/table_file.h"

namespace {

using namespace gw;

constexpr int kRounds = 9;
constexpr int kLines = 200'000;

std::shared_ptr<const BoundTable> table_of(const std::string& access_log) {
  compiler::Compilation compilation;
  compilation.files.add("b.yaml",
                        "openapi: 3.1.0\n"
                        "info: {title: T, version: '1'}\n"
                        "x-gw:\n"
                        "  upstreams: {origin: {targets: [{url: 'http://127.0.0.1:9001'}]}}\n"
                        "  public: a benchmark\n"
                        "  observe: {accessLog: " +
                            access_log +
                            "}\n"
                            "  defaults: {upstream: origin, timeout: 5s}\n"
                            "security: []\n"
                            "paths:\n"
                            "  /orders/{id}: {parameters: [{name: id, in: path, required: true,"
                            " schema: {type: string}}], get: {operationId: getOrder,"
                            " responses: {'200': {description: ok}}}}\n");
  compiler::CompileOptions options;
  options.paths = {"b.yaml"};
  compiler::compile(options, true, compilation);
  const auto file = table::TableFile::from_bytes(compilation.table);
  std::vector<ReferenceProblem> problems;
  return *BoundTable::bind(*file, {}, problems);
}

double thread_nanoseconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

// One that a plain proxied request leaves behind.
void fill(Exchange& exchange, const BoundTable& table) {
  std::string problem;
  engine::make_request(exchange, "GET", "/orders/1234567?expand=items&page=3",
                       {{"host", "api.shop.example"},
                        {"accept", "application/json"},
                        {"user-agent", "bench/1.0 (x86_64)"}},
                       problem);
  exchange.table = &table;
  exchange.route = 0;
  exchange.upstream = 0;
  exchange.client_text = "192.0.2.77";
  exchange.request_id = "0123456789abcdef0123456789abcdef";
  exchange.started = TimePoint(std::chrono::hours(1));
  exchange.upstream_asked = exchange.started + std::chrono::microseconds(31);
  exchange.upstream_head = exchange.started + std::chrono::microseconds(462);
  exchange.response.status = 200;
  exchange.response_bytes = 130;
  exchange.tries[0] = {"127.0.0.1:9001", 200, Errc::None, 431};
  exchange.try_count = 1;
}

void measure(const char* access_log) {
  const auto table = table_of(access_log);
  Exchange exchange;
  fill(exchange, *table);
  const server::TableRouteNames names;
  const auto format = observe::LogFormat::of(*table);
  std::string line;
  format->append({exchange, observe::names_of(exchange, &names), 1'795'670'111'042, 512}, line);
  auto writer = observe::AccessLogWriter::open("/dev/null");
  if (!writer) std::abort();
  engine::FakeClock clock;
  clock.set_unix_ms(1'795'670'111'042);
  engine::FixedRandom random;
  observe::AccessLog log(**writer, format, clock, random, &names);
  std::vector<double> rounds;
  for (int round = 0; round < kRounds; ++round) {
    const double begun = thread_nanoseconds();
    for (int i = 0; i < kLines; ++i) log.finished(exchange, 512);
    rounds.push_back((thread_nanoseconds() - begun) / kLines);
  }
  std::ranges::nth_element(rounds, rounds.begin() + kRounds / 2);
  std::printf("%-52s %6.0f ns %5zu bytes, %llu lines lost\n", access_log, rounds[kRounds / 2],
              line.size(), static_cast<unsigned long long>((*writer)->lost_lines()));
}

}  // namespace

int main() {
  measure("json");
  measure("combined");
  measure("{fields: [time, operation, status, duration_us]}");
  measure("{status: 5xx}");
}
