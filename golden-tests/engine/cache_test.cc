// The cache through the real compiler and engine, on a fake clock.
#include <catch2/catch.hpp>

#include "golden-tests/engine/cache_gate.h"

namespace gw {
namespace {

using cache::Outcome;
using std::chrono::milliseconds;
using std::chrono::seconds;

std::shared_ptr<const BoundTable> table_of(const std::string& cache,
                                           const std::string& mine = "ttl: 30s") {
  return compiled_table(
      "openapi: 3.1.0\n"
      "info: {title: T, version: '1'}\n"
      "x-gw:\n"
      "  upstreams: {origin: {targets: [{url: 'http://127.0.0.1:9001'}]}}\n"
      "  consumers:\n"
      "    acme: {keys: "
      "['sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae']}\n"
      "    globex: {keys: "
      "['sha256:fcde2b2edba56bf408601fb721fe9b5c338d10ee429ea04fae5511b68fbf8fb9']}\n"
      "  defaults: {upstream: origin, timeout: 5s}\n"
      "components: {securitySchemes: {key: {type: apiKey, in: header, name: X-API-Key}}}\n"
      "paths:\n"
      "  /items/{id}:\n"
      "    parameters:\n"
      "      - {name: id, in: path, required: true, schema: {type: string}}\n"
      "      - {name: b, in: query, schema: {type: string}}\n"
      "      - {name: a, in: query, schema: {type: string}}\n"
      "      - {name: c, in: query, schema: {type: array, items: {type: string}}}\n"
      "    get:\n"
      "      operationId: getItem\n"
      "      x-gw: {cache: {" +
      cache +
      "}}\n"
      "      responses: {'200': {description: ok}, '404': {description: none}}\n"
      "    put:\n"
      "      operationId: putItem\n"
      "      responses: {'204': {description: ok}}\n"
      "  /items:\n"
      "    post:\n"
      "      operationId: addItem\n"
      "      x-gw: {cache: {tags: [items]}}\n"
      "      responses: {'201': {description: ok}}\n"
      "  /mine:\n"
      "    get:\n"
      "      operationId: getMine\n"
      "      security: [{key: []}]\n"
      "      x-gw: {cache: {" +
      mine +
      "}}\n"
      "      responses: {'200': {description: ok}}\n");
}

OriginAnswer ok(std::string body, std::vector<engine::OfflineField> fields = {}) {
  return {.status = 200, .fields = std::move(fields), .body = std::move(body)};
}

}  // namespace

TEST_CASE("cache: an answer is fetched once and given out until it is old", "[cache]") {
  CacheGate gate(table_of("ttl: 30s"));
  gate.origin.answer = [&](const OriginRequest& request) {
    return ok(request.target + " " + std::to_string(gate.origin.seen.size()),
              {{"content-type", "text/plain"}, {"x-of", "origin"}});
  };
  Visit* visit = &gate.get("/items/7");
  CHECK(visit->body() == "/items/7 1");
  CHECK(visit->outcome() == Outcome::Miss);
  CHECK(visit->field("cache-status") == "gwctl; fwd=uri-miss; fwd-status=200; stored; ttl=30");
  CHECK(visit->field("age") == "(none)");
  gate.advance(seconds(12));
  visit = &gate.get("/items/7");
  CHECK(visit->body() == "/items/7 1");
  CHECK(visit->outcome() == Outcome::Hit);
  CHECK(visit->field("age") == "12");
  CHECK(visit->field("x-of") == "origin");
  CHECK(visit->field("content-type") == "text/plain");
  CHECK(visit->field("cache-status") == "gwctl; hit; ttl=18");
  CHECK(gate.get("/items/8").body() == "/items/8 2");
  gate.advance(seconds(18));
  visit = &gate.get("/items/7");
  CHECK(visit->body() == "/items/7 3");
  CHECK(visit->field("cache-status") == "gwctl; fwd=stale; fwd-status=200; stored; ttl=30");
  CHECK(gate.counters.outcomes[static_cast<size_t>(Outcome::Hit)] == 1);
  CHECK(gate.counters.outcomes[static_cast<size_t>(Outcome::Miss)] == 3);
}

TEST_CASE("cache: GET answers HEAD, conditions and ranges", "[cache]") {
  CacheGate gate(table_of("ttl: 30s"));
  gate.origin.answer = [](const OriginRequest&) {
    return ok("0123456789", {{"etag", "\"v1\""},
                             {"last-modified", "Wed, 01 Nov 2023 00:00:00 GMT"},
                             {"content-type", "text/plain"}});
  };
  // The conditions of the first are not the origin's business: the whole is wanted.
  Visit* visit = &gate.get("/items/7", {{"If-None-Match", "W/\"v1\""}});
  CHECK(visit->status() == 304);
  CHECK(visit->body().empty());
  CHECK(gate.origin.seen.at(0).field("if-none-match") == "(none)");
  CHECK(gate.get("/items/7").body() == "0123456789");
  visit = &gate.send("HEAD", "/items/7");
  CHECK(visit->status() == 200);
  CHECK(visit->outcome() == Outcome::Hit);
  visit = &gate.get("/items/7", {{"If-None-Match", "\"v0\", W/\"v1\""}});
  CHECK(visit->status() == 304);
  CHECK(visit->field("etag") == "\"v1\"");
  CHECK(visit->field("content-type") == "(none)");
  CHECK(gate.get("/items/7", {{"If-None-Match", "\"v0\""}}).status() == 200);
  CHECK(gate.get("/items/7", {{"If-Modified-Since", "Wed, 01 Nov 2023 00:00:00 GMT"}}).status() ==
        304);
  CHECK(gate.get("/items/7", {{"If-Modified-Since", "Tue, 31 Oct 2023 23:59:59 GMT"}}).status() ==
        200);
  visit = &gate.get("/items/7", {{"Range", "bytes=2-4"}});
  CHECK(visit->status() == 206);
  CHECK(visit->body() == "234");
  CHECK(visit->field("content-range") == "bytes 2-4/10");
  CHECK(gate.get("/items/7", {{"Range", "bytes=-3"}}).body() == "789");
  CHECK(gate.get("/items/7", {{"Range", "bytes=8-"}}).body() == "89");
  CHECK(gate.get("/items/7", {{"Range", "bytes=0-1,3-4"}}).body() == "0123456789");
  visit = &gate.get("/items/7", {{"Range", "bytes=10-"}});
  CHECK(visit->status() == 416);
  CHECK(visit->field("content-range") == "bytes */10");
  CHECK(gate.get("/items/7", {{"Range", "bytes=2-4"}, {"If-Range", "\"v1\""}}).status() == 206);
  CHECK(gate.get("/items/7", {{"Range", "bytes=2-4"}, {"If-Range", "\"v0\""}}).status() == 200);
  CHECK(gate.origin.seen.size() == 1);
}

TEST_CASE("cache: the query counts as far as it is declared, in any order", "[cache]") {
  CacheGate gate(table_of("ttl: 30s"));
  gate.origin.answer = [](const OriginRequest& request) { return ok(request.target); };
  CHECK(gate.get("/items/7?b=2&a=1&utm=x").body() == "/items/7?a=1&b=2");
  CHECK(gate.get("/items/7?a=1&b=2").outcome() == Outcome::Hit);
  CHECK(gate.get("/items/7?utm=y&a=1&b=2").outcome() == Outcome::Hit);
  CHECK(gate.get("/items/7?a=1").body() == "/items/7?a=1");
  CHECK(gate.get("/items/7?utm=z").body() == "/items/7");
  CHECK(gate.get("/items/7?c=2&a=1&c=1").body() == "/items/7?a=1&c=2&c=1");
  CHECK(gate.get("/items/7?c=1&c=2&a=1").outcome() == Outcome::Miss);
  // Another host is another resource.
  CHECK(gate.get("/items/7", {{"Host", "other.test"}}).outcome() == Outcome::Miss);
  CHECK(gate.get("/items/7", {{"Host", "OTHER.test"}}).outcome() == Outcome::Hit);
}

TEST_CASE("cache: callers have answers of their own", "[cache]") {
  CacheGate gate(table_of("ttl: 30s"));
  gate.origin.answer = [&](const OriginRequest&) {
    return ok("answer " + std::to_string(gate.origin.seen.size()));
  };
  const std::vector<engine::OfflineField> acme{{"X-API-Key", "foo"}};
  const std::vector<engine::OfflineField> globex{{"X-API-Key", "bar"}};
  CHECK(gate.get("/mine", acme).body() == "answer 1");
  CHECK(gate.get("/mine", globex).body() == "answer 2");
  CHECK(gate.get("/mine", acme).body() == "answer 1");
  CHECK(gate.get("/mine", globex).body() == "answer 2");
  CHECK(gate.get("/mine").status() == 401);
}

TEST_CASE("cache: credentials that the key does not know", "[cache]") {
  CacheGate gate(table_of("ttl: 30s"));
  std::string control;
  gate.origin.answer = [&](const OriginRequest&) {
    std::vector<engine::OfflineField> fields;
    if (!control.empty()) fields.push_back({"cache-control", control});
    return ok("answer " + std::to_string(gate.origin.seen.size()), fields);
  };
  CHECK(gate.get("/items/1", {{"Authorization", "Bearer a"}}).body() == "answer 1");
  CHECK(gate.get("/items/1", {{"Cookie", "session=b"}}).body() == "answer 2");
  CHECK(gate.get("/items/1").body() == "answer 3");
  CHECK(gate.get("/items/1").body() == "answer 3");
  CHECK(gate.get("/items/1", {{"Cookie", "session=b"}}).body() == "answer 4");
  control = "public";
  CHECK(gate.get("/items/2", {{"Authorization", "Bearer a"}}).body() == "answer 5");
  CHECK(gate.get("/items/2", {{"Cookie", "session=b"}}).body() == "answer 5");
}

TEST_CASE("cache: what the upstream says", "[cache]") {
  CacheGate gate(table_of("ttl: 30s"));
  struct Row {
    const char* what;
    std::vector<engine::OfflineField> fields;
    bool stored;
  };
  const Row rows[] = {
      {"nothing", {}, true},
      {"no-store", {{"cache-control", "no-store"}}, false},
      {"private", {{"cache-control", "private, max-age=60"}}, false},
      {"a cookie", {{"set-cookie", "a=b"}}, false},
      {"vary on all", {{"vary", "*"}}, false},
      {"max-age", {{"cache-control", "max-age=60"}}, true},
      {"max-age=0", {{"cache-control", "max-age=0"}}, false},
      {"s-maxage before max-age", {{"cache-control", "max-age=0, s-maxage=60"}}, true},
      {"no-cache", {{"cache-control", "no-cache"}}, false},
      {"expired", {{"expires", "0"}}, false},
  };
  int number = 100;
  for (const Row& row : rows) {
    DYNAMIC_SECTION(row.what) {
      gate.origin.answer = [&](const OriginRequest&) { return ok("x", row.fields); };
      const std::string target = "/items/" + std::to_string(number++);
      gate.get(target);
      CHECK((gate.get(target).outcome() == Outcome::Hit) == row.stored);
    }
  }
}

TEST_CASE("cache: an old answer that still holds is confirmed", "[cache]") {
  CacheGate gate(table_of("ttl: 10s"));
  gate.origin.answer = [&](const OriginRequest& request) {
    if (request.field("if-none-match") == "\"v1\"") {
      return OriginAnswer{.status = 304, .fields = {{"etag", "\"v1\""}, {"x-new", "yes"}}};
    }
    return ok("long body", {{"etag", "\"v1\""}, {"x-old", "yes"}});
  };
  gate.get("/items/7");
  gate.advance(seconds(11));
  Visit* visit = &gate.get("/items/7");
  CHECK(visit->status() == 200);
  CHECK(visit->body() == "long body");
  CHECK(visit->outcome() == Outcome::Revalidated);
  CHECK(visit->field("x-new") == "yes");
  CHECK(visit->field("x-old") == "yes");
  CHECK(visit->field("cache-status") == "gwctl; fwd=stale; fwd-status=304; stored; ttl=10");
  CHECK(gate.get("/items/7").outcome() == Outcome::Hit);
  CHECK(gate.origin.seen.size() == 2);
  // The client's own condition is judged here, not by the origin.
  gate.advance(seconds(11));
  visit = &gate.get("/items/7", {{"If-None-Match", "\"v1\""}});
  CHECK(visit->status() == 304);
  CHECK(visit->outcome() == Outcome::Revalidated);
}

TEST_CASE("cache: a confirmation that is old itself makes nothing fresh", "[cache]") {
  // RFC 9111 section 4.2.3: it comes from a cache on the way, and says so.
  CacheGate gate(table_of(""));
  gate.origin.answer = [&](const OriginRequest& request) {
    const std::vector<engine::OfflineField> fields = {
        {"etag", "\"v1\""}, {"cache-control", "max-age=60"}, {"age", "120"}};
    if (request.field("if-none-match") == "\"v1\"") {
      return OriginAnswer{.status = 304, .fields = fields};
    }
    return ok("body", fields);
  };
  gate.get("/items/7");
  for (const size_t asked : {2u, 3u}) {
    Visit& visit = gate.get("/items/7");
    CHECK(visit.outcome() == Outcome::Revalidated);
    CHECK(visit.body() == "body");
    CHECK(visit.field("age") == "120");
    CHECK(gate.origin.seen.size() == asked);
  }
}

TEST_CASE("cache: stale answers while a new one is fetched, and where that fails", "[cache]") {
  CacheGate gate(table_of("ttl: 10s, staleWhileRevalidate: 20s, staleIfError: 1m"));
  bool broken = false;
  gate.origin.answer = [&](const OriginRequest&) {
    if (broken) return OriginAnswer{.failure = Errc::ConnectFailed};
    return ok("answer " + std::to_string(gate.origin.seen.size()));
  };
  CHECK(gate.get("/items/7").body() == "answer 1");
  gate.advance(seconds(15));
  gate.origin.holds = true;
  Visit* visit = &gate.get("/items/7");
  CHECK(visit->body() == "answer 1");
  CHECK(visit->outcome() == Outcome::Stale);
  CHECK(visit->field("cache-status") == "gwctl; hit; ttl=-5");
  CHECK(gate.get("/items/7").body() == "answer 1");
  CHECK(gate.origin.seen.size() == 2);  // one refresh, however many ask
  gate.origin.let_go();
  gate.origin.holds = false;
  CHECK(gate.get("/items/7").body() == "answer 2");
  CHECK(gate.counters.refreshes == 1);
  broken = true;
  gate.advance(seconds(31));
  visit = &gate.get("/items/7");
  CHECK(visit->body() == "answer 2");
  CHECK(visit->outcome() == Outcome::Stale);
  CHECK(visit->exchange.error.code == Errc::ConnectFailed);
  const size_t asked = gate.origin.seen.size();
  CHECK(gate.get("/items/7").body() == "answer 2");
  CHECK(gate.origin.seen.size() == asked);  // it is let alone for a second
  gate.advance(seconds(2));
  gate.get("/items/7");
  CHECK(gate.origin.seen.size() == asked + 1);
  gate.advance(seconds(60));
  CHECK(gate.get("/items/7").status() == 503);
}

TEST_CASE("cache: of those who ask at the same time one fetches", "[cache]") {
  CacheGate gate(table_of("ttl: 30s"));
  std::vector<engine::OfflineField> fields;
  gate.origin.answer = [&](const OriginRequest&) {
    return ok("answer " + std::to_string(gate.origin.seen.size()), fields);
  };
  gate.origin.holds = true;
  std::vector<Visit*> all;
  for (int i = 0; i < 20; ++i) all.push_back(&gate.begin("GET", "/items/7"));
  CHECK(gate.origin.seen.size() == 1);

  SECTION("and all are given the answer") {
    gate.origin.let_go();
    gate.loop.run();
    for (const Visit* visit : all) {
      REQUIRE(visit->done());
      CHECK(visit->body() == "answer 1");
    }
    CHECK(all[5]->field("cache-status") == "gwctl; hit; ttl=30; collapsed");
    CHECK(gate.counters.collapsed == 19);
  }
  SECTION("when it cannot be shared, each fetches for himself") {
    fields = {{"cache-control", "private"}};
    gate.origin.holds = false;
    gate.origin.let_go();
    gate.loop.run();
    CHECK(gate.origin.seen.size() == 20);
    for (const Visit* visit : all) CHECK(visit->outcome() == Outcome::Miss);
  }
  SECTION("when he leaves, the next one fetches") {
    all[0]->leave();
    gate.loop.run();
    CHECK(gate.origin.seen.size() == 2);
    all[2]->leave();
    gate.loop.run();
    CHECK(all[2]->done());
    gate.origin.let_go();
    gate.loop.run();
    CHECK(gate.origin.seen.size() == 2);
    CHECK(all[1]->body() == "answer 2");
    CHECK(all[19]->body() == "answer 2");
  }
  SECTION("nobody waits longer than he has time") {
    gate.advance(seconds(6));
    gate.origin.let_go();
    gate.loop.run();
    for (const Visit* visit : all) CHECK(visit->done());
  }
}

TEST_CASE("cache: an answer is handed on while it comes in", "[cache]") {
  CacheGate gate(table_of("ttl: 30s"));
  bool length_known = true;
  gate.origin.answer = [&](const OriginRequest&) {
    return OriginAnswer{.status = 200,
                        .fields = {},
                        .body = std::string(10, 'x'),
                        .in_pieces = true,
                        .length_known = length_known};
  };
  SECTION("to those who were there, and those who come later") {
    Visit& first = gate.begin("GET", "/items/7");
    Visit& second = gate.begin("GET", "/items/7");
    gate.origin.bodies[0]->push("01234", false);
    gate.loop.run();
    CHECK(first.body() == "01234");
    CHECK(second.body() == "01234");
    Visit& third = gate.begin("GET", "/items/7");
    CHECK(third.body() == "01234");
    CHECK(!third.done());
    gate.origin.bodies[0]->push("56789", true);
    gate.loop.run();
    for (const Visit* visit : {&first, &second, &third}) {
      CHECK(visit->done());
      CHECK(visit->body() == "0123456789");
      CHECK(visit->responder.ended);
    }
    CHECK(gate.get("/items/7").body() == "0123456789");
    CHECK(gate.origin.seen.size() == 1);
  }
  SECTION("its first reader may leave") {
    Visit& first = gate.begin("GET", "/items/7");
    Visit& second = gate.begin("GET", "/items/7");
    gate.origin.bodies[0]->push("01234", false);
    gate.loop.run();
    first.leave();
    gate.loop.run();
    gate.origin.bodies[0]->push("56789", true);
    gate.loop.run();
    CHECK(second.body() == "0123456789");
    CHECK(second.responder.ended);
  }
  SECTION("when it breaks, all see that") {
    Visit& first = gate.begin("GET", "/items/7");
    Visit& second = gate.begin("GET", "/items/7");
    gate.origin.bodies[0]->push("01234", false);
    gate.loop.run();
    gate.origin.bodies[0]->fail_now();
    gate.loop.run();
    CHECK(first.responder.was_reset);
    CHECK(second.responder.was_reset);
    gate.origin.answer = [](const OriginRequest&) { return ok("again"); };
    CHECK(gate.get("/items/7").body() == "again");
  }
  SECTION("also when its length is not known") {
    length_known = false;
    Visit& first = gate.begin("GET", "/items/7");
    Visit& second = gate.begin("GET", "/items/7");
    gate.origin.bodies[0]->push("01234", false);
    gate.loop.run();
    CHECK(first.body() == "01234");
    CHECK(second.body() == "01234");
    Visit& third = gate.begin("GET", "/items/7");
    gate.origin.bodies[0]->push("56789", true);
    gate.loop.run();
    for (const Visit* visit : {&first, &second, &third}) {
      CHECK(visit->body() == "0123456789");
      CHECK(visit->responder.ended);
    }
    CHECK(gate.get("/items/7").body() == "0123456789");
    CHECK(gate.origin.seen.size() == 1);
  }
}

TEST_CASE("cache: an answer that comes in is for whom it would be out of the store", "[cache]") {
  CacheGate gate(table_of(""));
  std::string control = "max-age=60";
  const bool length_known = GENERATE(true, false);
  gate.origin.answer = [&](const OriginRequest& asked) {
    if (asked.method != "GET") return OriginAnswer{.status = 204};
    return OriginAnswer{.status = 200,
                        .fields = {{"cache-control", control}, {"etag", "\"1\""}},
                        .body = std::string(10, 'x'),
                        .in_pieces = true,
                        .length_known = length_known};
  };
  size_t fetches = 2;
  const auto begin_first = [&] {
    gate.begin("GET", "/items/7");
    gate.origin.bodies[0]->push("01234", false);
    gate.loop.run();
  };
  SECTION("as long as it is fresh") {
    fetches = 1;
    begin_first();
    gate.begin("GET", "/items/7");
  }
  SECTION("not when the origin is to be asked each time") {
    control = "no-cache";
    begin_first();
    gate.begin("GET", "/items/7");
  }
  SECTION("not when it has grown old on its way") {
    control = "max-age=1";
    begin_first();
    gate.advance(seconds(3));
    gate.begin("GET", "/items/7");
  }
  SECTION("not when what it tells of was changed meanwhile") {
    fetches = 3;
    begin_first();
    CHECK(gate.send("PUT", "/items/7").status() == 204);
    gate.begin("GET", "/items/7");
  }
  CHECK(gate.origin.seen.size() == fetches);
  gate.origin.bodies[0]->push("56789", true);
  if (gate.origin.bodies.size() > 1) gate.origin.bodies[1]->push("abcdefghij", true);
  gate.loop.run();
  CHECK(gate.visits.back()->body() == (fetches == 1 ? "0123456789" : "abcdefghij"));
}

TEST_CASE("cache: an answer that turns out longer than maxBody is read along to its end",
          "[cache]") {
  CacheGate gate(table_of("ttl: 30s, maxBody: 8B"));
  gate.origin.answer = [&](const OriginRequest&) {
    return OriginAnswer{
        .status = 200, .fields = {}, .body = {}, .in_pieces = true, .length_known = false};
  };
  Visit& first = gate.begin("GET", "/items/7");
  Visit& second = gate.begin("GET", "/items/7");
  gate.origin.bodies[0]->push("01234", false);
  gate.origin.bodies[0]->push("56789", false);
  gate.loop.run();
  CHECK(second.body() == "0123456789");
  SECTION("by those who were there; the next ones fetch for themselves") {
    Visit& third = gate.begin("GET", "/items/7");
    gate.origin.bodies[1]->push("0123456789abc", true);
    gate.loop.run();
    CHECK(third.body() == "0123456789abc");
    gate.origin.bodies[0]->push("abc", true);
    gate.loop.run();
    for (const Visit* visit : {&first, &second}) {
      CHECK(visit->body() == "0123456789abc");
      CHECK(visit->responder.ended);
    }
  }
  SECTION("when the one who fetches leaves") {
    first.leave();
    gate.origin.bodies[0]->push("abc", true);
    gate.loop.run();
    CHECK(second.body() == "0123456789abc");
    CHECK(second.responder.ended);
  }
  SECTION("until it breaks") {
    gate.origin.bodies[0]->fail_now();
    gate.loop.run();
    CHECK(first.responder.was_reset);
    CHECK(second.responder.was_reset);
  }
  CHECK(gate.store.counts().entries == 0);
}

TEST_CASE("cache: an answer beyond maxBody is passed on whole and not kept", "[cache]") {
  CacheGate gate(table_of("ttl: 30s, maxBody: 8B"));
  gate.origin.answer = [&](const OriginRequest&) {
    return OriginAnswer{
        .status = 200, .fields = {}, .body = {}, .in_pieces = true, .length_known = false};
  };
  Visit& first = gate.begin("GET", "/items/7");
  gate.origin.bodies[0]->push("01234", false);
  gate.origin.bodies[0]->push("56789", false);
  gate.origin.bodies[0]->push("abc", true);
  gate.loop.run();
  CHECK(first.done());
  CHECK(first.body() == "0123456789abc");
  gate.origin.answer = [](const OriginRequest&) { return ok("0123456789"); };
  CHECK(gate.get("/items/7").body() == "0123456789");
  CHECK(gate.get("/items/7").outcome() == Outcome::Miss);
  CHECK(gate.origin.seen.size() == 3);
  CHECK(gate.store.counts().entries == 0);
}

TEST_CASE("cache: what changes a resource makes its answers invalid", "[cache]") {
  CacheGate gate(table_of("ttl: 1h, tags: ['item-{$request.path.id}', items]"));
  u16 put_status = 204;
  gate.origin.answer = [&](const OriginRequest& request) {
    if (request.method == "PUT") return OriginAnswer{.status = put_status};
    if (request.method == "POST") {
      return OriginAnswer{.status = 201, .fields = {{"location", "http://api.test/items/9"}}};
    }
    return ok("answer " + std::to_string(gate.origin.seen.size()), {{"surrogate-key", "all red"}});
  };
  gate.get("/items/7");
  gate.get("/items/7?a=1");
  gate.get("/items/8");
  CHECK(gate.send("PUT", "/items/7").field("cache-status") == "gwctl; fwd=method; fwd-status=204");
  CHECK(gate.get("/items/7").outcome() == Outcome::Miss);
  CHECK(gate.get("/items/7?a=1").outcome() == Outcome::Miss);
  CHECK(gate.get("/items/8").outcome() == Outcome::Hit);
  put_status = 409;  // nothing has happened
  gate.send("PUT", "/items/7");
  CHECK(gate.get("/items/7").outcome() == Outcome::Hit);
  CHECK(gate.send("POST", "/items").field("cache-status") == "gwctl; fwd=method; fwd-status=201");
  CHECK(gate.get("/items/8").outcome() == Outcome::Miss);
  CHECK(gate.store.purge_tag(cache::tag_of(cache::TagKind::Named, "item-8")) == 1);
  CHECK(gate.get("/items/8").outcome() == Outcome::Miss);
  gate.get("/items/7");
  CHECK(gate.store.purge_tag(cache::tag_of(cache::TagKind::Named, "red")) == 2);
  gate.get("/items/7");
  CHECK(gate.store.purge_tag(cache::tag_of(cache::TagKind::Operation, "getItem")) == 1);
}

TEST_CASE("cache: what is fetched while it becomes invalid is not kept", "[cache]") {
  CacheGate gate(table_of("ttl: 1h"));
  gate.origin.answer = [&](const OriginRequest& request) {
    return request.method == "PUT" ? OriginAnswer{.status = 204} : ok("old");
  };
  gate.origin.holds = true;
  Visit& reads = gate.begin("GET", "/items/7");
  Visit& writes = gate.begin("PUT", "/items/7");
  gate.origin.holds = false;
  // The write is done first: the read may have seen what was before.
  gate.origin.let_go();
  gate.loop.run();
  CHECK(reads.done());
  CHECK(writes.done());
  gate.get("/items/7");
  gate.origin.holds = true;
  Visit& late = gate.begin("GET", "/items/8");
  gate.store.purge_all();
  gate.origin.let_go();
  gate.loop.run();
  CHECK(late.body() == "old");
  CHECK(late.field("cache-status") == "gwctl; fwd=uri-miss; fwd-status=200; ttl=3600");
  gate.origin.holds = false;
  CHECK(gate.get("/items/8").outcome() == Outcome::Miss);
}

TEST_CASE("cache: clients ask for fresh answers only where they may", "[cache]") {
  const std::vector<engine::OfflineField> no_cache{{"Cache-Control", "no-cache"}};
  SECTION("not by default") {
    CacheGate gate(table_of("ttl: 30s"));
    gate.get("/items/7");
    CHECK(gate.get("/items/7", no_cache).outcome() == Outcome::Hit);
    CHECK(gate.get("/items/7", {{"Cache-Control", "max-age=0"}}).outcome() == Outcome::Hit);
    CHECK(gate.get("/items/7", {{"Cache-Control", "only-if-cached"}}).outcome() == Outcome::Hit);
    Visit& visit = gate.get("/items/8", {{"Cache-Control", "only-if-cached"}});
    CHECK(visit.status() == 504);
    CHECK(gate.origin.seen.size() == 1);
  }
  SECTION("with clientBypass") {
    CacheGate gate(table_of("ttl: 30s, clientBypass: true"));
    gate.get("/items/7");
    gate.advance(seconds(10));
    Visit* visit = &gate.get("/items/7", no_cache);
    CHECK(visit->outcome() == Outcome::Miss);
    CHECK(visit->field("cache-status") == "gwctl; fwd=request; fwd-status=200; stored; ttl=30");
    gate.advance(seconds(10));
    CHECK(gate.get("/items/7", {{"Cache-Control", "max-age=20"}}).outcome() == Outcome::Hit);
    CHECK(gate.get("/items/7", {{"Cache-Control", "min-fresh=25"}}).outcome() == Outcome::Miss);
    gate.advance(seconds(10));
    CHECK(gate.get("/items/7", {{"Cache-Control", "max-age=5"}}).outcome() == Outcome::Miss);
    CHECK(gate.get("/items/9", {{"Cache-Control", "no-store"}}).outcome() == Outcome::Miss);
    CHECK(gate.get("/items/9").outcome() == Outcome::Miss);
  }
}

TEST_CASE("cache: what an answer varies on", "[cache]") {
  CacheGate gate(table_of("ttl: 30s"));
  gate.origin.answer = [&](const OriginRequest& request) {
    const bool zip = request.field("accept-encoding").find("gzip") != std::string::npos;
    std::vector<engine::OfflineField> fields{{"vary", "Accept-Language, Accept-Encoding"}};
    if (zip) fields.push_back({"content-encoding", "gzip"});
    return ok(request.field("accept-language") + (zip ? " zipped" : ""), fields);
  };
  CHECK(gate.get("/items/7", {{"Accept-Language", "de"}}).body() == "de");
  Visit* visit = &gate.get("/items/7", {{"Accept-Language", "en"}});
  CHECK(visit->body() == "en");
  CHECK(visit->field("cache-status").find("fwd=vary-miss") != std::string::npos);
  CHECK(gate.get("/items/7", {{"Accept-Language", "de"}}).outcome() == Outcome::Hit);
  CHECK(gate.get("/items/7").body() == "(none)");
  // An encoding fits who accepts it; whoever does not is never given it.
  CHECK(gate.get("/items/8", {{"Accept-Encoding", "gzip, br"}}).body() == "(none) zipped");
  CHECK(gate.get("/items/8", {{"Accept-Encoding", "gzip"}}).outcome() == Outcome::Hit);
  CHECK(gate.get("/items/8", {{"Accept-Encoding", "br"}}).body() == "(none)");
  CHECK(gate.get("/items/8").body() == "(none)");
  CHECK(gate.get("/items/8", {{"Accept-Encoding", "gzip;q=0.5"}}).body() == "(none) zipped");
  CHECK(gate.get("/items/8", {{"Accept-Encoding", "gzip;q=0"}}).body() == "(none)");
}

TEST_CASE("cache: errors are kept as long as is said", "[cache]") {
  CacheGate gate(table_of("ttl: 1h, negative: {404: 10s}"));
  gate.origin.answer = [](const OriginRequest& request) {
    return OriginAnswer{.status = static_cast<u16>(request.target == "/items/1" ? 404 : 410)};
  };
  gate.get("/items/1");
  CHECK(gate.get("/items/1").outcome() == Outcome::Hit);
  gate.advance(seconds(11));
  CHECK(gate.get("/items/1").outcome() == Outcome::Miss);
  gate.get("/items/2");
  CHECK(gate.get("/items/2").outcome() == Outcome::Miss);
}

TEST_CASE("cache: entries outlive a table, but no change of meaning", "[cache]") {
  CacheGate gate(table_of("ttl: 1h"));
  gate.get("/items/7");
  gate.publish(table_of("ttl: 2h, staleIfError: 5s"));
  CHECK(gate.get("/items/7").outcome() == Outcome::Hit);
  gate.publish(table_of("ttl: 1h, key: [$request.header.x-kind]"));
  CHECK(gate.get("/items/7").outcome() == Outcome::Miss);
}

TEST_CASE("cache: classes of clients see stored answers as their views show them", "[cache]") {
  CacheGate gate(compiled_table(R"(
openapi: 3.1.0
info: {title: T, version: '1'}
x-gw:
  upstreams: {origin: {targets: [{url: 'http://127.0.0.1:9001'}]}}
  clients: {mobile: {when: {header: {x-client: mobile}}}, web: {}}
  defaults: {upstream: origin, timeout: 5s}
paths:
  /user:
    get:
      operationId: user
      x-gw:
        cache: {ttl: 30s}
        response: {body: {omit: [secret]}}
        views: {mobile: {pick: [id], cache: {ttl: 5s}}}
      responses: {'200': {description: ok}}
)"));
  gate.origin.answer = [](const OriginRequest&) {
    return ok(R"({"id":7,"name":"a","secret":1})", {{"content-type", "application/json"}});
  };
  for (int round = 0; round < 2; ++round) {
    CHECK(gate.get("/user").body() == R"({"id":7,"name":"a"})");
    CHECK(gate.get("/user", {{"x-client", "mobile"}}).body() == R"({"id":7})");
  }
  CHECK(gate.origin.seen.size() == 2);  // each class once
  gate.advance(seconds(6));
  CHECK(gate.get("/user", {{"x-client", "mobile"}}).body() == R"({"id":7})");
  CHECK(gate.get("/user").body() == R"({"id":7,"name":"a"})");
  CHECK(gate.origin.seen.size() == 3);
}

TEST_CASE("cache: what the gateway puts into the query is a part of what is asked", "[cache]") {
  CacheGate gate(compiled_table(R"(
openapi: 3.1.0
info: {title: T, version: '1'}
x-gw:
  upstreams: {origin: {targets: [{url: 'http://127.0.0.1:9001'}]}}
  defaults: {upstream: origin, timeout: 5s}
paths:
  /page:
    get:
      operationId: page
      x-gw: {cache: {ttl: 30s}, request: {query: {set: {lang: $request.header.x-lang}}}}
      responses: {'200': {description: ok}}
)"));
  gate.origin.answer = [](const OriginRequest& request) { return ok(request.target); };
  for (int round = 0; round < 2; ++round) {
    CHECK(gate.get("/page", {{"x-lang", "de"}}).body() == "/page?lang=de");
    CHECK(gate.get("/page", {{"x-lang", "en"}}).body() == "/page?lang=en");
    CHECK(gate.get("/page").body() == "/page");
  }
  CHECK(gate.origin.seen.size() == 3);
}

TEST_CASE("cache: random callers are never given what was fetched for others", "[cache]") {
  // Of each resource some answers are for everybody, some per language, some per caller; the
  // origin signs for whom it made an answer, and every answer is held against that.
  const std::string times = "ttl: 3s, staleWhileRevalidate: 2s, staleIfError: 5s";
  CacheGate gate(table_of(times, times), 60'000);
  u64 state = 7;
  const auto random = [&](u64 below) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    return (state >> 33) % below;
  };
  u64 version = 0;
  gate.origin.answer = [&](const OriginRequest& request) {
    if (random(20) == 0) return OriginAnswer{.failure = Errc::UpstreamClosed};
    if (random(20) == 0) return OriginAnswer{.status = 500, .fields = {}, .body = "broken"};
    const std::string caller = request.field("x-caller");
    const std::string language = request.field("accept-language");
    std::vector<engine::OfflineField> fields{{"vary", "accept-language"}};
    static constexpr const char* kControls[] = {"max-age=2", "no-store", "max-age=1, public",
                                                "no-cache", "private"};
    if (random(2) == 0) fields.push_back({"cache-control", kControls[random(5)]});
    if (random(3) == 0) fields.push_back({"etag", "\"" + std::to_string(++version) + "\""});
    return ok(request.target + "|" + caller + "|" + language, fields);
  };
  const std::string table_text;
  for (int i = 0; i < 6'000; ++i) {
    gate.advance(milliseconds(random(300)));
    gate.origin.holds = random(4) == 0;
    if (!gate.origin.holds) gate.origin.let_go();
    const bool acme = random(2) == 0;
    const std::string language = random(2) == 0 ? "de" : "en";
    const bool secured = random(2) == 0;
    const std::string target = secured ? "/mine" : "/items/" + std::to_string(random(4));
    std::vector<engine::OfflineField> fields{{"Accept-Language", language}};
    // What the origin sees of the caller; the key of a secured operation knows it.
    if (secured) {
      fields.push_back({"X-API-Key", acme ? "foo" : "bar"});
      fields.push_back({"X-Caller", acme ? "acme" : "globex"});
    }
    Visit& visit = gate.begin("GET", target, fields);
    static_cast<void>(visit);
    if (random(30) == 0) gate.store.purge_all();
    if (gate.visits.size() < 50) continue;
    gate.origin.holds = false;
    gate.origin.let_go();
    gate.loop.run();
    for (const auto& one : gate.visits) {
      REQUIRE(one->done());
      if (one->status() != 200) continue;
      const http::FieldList& asked = one->exchange.request.fields;
      const http::Field* caller = asked.find("x-caller");
      const std::string expected = std::string(one->exchange.request.path) + "|" +
                                   (caller == nullptr ? "(none)" : std::string(caller->value)) +
                                   "|" + std::string(asked.find("accept-language")->value);
      REQUIRE(one->body() == expected);
    }
    gate.visits.clear();
  }
  gate.origin.holds = false;
  gate.origin.let_go();
  gate.loop.run();
  CHECK(gate.counters.outcomes[static_cast<size_t>(Outcome::Hit)] > 500);
  CHECK(gate.store.counts().bytes <= 60'000);
}

}  // namespace gw
