// The access log as documents describe it: through the real compiler and engine.
#include <atomic>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <new>
#include <string>

#include "golden-tests/engine/compiled_table.h"
#include "golden-tests/engine/trip.h"
#include "runtime/base/testing/count_allocations.h"
#include "runtime/observe/access_log.h"
#include "runtime/server/route_names.h"

namespace gw {
namespace {

using observe::LogFormat;

constexpr auto* kPaths =
    "security: [{}]\n"
    "components:\n"
    "  securitySchemes: {key: {type: apiKey, in: header, name: X-Api-Key},"
    " asked: {type: apiKey, in: query, name: k}}\n"
    "paths:\n"
    "  /orders/{id}: {parameters: [{name: id, in: path, required: true, schema: {type: string}}],"
    " get: {operationId: getOrder, responses: {'200': {description: ok}}}}\n"
    "  /reset/{resetToken}/{step}: {parameters: ["
    "{name: resetToken, in: path, required: true, schema: {type: string}},"
    " {name: step, in: path, required: true, schema: {type: string}}],"
    " get: {operationId: reset, responses: {'200': {description: ok}}}}\n"
    "  /pin/{pin}: {parameters: [{name: pin, in: path, required: true,"
    " schema: {type: string, format: password}}],"
    " get: {operationId: pin, responses: {'200': {description: ok}}}}\n"
    "  /keyed: {get: {operationId: keyed, security: [{key: []}, {asked: []}],"
    " responses: {'200': {description: ok}}}}\n";

std::shared_ptr<const BoundTable> table_of(const std::string& access_log) {
  return compiled_table(
      "openapi: 3.1.0\n"
      "info: {title: T, version: '1'}\n"
      "x-gw:\n"
      "  upstreams: {origin: {targets: [{url: 'http://127.0.0.1:9001'}]}}\n"
      "  public: a test\n"
      "  consumers: {acme: {keys: "
      "['sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae']}}\n"
      "  observe: {accessLog: " +
          access_log + "}\n  defaults: {upstream: origin, timeout: 5s}\n" + kPaths,
      false);
}

using Fields = std::vector<engine::OfflineField>;

std::string line_of(const std::string& access_log, const char* target, const Fields& fields = {},
                    Fields answer = {}) {
  const auto table = table_of(access_log);
  Trip trip(table);
  trip.fetcher.script = {{.status = 200, .fields = std::move(answer)}};
  trip.start("GET", target, fields);
  REQUIRE(trip.done());
  const server::TableRouteNames names;
  std::string line;
  LogFormat::of(*table)->append(
      {trip.exchange, observe::names_of(trip.exchange, &names), 1'795'670'111'042, 1234}, line);
  REQUIRE(line.ends_with('\n'));
  line.pop_back();
  return line;
}

struct CountingRandom final : Random {
  u64 next() override {
    ++asked;
    return value;
  }
  u64 value = 0;
  int asked = 0;
};

}  // namespace

TEST_CASE("access log: fields in the order that is asked for", "[engine][log]") {
  CHECK(line_of("{fields: [status, operation, template, source]}", "/orders/7") ==
        R"({"status":200,"operation":"getOrder","template":"/orders/{id}",)"
        R"("source":"api.yaml:13"})");
  CHECK(line_of("{fields: [policy, status]}", "/keyed") ==
        R"({"policy":"authenticate","status":401})");
  CHECK(line_of("{fields: [limit]}", "/orders/7") == "{}");
}

TEST_CASE("access log: a text, with `-` for what is not there", "[engine][log]") {
  CHECK(line_of("{format: '{method} {path} [{consumer}] {{{status}}} {phases}'}", "/orders/7") ==
        "GET /orders/7 [-] {200} 0/0/1234");
  CHECK(line_of("common", "/orders/7?a=b") ==
        R"(192.0.2.7 - - [26/Nov/2026:05:15:11 +0000] "GET /orders/7?a=* HTTP/1.1" 200 0)");
  CHECK(line_of("combined", "/orders/7",
                {{"User-Agent", "a \"b\" \\ \x1b[2J\xc3\xa9"},
                 {"Referer", "https://shop.example/?session=1"}}) ==
        R"(192.0.2.7 - - [26/Nov/2026:05:15:11 +0000] "GET /orders/7 HTTP/1.1" 200 0 )"
        R"("https://shop.example/?session=*" "a \x22b\x22 \x5C \x1B[2J\xC3\xA9")");
}

TEST_CASE("access log: credentials are never written", "[engine][log]") {
  const char* asked =
      "{fields: [request.header.Authorization, request.header.cookie, request.header.x-api-key,"
      " request.header.accept, response.header.set-cookie, response.header.etag]}";
  CHECK(line_of(asked, "/orders/7",
                {{"Authorization", "Bearer s"},
                 {"Cookie", "s=1"},
                 {"X-API-KEY", "foo"},
                 {"Accept", "text/plain"}},
                {{"Set-Cookie", "s=2"}, {"ETag", "\"v1\""}}) ==
        R"({"request.header.authorization":"*","request.header.cookie":"*",)"
        R"("request.header.x-api-key":"*","request.header.accept":"text/plain",)"
        R"("response.header.set-cookie":"*","response.header.etag":"\"v1\""})");
}

TEST_CASE("access log: queries as they are asked for", "[engine][log]") {
  const char* target = "/orders/7?q=a&k=foo&%6b=foo&access_token=t&page_token=3&x";
  CHECK(line_of("{fields: query}", target) ==
        R"({"query":"q=*&k=*&%6b=*&access_token=*&page_token=*&x"})");
  CHECK(line_of("{fields: query, query: keep}", target) ==
        R"({"query":"q=a&k=*&%6b=*&access_token=*&page_token=3&x"})");
  CHECK(line_of("{format: '{request} {query}', query: omit}", target) ==
        "GET /orders/7 HTTP/1.1 -");
}

TEST_CASE("access log: parameters of paths that are secrets", "[engine][log]") {
  CHECK(line_of("{fields: path}", "/reset/s3cret/2") == R"({"path":"/reset/*/2"})");
  CHECK(line_of("{format: '{request}'}", "/pin/1234") == "GET /pin/* HTTP/1.1");
  CHECK(line_of("{fields: path}", "/orders/s3cret") == R"({"path":"/orders/s3cret"})");
}

TEST_CASE("access log: without filters a share of all is written", "[engine][log]") {
  CountingRandom random;
  const auto all = LogFormat::of(*table_of("{format: json}"));
  CHECK(all->wants(200, 0, random));
  CHECK(random.asked == 0);
  const auto some = LogFormat::of(*table_of("{sample: 10%}"));
  random.value = 10'999;
  CHECK(some->wants(500, 1, random));
  random.value = 11'000;
  CHECK_FALSE(some->wants(500, 1, random));
  CHECK_FALSE(LogFormat::of(*table_of("{sample: 0%}"))->wants(500, 1, random));
}

TEST_CASE("access log: what a filter takes is always written", "[engine][log]") {
  CountingRandom random;
  const auto filtered = LogFormat::of(*table_of("{status: [5xx, 429], slowerThan: 500ms}"));
  CHECK(filtered->wants(500, 0, random));
  CHECK(filtered->wants(599, 0, random));
  CHECK(filtered->wants(429, 0, random));
  CHECK_FALSE(filtered->wants(428, 0, random));
  CHECK_FALSE(filtered->wants(0, 0, random));
  CHECK_FALSE(filtered->wants(999, 0, random));
  CHECK_FALSE(filtered->wants(200, 500'000, random));
  CHECK(filtered->wants(200, 500'001, random));
  CHECK(random.asked == 0);
  const auto both = LogFormat::of(*table_of("{status: 5xx, sample: 50%}"));
  random.value = 9'999;
  CHECK(both->wants(503, 0, random));
  CHECK_FALSE(both->wants(200, 0, random));
  random.value = 4'999;
  CHECK(both->wants(200, 0, random));
}

TEST_CASE("access log: an exchange without its table says the same", "[engine][log]") {
  auto table = table_of(
      "{fields: [operation, template, source, path, policy, request.header.accept,"
      " response.header.etag, response.header.x-other, table, status]}");
  Trip trip(table);
  trip.fetcher.script = {{.status = 200, .fields = {{"ETag", "v1"}, {"X-Other", "yes"}}}};
  trip.start("GET", "/reset/s3cret/2", {{"Accept", "*/*"}});
  const server::TableRouteNames names;
  const auto format = LogFormat::of(*table);
  std::string before;
  format->append({trip.exchange, observe::names_of(trip.exchange, &names), 0, 0}, before);
  format->keep_answer(trip.exchange);
  format->keep_request(trip.exchange);
  observe::keep_names(trip.exchange, &names);
  trip.exchange.detached = true;
  trip.exchange.table = nullptr;
  trip.task = {};
  trip.fetcher.sent.clear();
  std::string after;
  format->append({trip.exchange, observe::names_of(trip.exchange, &names), 0, 0}, after);
  CHECK(after == before);
  CHECK(after.find(R"("path":"/reset/*/2")") != after.npos);
  CHECK(after.find(R"("response.header.x-other":"yes")") != after.npos);
}

TEST_CASE("access log: a line allocates nothing once warm", "[engine][log]") {
#ifdef GW_SANITIZED
  WARN("skipped: sanitizers replace operator new");
#else
  for (const char* log : {"json", "combined"}) {
    CAPTURE(log);
    const auto table = table_of(log);
    Trip trip(table);
    trip.start("GET", "/reset/s3cret/2?a=b");
    const server::TableRouteNames names;
    auto writer = observe::AccessLogWriter::open("/dev/null");
    REQUIRE(writer);
    u64 before = 0;
    {
      observe::AccessLog access_log(**writer, LogFormat::of(*table), trip.clock, trip.random,
                                    &names);
      const auto write = [&] {
        for (int i = 0; i < 100; ++i) access_log.finished(trip.exchange, 1234);
      };
      // What the writer has is given back, so that both have memory then.
      for (int i = 0; i < 20; ++i) {
        write();
        access_log.flush();
        while ((*writer)->queued_bytes() != 0) std::this_thread::yield();
      }
      before = g_allocations.load();
      for (int i = 0; i < 20; ++i) {
        write();
        access_log.flush();
        while ((*writer)->queued_bytes() != 0) std::this_thread::yield();
      }
      CHECK(g_allocations.load() == before);
    }
  }
#endif
}

}  // namespace gw
