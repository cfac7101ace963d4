// What costs no allocation once the worker is warm: a body that is as described, since tapes and
// evaluator are reused and the arena's first block is enough; the fields that tell of limits.
#include <atomic>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <string>

#include "golden-tests/engine/compiled_table.h"
#include "golden-tests/engine/order_document.h"
#include "runtime/base/testing/count_allocations.h"
#include "runtime/engine/offline.h"
#include "runtime/engine/routing.h"
#include "runtime/policies/compress/filter.h"
#include "runtime/policies/policy_list.h"
#include "runtime/policies/rate_limit/filter.h"
#include "runtime/policies/validate/filter.h"

namespace gw {
namespace {

[[maybe_unused]] const policies::ValidateRecord& record_of(const Exchange& exchange) {
  const table::TableView& view = exchange.table->view();
  for (const table::StepRecord& step : view.part(view.steps(), view.plans()[exchange.plan].steps)) {
    if (static_cast<policies::PolicyId>(step.policy) == policies::PolicyId::Validate) {
      return view.policy_record<policies::ValidateRecord>(step.record);
    }
  }
  FAIL("no step");
  std::abort();
}

}  // namespace

TEST_CASE("validate: a good body allocates nothing but in the arena", "[validate]") {
#ifdef GW_SANITIZED
  WARN("skipped: sanitizers replace operator new");
#else
  const auto table = compiled_table(kOrderDocument);
  const std::string body = order_body();
  const std::vector<engine::OfflineField> fields{
      {"Content-Type", "application/json"}, {"Accept", "application/json"}, {"X-Tenant", "acme"}};
  Exchange exchange;
  u64 allocations = 0;
  for (int round = 0; round < 3; ++round) {
    exchange.reset();
    exchange.table = table.get();
    std::string problem;
    REQUIRE(engine::make_request(exchange, "POST", "/shops/7/orders?dry=true", fields, problem));
    REQUIRE(engine::choose_route(exchange));
    http::MemoryBody source(as_bytes(body));
    exchange.request_body = &source;
    const policies::ValidateRecord& record = record_of(exchange);
    const u64 before = g_allocations.load();
    const policies::Verdict verdict = policies::validate_request(exchange, record);
    allocations = g_allocations.load() - before;
    REQUIRE(verdict == policies::Verdict::Continue);
    REQUIRE(exchange.validation->body_read);
  }
  CHECK(allocations == 0);
#endif
}

TEST_CASE("compress: an encoded answer allocates nothing but in the arena", "[compress]") {
#ifdef GW_SANITIZED
  WARN("skipped: sanitizers replace operator new");
#else
  const auto table = compiled_table(
      "openapi: 3.1.0\ninfo: {title: T, version: '1'}\n"
      "x-gw: {upstreams: {o: {targets: ['http://o.test']}}, defaults: {upstream: o, compress: "
      "{}}}\n"
      "paths: {/a: {get: {operationId: a, responses: {'200': {description: ok}}}}}\n");
  const std::string body(5000, 'x');
  const std::vector<engine::OfflineField> fields{{"Accept-Encoding", "gzip, br;q=0.5"}};
  Exchange exchange;
  u64 allocations = 0;
  for (int round = 0; round < 3; ++round) {
    exchange.reset();
    exchange.table = table.get();
    std::string problem;
    REQUIRE(engine::make_request(exchange, "GET", "/a", fields, problem));
    REQUIRE(engine::choose_route(exchange));
    exchange.response.status = 200;
    exchange.response.fields.add(http::FieldId::ContentType, "application/json; charset=utf-8");
    exchange.response.fields.add(http::FieldId::Etag, "\"v1\"");
    http::MemoryBody plain(as_bytes(body));
    http::BodyChunk chunk;
    const u64 before = g_allocations.load();
    bool taken = false;
    {
      encoding::EncodedBody encoded;
      http::BodySource* source = policies::compress_answer(exchange, &plain, {}, encoded);
      taken = source == &encoded && source->take_buffered(chunk);
    }
    allocations = g_allocations.load() - before;
    REQUIRE(taken);
  }
  CHECK(allocations == 0);
#endif
}

TEST_CASE("limits: fields of an answer allocate nothing but in the arena", "[limits]") {
#ifdef GW_SANITIZED
  WARN("skipped: sanitizers replace operator new");
#else
  limits::LimitOutcome outcomes[] = {
      {.name = "burst", .told = true, .quota = 100, .window_seconds = 60, .remaining = 99},
      {.name = "parallel",
       .kind = static_cast<u32>(policies::LimitKind::Concurrency),
       .told = true,
       .quota = 8,
       .remaining = 7},
  };
  limits::ExchangeLimits seen;
  seen.outcomes = outcomes;
  seen.count = 2;
  Exchange exchange;
  u64 allocations = 0;
  for (int round = 0; round < 3; ++round) {
    exchange.reset();
    exchange.limits = &seen;
    const u64 before = g_allocations.load();
    policies::write_limit_fields(exchange);
    allocations = g_allocations.load() - before;
    REQUIRE(exchange.response.fields.size() == 2);
  }
  CHECK(allocations == 0);
#endif
}

}  // namespace gw
