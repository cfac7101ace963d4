// Stored answers for clients that read a content coding: encoded once, sent often.
#include <catch2/catch.hpp>
#include <set>

#include "golden-tests/engine/cache_gate.h"
#include "runtime/encoding/testing/pieces.h"

namespace gw {
namespace {

using cache::Outcome;
using encoding::testing::sample_json;
using std::chrono::milliseconds;
using std::chrono::seconds;

using Fields = std::vector<engine::OfflineField>;

std::shared_ptr<const BoundTable> table_of(const std::string& operation) {
  return compiled_table(
      "openapi: 3.1.0\n"
      "info: {title: T, version: '1'}\n"
      "x-gw:\n"
      "  upstreams: {origin: {targets: [{url: 'http://127.0.0.1:9001'}]}}\n"
      "  clients: {mobile: {when: {header: {x-client: mobile}}}, web: {}}\n"
      "  consumers:\n"
      "    acme: {keys: "
      "['sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae']}\n"
      "    globex: {keys: "
      "['sha256:fcde2b2edba56bf408601fb721fe9b5c338d10ee429ea04fae5511b68fbf8fb9']}\n"
      "  defaults: {upstream: origin, timeout: 5s, compress: {minSize: 100B}}\n"
      "components: {securitySchemes: {key: {type: apiKey, in: header, name: X-API-Key}}}\n"
      "paths:\n"
      "  /items/{id}:\n"
      "    parameters: [{name: id, in: path, required: true, schema: {type: string}}]\n"
      "    get:\n"
      "      operationId: getItem\n"
      "      x-gw: {" +
      operation +
      "}\n"
      "      responses: {'200': {description: ok}}\n"
      "    put: {operationId: putItem, responses: {'204': {description: ok}}}\n"
      "  /mine/{id}:\n"
      "    parameters: [{name: id, in: path, required: true, schema: {type: string}}]\n"
      "    get:\n"
      "      operationId: getMine\n"
      "      security: [{key: []}]\n"
      "      x-gw: {" +
      operation +
      "}\n"
      "      responses: {'200': {description: ok}}\n");
}

OriginAnswer json(std::string body, Fields fields = {}) {
  fields.push_back({"content-type", "application/json"});
  return {.status = 200, .fields = std::move(fields), .body = std::move(body)};
}

const Fields kGzip = {{"Accept-Encoding", "gzip"}};
const Fields kBrotli = {{"Accept-Encoding", "br"}};
const Fields kZstd = {{"Accept-Encoding", "zstd"}};

}  // namespace

TEST_CASE("cache: a hit is sent as it was encoded for the first who asked", "[cache][variants]") {
  CacheGate gate(table_of("cache: {ttl: 30s}"));
  // Of lengths that fit into an encoder's buffer, and that do not.
  const size_t bytes = GENERATE(3'000U, 500'000U);
  const std::string text = sample_json(bytes);
  gate.origin.answer = [&](const OriginRequest&) { return json(text, {{"etag", "\"v1\""}}); };
  for (const Fields& accepts : {kGzip, kBrotli, kZstd}) {
    const u64 stored = gate.store.counts().variants_stored;
    const Visit& first = gate.get("/items/7", accepts);
    CHECK(first.responder.plain_body() == text);
    CHECK(gate.store.counts().variants_stored == stored + 1);
    const u64 hits = gate.counters.variant_hits;
    for (int i = 0; i < 5; ++i) {
      const Visit& hit = gate.get("/items/7", accepts);
      CHECK(hit.outcome() == Outcome::Hit);
      CHECK(hit.body() == first.body());
      CHECK(hit.exchange.response.framing == http::Framing::Length);
      CHECK(hit.exchange.response.content_length == first.body().size());
      CHECK(hit.field("content-encoding") == first.field("content-encoding"));
      CHECK(hit.field("etag") == "W/\"v1\"");
      CHECK(hit.field("vary") == "Accept-Encoding");
      CHECK(hit.field("age") == "0");
      CHECK(hit.responder.plain_body() == text);
    }
    CHECK(gate.counters.variant_hits == hits + 5);
    CHECK(gate.store.counts().variants_stored == stored + 1);
  }
  CHECK(gate.store.counts().variants == 3);
  CHECK(gate.origin.seen.size() == 1);
  CHECK(gate.get("/items/7").body() == text);
  CHECK(gate.get("/items/7").field("etag") == "\"v1\"");
}

TEST_CASE("cache: HEAD, conditions and ranges beside an encoded body", "[cache][variants]") {
  CacheGate gate(table_of("cache: {ttl: 30s}"));
  const std::string text = sample_json(3'000);
  gate.origin.answer = [&](const OriginRequest&) { return json(text, {{"etag", "\"v1\""}}); };
  const std::string encoded = gate.get("/items/7", kGzip).body();
  const Visit& head = gate.send("HEAD", "/items/7", kGzip);
  CHECK(head.outcome() == Outcome::Hit);
  CHECK(head.field("content-encoding") == "gzip");
  CHECK(head.exchange.response.content_length == encoded.size());
  CHECK(gate.counters.variant_hits == 0);
  Fields fields = kGzip;
  fields.push_back({"If-None-Match", "W/\"v1\""});
  const Visit& same = gate.get("/items/7", fields);
  CHECK(same.status() == 304);
  CHECK(same.field("etag") == "W/\"v1\"");
  CHECK(same.body().empty());
  // A part is one of the body as the upstream has sent it, named by its own strong ETag.
  fields = kGzip;
  fields.push_back({"Range", "bytes=10-19"});
  const Visit& part = gate.get("/items/7", fields);
  CHECK(part.status() == 206);
  CHECK(part.field("content-encoding") == "(none)");
  CHECK(part.field("etag") == "\"v1\"");
  CHECK(part.body() == text.substr(10, 10));
  // The whole would have it: RFC 9110 section 15.3.7.
  CHECK(part.field("vary") == "Accept-Encoding");
  CHECK(gate.get("/items/7", {{"Range", "bytes=0-0"}}).field("vary") == "Accept-Encoding");
  // Who has the encoded body holds a weak ETag, by which nothing is put together.
  fields.push_back({"If-Range", "W/\"v1\""});
  CHECK(gate.get("/items/7", fields).body() == encoded);
}

// RFC 9110 section 15.4.5: whatever the way to it, a 304 has what the 200 would have.
TEST_CASE("cache: a 304 has the fields that its 200 would have", "[cache][variants]") {
  const auto encodings = GENERATE(Fields{}, kGzip, kZstd);
  CAPTURE(encodings.empty() ? std::string("none") : encodings[0].value);
  CacheGate gate(
      table_of("cache: {ttl: 30s}, response: {headers: {add: {vary: X-Own}}}, views: "
               "{mobile: {cache: {ttl: 20s}}}"));
  gate.origin.answer = [&](const OriginRequest& request) {
    if (request.field("if-none-match") == "\"v1\"") {
      return OriginAnswer{.status = 304, .fields = {{"etag", "\"v1\""}}};
    }
    return json(sample_json(3'000), {{"etag", "\"v1\""},
                                     {"last-modified", "Wed, 01 Nov 2023 00:00:00 GMT"},
                                     {"vary", "Accept-Language"},
                                     {"cache-control", "max-age=30"},
                                     {"expires", "Thu, 01 Jan 2026 00:00:00 GMT"},
                                     {"content-location", "/items/7.json"}});
  };
  const auto with = [&](const char* name, const char* value) {
    Fields fields = encodings;
    fields.push_back({name, value});
    return fields;
  };
  const auto same_as = [](const Visit& full, const Visit& visit) {
    CHECK(visit.status() == 304);
    // Date is the connection's.
    for (const char* name : {"cache-control", "content-location", "expires"}) {
      CAPTURE(name);
      CHECK(visit.field(name) != "(none)");
      CHECK(visit.field(name) == full.field(name));
    }
    // Whichever of them comes first.
    std::multiset<std::string> varies[2];
    for (const Visit* one : {&full, &visit}) {
      for (const engine::OfflineField& field : one->responder.fields) {
        if (http::equal_fold(field.name, "vary")) varies[one == &full].insert(field.value);
      }
    }
    CHECK(varies[0] == varies[1]);
    CHECK(varies[0].contains("Accept-Encoding"));
    CHECK(visit.field("content-encoding") == "(none)");
    CHECK(visit.field("content-type") == "(none)");
  };
  const auto each_way = [&](const Visit& full) {
    const Visit& by_date =
        gate.get("/items/7", with("If-Modified-Since", "Wed, 01 Nov 2023 00:00:00 GMT"));
    same_as(full, by_date);
    CHECK(by_date.field("etag") == full.field("etag"));
    const Visit& strong = gate.get("/items/7", with("If-None-Match", "\"v1\""));
    same_as(full, strong);
    CHECK(strong.field("etag") == "\"v1\"");
    const Visit& weak = gate.get("/items/7", with("If-None-Match", "W/\"v1\""));
    same_as(full, weak);
    CHECK(weak.field("etag") == "W/\"v1\"");
    const Visit& any = gate.get("/items/7", with("If-None-Match", "*"));
    same_as(full, any);
    const Visit& head = gate.send("HEAD", "/items/7", with("If-None-Match", "W/\"v1\""));
    same_as(full, head);
  };
  // The first fetch is for somebody who has it already.
  const Visit& fetched = gate.get("/items/7", with("If-None-Match", "\"v1\""));
  const Visit& full = gate.get("/items/7", encodings);
  REQUIRE(full.status() == 200);
  same_as(full, fetched);
  each_way(full);
  // Confirmed by the origin.
  gate.advance(seconds(31));
  each_way(gate.get("/items/7", encodings));
  CHECK(gate.origin.seen.size() == 2);
}

TEST_CASE("cache: a 304 for what is never encoded does not vary", "[cache][variants]") {
  CacheGate gate(table_of("cache: {ttl: 30s}"));
  const auto varies = [&](OriginAnswer answer) {
    gate.origin.answer = [&](const OriginRequest&) { return answer; };
    const std::string target = "/items/" + std::to_string(gate.origin.seen.size());
    CHECK(gate.get(target).status() == 200);
    const Visit& visit = gate.get(target, {{"If-None-Match", "\"v1\""}});
    CHECK(visit.status() == 304);
    return visit.field("vary");
  };
  const std::string text = sample_json(3'000);
  CHECK(varies(json(text, {{"etag", "\"v1\""}})) == "Accept-Encoding");
  CHECK(varies(json("{}", {{"etag", "\"v1\""}})) == "(none)");
  CHECK(varies(json(text, {{"etag", "\"v1\""}, {"cache-control", "no-transform"}})) == "(none)");
  CHECK(varies(json(text, {{"etag", "\"v1\""}, {"content-encoding", "br"}})) == "(none)");
  CHECK(varies({.status = 200,
                .fields = {{"etag", "\"v1\""}, {"content-type", "image/png"}},
                .body = text}) == "(none)");
}

TEST_CASE("cache: parts of what is never encoded do not vary", "[cache][variants]") {
  CacheGate gate(table_of("cache: {ttl: 30s}"));
  gate.origin.answer = [&](const OriginRequest& request) {
    const bool is_small = request.target.ends_with("1");
    return OriginAnswer{.status = 200,
                        .fields = {{"content-type", is_small ? "text/plain" : "image/png"}},
                        .body = std::string(is_small ? 99 : 3'000, 'x')};
  };
  for (const char* path : {"/items/1", "/items/2"}) {
    CHECK(gate.get(path, kGzip).field("vary") == "(none)");
    const Visit& part = gate.get(path, {{"Range", "bytes=0-9"}});
    CHECK(part.status() == 206);
    CHECK(part.field("vary") == "(none)");
  }
}

TEST_CASE("cache: an encoded body goes with its entry", "[cache][variants]") {
  CacheGate gate(table_of("cache: {ttl: 30s, tags: [items]}"));
  u32 version = 0;
  gate.origin.answer = [&](const OriginRequest& request) {
    if (request.method == "PUT") return OriginAnswer{.status = 204};
    return json(sample_json(3'000) + std::to_string(version));
  };
  const auto is_new = [&] {
    ++version;
    return gate.get("/items/7", kGzip).responder.plain_body() ==
           sample_json(3'000) + std::to_string(version);
  };
  gate.get("/items/7", kGzip);
  REQUIRE(gate.store.counts().variants == 1);
  SECTION("purged by tag") {
    gate.store.purge_tag(cache::tag_of(cache::TagKind::Named, "items"));
    CHECK(gate.store.counts().variants == 0);
    CHECK(is_new());
  }
  SECTION("purged by operation") {
    gate.store.purge_tag(cache::tag_of(cache::TagKind::Operation, "getItem"));
    CHECK(gate.store.counts().variants == 0);
    CHECK(is_new());
  }
  SECTION("purged by key") {
    gate.store.purge_matching([](std::string_view) { return true; });
    CHECK(gate.store.counts().variants == 0);
    CHECK(is_new());
  }
  SECTION("all purged") {
    gate.store.purge_all();
    CHECK(gate.store.counts().variants == 0);
    CHECK(is_new());
  }
  SECTION("invalid by an unsafe method") {
    gate.send("PUT", "/items/7");
    CHECK(gate.store.counts().variants == 0);
    CHECK(is_new());
  }
  SECTION("too old") {
    gate.advance(seconds(31));
    CHECK(is_new());
    CHECK(gate.store.counts().variants == 1);
  }
  SECTION("evicted") {
    for (int i = 100; gate.store.counts().evicted == 0; ++i) {
      gate.get("/items/" + std::to_string(i));
      REQUIRE(i < 10'000);
    }
    gate.store.set_limit(0);
    CHECK(gate.store.counts().variants == 0);
    CHECK(gate.store.counts().bytes == 0);
  }
}

TEST_CASE("cache: an entry that still holds keeps its encoded bodies", "[cache][variants]") {
  CacheGate gate(table_of("cache: {ttl: 30s}"));
  const std::string text = sample_json(3'000);
  gate.origin.answer = [&](const OriginRequest& request) {
    if (request.field("if-none-match") == "\"v1\"") return OriginAnswer{.status = 304};
    return json(text, {{"etag", "\"v1\""}});
  };
  const std::string encoded = gate.get("/items/7", kGzip).body();
  gate.advance(seconds(31));
  const Visit& confirmed = gate.get("/items/7", kGzip);
  CHECK(confirmed.outcome() == Outcome::Revalidated);
  CHECK(confirmed.body() == encoded);
  CHECK(gate.get("/items/7", kGzip).body() == encoded);
  CHECK(gate.counters.variant_hits == 2);
  CHECK(gate.store.counts().variants_stored == 1);
  CHECK(gate.store.counts().variants == 1);
}

TEST_CASE("cache: what is encoded while it comes in is kept when it is whole",
          "[cache][variants]") {
  CacheGate gate(table_of("cache: {ttl: 30s, maxBody: 8KiB}"));
  const std::string text = sample_json(6'000);
  const bool length_known = GENERATE(true, false);
  gate.origin.answer = [&](const OriginRequest&) {
    OriginAnswer answer = json(text);
    answer.in_pieces = true;
    answer.length_known = length_known;
    return answer;
  };
  Visit& first = gate.begin("GET", "/items/7", kGzip);
  gate.origin.bodies[0]->push(text.substr(0, 2'000), false);
  gate.loop.run();
  SECTION("to its end") {
    gate.origin.bodies[0]->push(text.substr(2'000), true);
    gate.loop.run();
    REQUIRE(first.done());
    CHECK(first.responder.plain_body() == text);
    CHECK(gate.store.counts().variants == 1);
    const Visit& hit = gate.get("/items/7", kGzip);
    CHECK(hit.outcome() == Outcome::Hit);
    CHECK(hit.body() == first.body());
    CHECK(hit.exchange.response.content_length == first.body().size());
    CHECK(gate.counters.variant_hits == 1);
  }
  SECTION("not when it breaks") {
    gate.origin.bodies[0]->fail_now();
    gate.loop.run();
    REQUIRE(first.done());
    CHECK(first.responder.was_reset);
    CHECK(gate.store.counts().variants_stored == 0);
    CHECK(gate.store.counts().entries == 0);
  }
  SECTION("not when its client leaves, though the answer is") {
    first.leave();
    gate.loop.run();
    gate.origin.bodies[0]->push(text.substr(2'000), true);
    gate.loop.run();
    REQUIRE(first.done());
    CHECK(gate.store.counts().variants == (first.responder.plain_body() == text ? 1 : 0));
    CHECK(gate.get("/items/7", kGzip).responder.plain_body() == text);
    CHECK(gate.origin.seen.size() == 1);
  }
  if (!length_known) {
    SECTION("not when it turns out too long") {
      gate.origin.bodies[0]->push(text, false);
      gate.origin.bodies[0]->push(text, true);
      gate.loop.run();
      REQUIRE(first.done());
      CHECK(first.responder.plain_body() == text.substr(0, 2'000) + text + text);
      CHECK(gate.store.counts().variants_stored == 0);
      CHECK(gate.store.counts().entries == 0);
    }
  }
}

TEST_CASE("cache: an encoded body longer than maxBody is not kept", "[cache][variants]") {
  // What is random does not get shorter, but longer.
  CacheGate gate(table_of("cache: {ttl: 30s, maxBody: 4KiB}"));
  std::string noise(4'096, 'x');
  u64 state = 1;
  for (char& c : noise) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    c = static_cast<char>(state >> 33);
  }
  gate.origin.answer = [&](const OriginRequest&) { return json(noise); };
  for (int i = 0; i < 3; ++i) {
    CHECK(gate.get("/items/7", kGzip).responder.plain_body() == noise);
  }
  CHECK(gate.origin.seen.size() == 1);
  CHECK(gate.store.counts().variants_stored == 0);
}

TEST_CASE("cache: what is changed for a class is encoded once for it", "[cache][variants]") {
  CacheGate gate(
      table_of("cache: {ttl: 30s}, response: {body: {omit: [secret]}}, "
               "views: {mobile: {pick: [id, text]}}"));
  const std::string filler(2'000, 'y');
  gate.origin.answer = [&](const OriginRequest&) {
    return json(R"({"id":7,"name":"a","secret":1,"text":")" + filler + R"("})");
  };
  const std::string web = R"({"id":7,"name":"a","text":")" + filler + R"("})";
  const std::string mobile = R"({"id":7,"text":")" + filler + R"("})";
  Fields phone = kGzip;
  phone.push_back({"x-client", "mobile"});
  for (int round = 0; round < 3; ++round) {
    CHECK(gate.get("/items/7", kGzip).responder.plain_body() == web);
    CHECK(gate.get("/items/7", phone).responder.plain_body() == mobile);
  }
  CHECK(gate.store.counts().variants_stored == 2);
  CHECK(gate.counters.variant_hits == 4);
}

TEST_CASE("cache: what is changed for one client is never sent to another", "[cache][variants]") {
  CacheGate gate(
      table_of("cache: {ttl: 30s}, response: {body: {set: {who: $request.header.x-who}}}"));
  gate.origin.answer = [&](const OriginRequest&) {
    return json(R"({"text":")" + std::string(2'000, 'y') + R"("})");
  };
  const auto body_for = [&](const std::string& who) {
    Fields fields = kGzip;
    fields.push_back({"x-who", who});
    return gate.get("/items/7", fields).responder.plain_body();
  };
  for (int round = 0; round < 3; ++round) {
    for (const char* who : {"ada", "bob", "eve"}) {
      CHECK(body_for(who).find("\"who\":\"" + std::string(who)) != std::string::npos);
    }
  }
  CHECK(gate.origin.seen.size() == 1);
  // The first stays, and is for who gets the same.
  CHECK(gate.store.counts().variants == 1);
  CHECK(gate.counters.variant_hits == 2);
}

TEST_CASE("cache: the upstream's own coding is none of the gateway's", "[cache][variants]") {
  CacheGate gate(table_of("cache: {ttl: 30s}"));
  const std::string encoded = encoding::testing::encode(encoding::Coding::Gzip, sample_json(3'000));
  gate.origin.answer = [&](const OriginRequest&) {
    return json(encoded, {{"content-encoding", "gzip"}, {"vary", "accept-encoding"}});
  };
  CHECK(gate.get("/items/7", kGzip).body() == encoded);
  CHECK(gate.get("/items/7", kGzip).body() == encoded);
  CHECK(gate.store.counts().variants_stored == 0);
}

TEST_CASE("cache: random callers and codings are given what the origin made for them",
          "[cache][variants]") {
  constexpr u64 kBytes = 120'000;
  CacheGate gate(table_of("cache: {ttl: 3s, staleWhileRevalidate: 2s, staleIfError: 5s}, "
                          "response: {body: {omit: [secret]}}, "
                          "views: {mobile: {pick: [for, text]}}"),
                 kBytes);
  u64 state = GENERATE(u64{7}, u64{8});
  const auto random = [&](u64 below) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    return (state >> 33) % below;
  };
  u64 version = 0;
  gate.origin.answer = [&](const OriginRequest& request) {
    if (random(20) == 0) return OriginAnswer{.status = 200, .failure = Errc::UpstreamClosed};
    if (request.field("if-none-match") != "(none)" && random(2) == 0) {
      return OriginAnswer{.status = 304};
    }
    // Each version is told from the others of its resource and caller.
    const std::string stamp = request.target + "|" + request.field("x-caller") + "|" +
                              request.field("accept-language") + "|" + std::to_string(++version);
    Fields fields{{"vary", "accept-language"}};
    if (random(2) == 0) fields.push_back({"etag", "\"" + std::to_string(version) + "\""});
    std::string text;
    while (text.size() < 500 + random(4'000)) text += stamp;
    OriginAnswer answer =
        json(R"({"for":")" + stamp + R"(","secret":1,"more":2,"text":")" + text + R"("})",
             std::move(fields));
    answer.length_known = random(2) == 0;
    return answer;
  };
  static constexpr const char* kAccepts[] = {"gzip", "br", "zstd", "identity", "gzip, br;q=0.5"};
  u64 encoded = 0;
  for (int i = 0; i < 6'000; ++i) {
    gate.advance(milliseconds(random(100)));
    gate.origin.holds = random(6) == 0;
    if (!gate.origin.holds) gate.origin.let_go();
    const bool secured = random(2) == 0;
    const bool acme = random(2) == 0;
    Fields fields{{"Accept-Language", random(2) == 0 ? "de" : "en"},
                  {"Accept-Encoding", kAccepts[random(5)]}};
    if (random(2) == 0) fields.push_back({"x-client", "mobile"});
    if (secured) {
      fields.push_back({"X-API-Key", acme ? "foo" : "bar"});
      fields.push_back({"X-Caller", acme ? "acme" : "globex"});
    }
    const std::string target = (secured ? "/mine/" : "/items/") + std::to_string(random(3));
    gate.begin(random(10) == 0 ? "HEAD" : "GET", target, fields);
    if (random(40) == 0) gate.store.purge_all();
    REQUIRE(gate.store.counts().bytes <= kBytes);
    REQUIRE(gate.store.counts().variant_bytes <= gate.store.counts().bytes);
    if (gate.visits.size() < 50) continue;
    gate.origin.holds = false;
    gate.origin.let_go();
    gate.loop.run();
    for (const auto& one : gate.visits) {
      REQUIRE(one->done());
      if (one->status() != 200 || one->exchange.request.method == http::Method::Head) continue;
      const http::FieldList& asked = one->exchange.request.fields;
      const auto said = [&](std::string_view name) {
        const http::Field* field = asked.find(name);
        return field == nullptr ? std::string("(none)") : std::string(field->value);
      };
      const std::string plain = one->responder.plain_body();
      const std::string expected = R"({"for":")" + std::string(one->exchange.request.path) + "|" +
                                   said("x-caller") + "|" + said("accept-language") + "|";
      REQUIRE(plain.substr(0, expected.size()) == expected);
      REQUIRE(plain.find("secret") == std::string::npos);
      REQUIRE((plain.find("\"more\"") == std::string::npos) == (said("x-client") == "mobile"));
      REQUIRE(plain.ends_with("\"}"));
      const std::string coding = one->field("content-encoding");
      if (coding == "(none)") continue;
      ++encoded;
      REQUIRE(said("accept-encoding").find(coding) == 0);
    }
    gate.visits.clear();
  }
  gate.origin.holds = false;
  gate.origin.let_go();
  gate.loop.run();
  CHECK(encoded > 1'000);
  CHECK(gate.counters.variant_hits > 300);
  gate.store.purge_all();
  CHECK(gate.store.counts().variants == 0);
  CHECK(gate.store.counts().variant_bytes == 0);
  CHECK(gate.store.counts().bytes == 0);
}

}  // namespace gw
