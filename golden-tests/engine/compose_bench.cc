// What composing costs beyond the requests that it makes: an answer from three calls, beside three
// plain requests that are proxied, both through the engine on a scripted upstream. Question: at
// most 60 us of CPU more? And a view of ten members, beside the same answer as it came. Run:
// compose_bench
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "compiler/compile.h"
#include "runtime/engine/offline.h"
#include "runtime/table/bound_table.h"
#include "runtime/table/table_file.h"

namespace {

using namespace gw;

constexpr int kRounds = 9;
constexpr int kCalls = 3'000;

constexpr const char* kDocument = R"(openapi: 3.1.0
info: {title: B, version: '1'}
x-gw:
  upstreams: {u: {targets: ['http://127.0.0.1:9001']}}
  defaults: {upstream: u, timeout: 5s}
  clients: {slim: {when: {header: {x-client: slim}}}}
paths:
  /user/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: integer}}]
    get:
      operationId: user
      x-gw: {views: {slim: {pick: [id, name, 'items/*/id']}}}
      responses: {'200': {description: ok}}
  /all/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: integer}}]
    get:
      operationId: all
      x-gw:
        compose:
          calls:
            a: {operation: user, with: {id: $request.path.id}}
            b: {upstream: u, path: '/b/{$request.path.id}'}
            c: {upstream: u, path: '/c/{$request.path.id}'}
          body: {a: $calls.a.body, b: '$calls.b.body#/items', c: '$calls.c.body#/name'}
      responses: {'200': {description: ok}}
)";

constexpr const char* kAnswer =
    R"({"id":7,"name":"Ada","mail":"ada@shop.example","items":[{"id":1,"n":2},{"id":2,"n":3},{"id":3,"n":1}],"note":"a text of some length, as such answers have"})";

std::shared_ptr<const BoundTable> compile_document() {
  compiler::Compilation compilation;
  compilation.files.add("b.yaml", kDocument);
  compiler::CompileOptions options;
  options.paths = {"b.yaml"};
  compiler::compile(options, true, compilation);
  const auto file = table::TableFile::from_bytes(compilation.table);
  std::vector<ReferenceProblem> problems;
  return *BoundTable::bind(*file, {}, problems);
}

double cpu_microseconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

class Harness {
 public:
  Harness() : table_(compile_document()) {
    std::vector<std::string> problems;
    live_ = load_live_data(*table_, {}, problems);
  }

  // Microseconds of CPU per request; the median of several runs.
  double measure(const char* target, bool slim) {
    std::vector<double> rounds;
    for (int round = 0; round < kRounds; ++round) {
      const double start = cpu_microseconds();
      for (int i = 0; i < kCalls; ++i) ask(target, slim);
      rounds.push_back((cpu_microseconds() - start) / kCalls);
    }
    std::nth_element(rounds.begin(), rounds.begin() + kRounds / 2, rounds.end());
    return rounds[kRounds / 2];
  }

 private:
  void ask(const char* target, bool slim) {
    engine::ScriptedFetcher fetcher{clock_};
    fetcher.script.assign(
        3, {.status = 200, .fields = {{"content-type", "application/json"}}, .body = kAnswer});
    engine::MemoryResponder responder;
    exchange_.reset();
    std::string problem;
    std::vector<engine::OfflineField> fields = {{"host", "a"}};
    if (slim) fields.push_back({"x-client", "slim"});
    engine::make_request(exchange_, "GET", target, fields, problem);
    exchange_.table = table_.get();
    exchange_.live = live_.get();
    exchange_.client_text = exchange_.peer_text = "127.0.0.1";
    Env env{clock_, random_, fetcher, observer_};
    Task<void> task = run(exchange_, env, responder);
    task.start();
    if (responder.status != 200) std::abort();
  }

  std::shared_ptr<const BoundTable> table_;
  std::shared_ptr<const LiveData> live_;
  engine::FakeClock clock_;
  engine::FixedRandom random_;
  engine::NullObserver observer_;
  Exchange exchange_;
};

}  // namespace

int main() {
  Harness harness;
  const double plain = harness.measure("/user/7", false);
  const double slim = harness.measure("/user/7", true);
  const double composed = harness.measure("/all/7", false);
  std::printf("plain request            %6.2f us\n", plain);
  std::printf("the same with a view     %6.2f us, %.2f more\n", slim, slim - plain);
  std::printf("composed of three calls  %6.2f us, %.2f more than three plain requests\n", composed,
              composed - 3 * plain);
  return 0;
}
