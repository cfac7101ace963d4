// What an answer depends on because the gateway itself makes it a part of what it asks.
#include <catch2/catch.hpp>

#include "golden-tests/engine/cache_gate.h"
#include "golden-tests/engine/trip.h"

namespace gw {
namespace {

using cache::Outcome;
using Fields = std::vector<engine::OfflineField>;

std::shared_ptr<const BoundTable> table_of(const std::string& fields,
                                           const std::string& security = "") {
  return compiled_table(
      "openapi: 3.1.0\n"
      "info: {title: T, version: '1'}\n"
      "x-gw:\n"
      "  upstreams:\n"
      "    one: {targets: [{url: 'http://127.0.0.1:9001'}]}\n"
      "    two: {targets: [{url: 'http://127.0.0.1:9002'}]}\n"
      "    auth: {targets: [{url: 'http://127.0.0.1:9003'}]}\n"
      "  consumers:\n"
      "    acme: {keys: "
      "['sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae']}\n"
      "    globex: {keys: "
      "['sha256:fcde2b2edba56bf408601fb721fe9b5c338d10ee429ea04fae5511b68fbf8fb9']}\n"
      "  defaults: {upstream: one, timeout: 5s}\n"
      "components: {securitySchemes: {key: {type: apiKey, in: header, name: X-API-Key}}}\n"
      "paths:\n"
      "  /page:\n"
      "    get:\n"
      "      operationId: page\n" +
      security + "      x-gw: {" + fields +
      "}\n"
      "      responses: {'200': {description: ok}}\n");
}

// Answers with what the upstream was told in this field.
std::function<OriginAnswer(const OriginRequest&)> echo(std::string name) {
  return [name](const OriginRequest& request) {
    return OriginAnswer{.status = 200, .fields = {}, .body = request.field(name)};
  };
}

}  // namespace

TEST_CASE("cache: a field that the gateway writes is a part of what is asked", "[cache]") {
  SECTION("from another field of the request") {
    CacheGate gate(
        table_of("cache: {ttl: 30s}, request: {headers: {set: {x-tenant: "
                 "'t-{$request.header.x-from}'}}}"));
    gate.origin.answer = echo("x-tenant");
    for (int round = 0; round < 2; ++round) {
      CHECK(gate.get("/page", {{"X-From", "a"}}).body() == "t-a");
      CHECK(gate.get("/page", {{"X-From", "b"}}).body() == "t-b");
      CHECK(gate.get("/page").body() == "(none)");
      CHECK(gate.get("/page", {{"X-From", ""}}).body() == "t-");
    }
    CHECK(gate.origin.seen.size() == 4);
  }
  SECTION("added, or in place of one that is missing") {
    CacheGate gate(
        table_of("cache: {ttl: 30s}, request: {headers: {add: {x-more: "
                 "$request.cookie.theme}, default: {x-else: $request.cookie.size}}}"));
    gate.origin.answer = [](const OriginRequest& request) {
      return OriginAnswer{.status = 200,
                          .fields = {{"cache-control", "public"}},
                          .body = request.field("x-more") + request.field("x-else")};
    };
    for (int round = 0; round < 2; ++round) {
      CHECK(gate.get("/page", {{"Cookie", "theme=dark; size=s"}}).body() == "darks");
      CHECK(gate.get("/page", {{"Cookie", "theme=light; size=s"}}).body() == "lights");
      CHECK(gate.get("/page", {{"Cookie", "theme=light; size=m"}}).body() == "lightm");
    }
    CHECK(gate.origin.seen.size() == 3);
  }
  SECTION("under another name") {
    const char* change = GENERATE("rename", "copy");
    CAPTURE(change);
    CacheGate gate(table_of("cache: {ttl: 30s}, request: {headers: {" + std::string(change) +
                            ": {x-from: x-tenant}}}"));
    gate.origin.answer = echo("x-tenant");
    for (int round = 0; round < 2; ++round) {
      CHECK(gate.get("/page", {{"X-From", "a"}}).body() == "a");
      CHECK(gate.get("/page", {{"X-From", "b"}}).body() == "b");
    }
    CHECK(gate.origin.seen.size() == 2);
  }
  SECTION("from who calls, where all callers may have the same answer") {
    CacheGate gate(
        table_of("cache: {ttl: 30s, shared: true}, request: {headers: {set: {x-tenant: "
                 "$consumer.name}}}",
                 "      security: [{key: []}]\n"));
    gate.origin.answer = echo("x-tenant");
    for (int round = 0; round < 2; ++round) {
      CHECK(gate.get("/page", {{"X-API-Key", "foo"}}).body() == "acme");
      CHECK(gate.get("/page", {{"X-API-Key", "bar"}}).body() == "globex");
    }
    CHECK(gate.origin.seen.size() == 2);
  }
  SECTION("from the address of the client") {
    CacheGate gate(table_of("cache: {ttl: 30s}, request: {headers: {set: {x-ip: $client.ip}}}"));
    gate.origin.answer = echo("x-ip");
    CHECK(gate.get("/page").body() == "192.0.2.7");
    CHECK(gate.get("/page").outcome() == Outcome::Hit);
  }
  SECTION("but the id of the request is none") {
    CacheGate gate(table_of(
        "cache: {ttl: 30s}, request: {headers: {set: {x-trace: $request.id, x-kind: fixed}}}"));
    gate.origin.answer = echo("x-kind");
    CHECK(gate.get("/page").body() == "fixed");
    CHECK(gate.get("/page").outcome() == Outcome::Hit);
  }
}

TEST_CASE("cache: declared header fields and cookies are a part of what is asked", "[cache]") {
  const std::string parameters =
      "      parameters: [{name: X-Ver, in: header, schema: {type: string}}, "
      "{name: theme, in: cookie, schema: {type: string}}, "
      "{name: X-Request-Id, in: header, schema: {type: string}}]\n";
  CacheGate gate(table_of("cache: {ttl: 30s}", parameters));
  gate.origin.answer = [](const OriginRequest& request) {
    return OriginAnswer{.status = 200,
                        .fields = {{"cache-control", "public"}},
                        .body = request.field("x-ver") + " " + request.field("cookie")};
  };
  for (int round = 0; round < 2; ++round) {
    const std::string id = std::to_string(round);
    CHECK(gate.get("/page", {{"x-ver", "1"}, {"x-request-id", id}}).body() == "1 (none)");
    CHECK(gate.get("/page", {{"x-ver", "2"}, {"x-request-id", id}}).body() == "2 (none)");
    CHECK(gate.get("/page", {{"x-request-id", id}}).body() == "(none) (none)");
    CHECK(gate.get("/page", {{"cookie", "theme=dark"}}).body() == "(none) theme=dark");
    CHECK(gate.get("/page", {{"x-other", id}}).body() == "(none) (none)");
  }
  CHECK(gate.origin.seen.size() == 4);
}

TEST_CASE("cache: the upstream that a split chooses is a part of what is asked", "[cache]") {
  const auto said = [](const Visit& visit) { return visit.body(); };
  SECTION("by a condition") {
    CacheGate gate(
        table_of("cache: {ttl: 30s}, upstream: {name: one, split: {two: 0%}, "
                 "force: {two: {header: {x-beta: '1'}}}}"));
    gate.origin.answer = [&](const OriginRequest&) {
      return OriginAnswer{.status = 200, .fields = {}, .body = gate.origin.upstream_of_last};
    };
    for (int round = 0; round < 3; ++round) {
      CHECK(said(gate.get("/page", {{"X-Beta", "1"}})) == "two");
      CHECK(said(gate.get("/page")) == "one");
    }
    CHECK(gate.origin.seen.size() == 2);
  }
  SECTION("by a key, refreshed where it came from") {
    CacheGate gate(
        table_of("cache: {ttl: 2s, staleWhileRevalidate: 10s}, upstream: {name: one, "
                 "split: {two: 50%}, key: $request.header.x-user}"));
    gate.origin.answer = [&](const OriginRequest&) {
      return OriginAnswer{.status = 200, .fields = {}, .body = gate.origin.upstream_of_last};
    };
    std::map<std::string, std::string> of_user;
    for (int i = 0; i < 40; ++i) {
      const std::string user = "u" + std::to_string(i);
      of_user[user] = said(gate.get("/page", {{"X-User", user}}));
    }
    CHECK(gate.origin.seen.size() == 2);
    gate.advance(std::chrono::seconds(3));
    for (int round = 0; round < 2; ++round) {
      for (const auto& [user, upstream] : of_user) {
        CHECK(said(gate.get("/page", {{"X-User", user}})) == upstream);
      }
      gate.loop.run();
    }
    CHECK(gate.origin.seen.size() == 4);
    CHECK(gate.store.counts().entries == 2);
  }
}

TEST_CASE("cache: the next request of a connection is drawn anew", "[cache]") {
  Trip trip(
      table_of("upstream: {name: one, split: {two: 0%}, force: {two: {header: {x-beta: "
               "'1'}}}}"));
  const auto upstream_of = [&](const Fields& fields) {
    trip.again();
    trip.start("GET", "/page", fields);
    const table::TableView& view = trip.table->view();
    return std::string(view.text(view.upstreams()[trip.fetcher.sent.back().upstream].name));
  };
  for (int round = 0; round < 2; ++round) {
    CHECK(upstream_of({{"X-Beta", "1"}}) == "two");
    CHECK(upstream_of({}) == "one");
  }
}

TEST_CASE("cache: a request that the gateway answers itself is not answered from the cache",
          "[cache]") {
  CacheGate gate(
      table_of("cache: {ttl: 30s}, respond: {status: 503, when: {header: {x-off: "
               "'1'}}}"));
  gate.origin.answer = echo("x-any");
  CHECK(gate.get("/page").status() == 200);
  CHECK(gate.get("/page", {{"X-Off", "1"}}).status() == 503);
  CHECK(gate.get("/page").outcome() == Outcome::Hit);
  CHECK(gate.origin.seen.size() == 1);
}

}  // namespace gw
