// What holding a POST of 1 KB of JSON to its description costs: the whole step, the parse of the
// body within it, and the step without a body. Question: with the body at most 1 us for the parse
// and 1.5 us for the rest? Run: validate_bench
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "compiler/compile.h"
#include "golden-tests/engine/order_document.h"
#include "runtime/engine/offline.h"
#include "runtime/engine/routing.h"
#include "runtime/json/tape.h"
#include "runtime/policies/policy_list.h"
#include "runtime/policies/validate/filter.h"

namespace {

using namespace gw;
using Clock = std::chrono::steady_clock;

constexpr int kRounds = 9;
constexpr int kCalls = 20'000;

// Nanoseconds of one call; the median of several runs.
template <class Call>
double measure(Call call) {
  std::vector<double> rounds;
  for (int round = 0; round < kRounds; ++round) {
    const auto start = Clock::now();
    for (int i = 0; i < kCalls; ++i) call();
    rounds.push_back(std::chrono::duration<double, std::nano>(Clock::now() - start).count() /
                     kCalls);
  }
  std::nth_element(rounds.begin(), rounds.begin() + kRounds / 2, rounds.end());
  return rounds[kRounds / 2];
}

std::shared_ptr<const BoundTable> compile_order() {
  compiler::Compilation compilation;
  compilation.files.add("api.yaml", kOrderDocument);
  compiler::CompileOptions options;
  options.paths = {"api.yaml"};
  compiler::compile(options, true, compilation);
  auto file = table::TableFile::from_bytes(compilation.table);
  std::vector<ReferenceProblem> problems;
  return *BoundTable::bind(*file, {}, problems);
}

const policies::ValidateRecord* find_record(const table::TableView& view) {
  for (const table::StepRecord& step : view.steps()) {
    if (static_cast<policies::PolicyId>(step.policy) == policies::PolicyId::Validate) {
      return &view.policy_record<policies::ValidateRecord>(step.record);
    }
  }
  return nullptr;
}

}  // namespace

int main() {
  const auto table = compile_order();
  const std::string body = order_body();
  Exchange exchange;
  exchange.table = table.get();
  std::string problem;
  engine::make_request(
      exchange, "POST", "/shops/7/orders?dry=true",
      {{"Content-Type", "application/json"}, {"Accept", "application/json"}, {"X-Tenant", "acme"}},
      problem);
  engine::choose_route(exchange);
  const policies::ValidateRecord* found = find_record(table->view());
  if (found == nullptr) return 1;
  policies::ValidateRecord record = *found;
  u64 refused = 0;
  const auto step = [&](bool with_body) {
    // The arena would grow over so many calls; what the step takes of it is small.
    http::MemoryBody source(as_bytes(body));
    Validation state;
    state.body_read = true;
    state.body = as_bytes(body);
    exchange.validation = with_body ? &state : nullptr;
    exchange.request_body = with_body ? &source : nullptr;
    refused +=
        policies::validate_request(exchange, record) != policies::Verdict::Continue ? 1u : 0u;
  };
  json::Tape tape;
  const double whole = measure([&] { step(true); });
  const double parse = measure([&] { refused += tape.parse(body) ? 0u : 1u; });
  record.body = static_cast<u32>(policies::BodyPresence::Optional);
  const double head = measure([&] { step(false); });
  std::printf("body %zu bytes\nwhole step       %7.0f ns\nparse alone      %7.0f ns\n", body.size(),
              whole, parse);
  std::printf("without parse    %7.0f ns\nparameters only  %7.0f ns\n", whole - parse, head);
  return refused == 0 ? 0 : 1;
}
