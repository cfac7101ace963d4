// CORS through the real compiler and engine.
#include <catch2/catch.hpp>
#include <string>

#include "golden-tests/engine/compiled_table.h"
#include "golden-tests/engine/trip.h"

namespace gw {
namespace {

const std::string kShop = "https://shop.example";

std::string document(const std::string& cors) {
  return "openapi: 3.1.0\n"
         "info: {title: T, version: '1'}\n"
         "x-gw:\n"
         "  upstreams: {origin: {targets: [{url: 'http://127.0.0.1:9001'}]}}\n"
         "  defaults: {upstream: origin, timeout: 5s" +
         cors +
         "}\n"
         "  waive: {cors-missing-header: {reason: tested}}\n"
         "components:\n"
         "  securitySchemes:\n"
         "    key: {type: apiKey, in: header, name: X-Key}\n"
         "    bearer: {type: http, scheme: bearer}\n"
         "paths:\n"
         "  /orders/{id}:\n"
         "    parameters: [{name: id, in: path, required: true, schema: {type: integer}}]\n"
         "    get:\n"
         "      operationId: getOrder\n"
         "      parameters: [{name: X-Tenant, in: header, schema: {type: string}}]\n"
         "      responses: {'200': {description: ok}}\n"
         "    put:\n"
         "      operationId: putOrder\n"
         "      x-gw: {unenforced: {security: tested elsewhere}}\n"
         "      security: [{key: []}, {bearer: []}]\n"
         "      requestBody: {content: {application/json: {}}}\n"
         "      responses: {'200': {description: ok}}\n"
         "    delete:\n"
         "      operationId: deleteOrder\n"
         "      x-gw: {cors: off}\n"
         "      responses: {'200': {description: ok}}\n"
         "  /declared:\n"
         "    get: {operationId: d, responses: {'200': {description: ok}}}\n"
         "    options: {operationId: o, responses: {'200': {description: ok}}}\n"
         "  /any/{rest+}: {x-gw: {anyMethod: {}}}\n"
         "  /socket:\n"
         "    x-gw: {upgrade: websocket}\n"
         "    get: {operationId: s, responses: {'200': {description: ok}}}\n";
}

std::shared_ptr<const BoundTable> table_of(const std::string& cors,
                                           const ReferenceSource& references = {}) {
  return compiled_table(document(cors), false, references);
}

std::shared_ptr<const BoundTable> shop() {
  return table_of(
      ", cors: {origins: ['https://shop.example', 'https://*.dev.example:8443'],"
      " credentials: true, expose: [X-Total, etag], maxAge: 90s}");
}

Trip& send(Trip& trip, const char* method, const char* target, const std::string& origin,
           const std::string& wanted = {}) {
  std::vector<engine::OfflineField> fields;
  if (!origin.empty()) fields.push_back({"Origin", origin});
  if (!wanted.empty()) fields.push_back({"Access-Control-Request-Method", wanted});
  trip.start(method, target, fields);
  REQUIRE(trip.done());
  return trip;
}

}  // namespace

TEST_CASE("cors: a preflight is told what the path declares", "[engine][cors]") {
  Trip trip(shop());
  send(trip, "OPTIONS", "/orders/7", kShop, "PUT");
  CHECK(trip.responder.status == 204);
  CHECK(trip.field("access-control-allow-origin") == kShop);
  CHECK(trip.field("access-control-allow-credentials") == "true");
  // Not DELETE, which is off: browsers would take it from here.
  CHECK(trip.field("access-control-allow-methods") == "GET, HEAD, PUT");
  CHECK(trip.field("access-control-allow-headers") ==
        "authorization, content-type, x-key, x-tenant");
  CHECK(trip.field("access-control-max-age") == "90");
  CHECK(trip.field("access-control-expose-headers") == "(none)");
  CHECK(trip.field("vary") == "Origin");
  CHECK(trip.fetcher.sent.empty());
}

TEST_CASE("cors: a preflight from elsewhere is refused", "[engine][cors]") {
  for (const char* origin :
       {"https://evil.example", "http://shop.example", "https://shop.example:8443",
        "https://shop.example.evil.example", "https://x.shop.example", "null",
        "https://a.b.dev.example:8443", "https://.dev.example:8443", "https://dev.example:8443",
        "https://a.dev.example", "https://evil.example/.dev.example:8443",
        "https://evil.example#.dev.example:8443", "https://a,b.dev.example:8443",
        "https://A.dev.example:8443", "HTTPS://SHOP.EXAMPLE"}) {
    CAPTURE(origin);
    Trip trip(shop());
    send(trip, "OPTIONS", "/orders/7", origin, "GET");
    CHECK(trip.responder.status == 403);
    CHECK(trip.field("access-control-allow-origin") == "(none)");
    CHECK(trip.field("access-control-allow-methods") == "(none)");
    CHECK(trip.field("vary") == "Origin");
  }
}

TEST_CASE("cors: one label may stand for `*`", "[engine][cors]") {
  Trip trip(shop());
  send(trip, "OPTIONS", "/orders/7", "https://a.dev.example:8443", "GET");
  CHECK(trip.responder.status == 204);
  CHECK(trip.field("access-control-allow-origin") == "https://a.dev.example:8443");
}

TEST_CASE("cors: an answer says who may read it, in place of what the upstream says",
          "[engine][cors]") {
  Trip trip(shop());
  trip.fetcher.script = {{.fields = {{"Access-Control-Allow-Origin", "*"},
                                     {"access-control-allow-private-thing", "x"},
                                     {"Vary", "Accept"}}}};
  send(trip, "GET", "/orders/7", kShop);
  CHECK(trip.field("access-control-allow-origin") == kShop);
  CHECK(trip.field("access-control-allow-private-thing") == "(none)");
  CHECK(trip.field("access-control-expose-headers") == "x-total, etag");
  CHECK(trip.field("access-control-allow-methods") == "(none)");
  size_t vary = 0;
  for (const engine::OfflineField& field : trip.responder.fields) {
    vary += http::equal_fold(field.name, "vary") ? 1u : 0u;
  }
  CHECK(vary == 2);
}

TEST_CASE("cors: without an origin, or with another, nobody may read, and caches know why",
          "[engine][cors]") {
  for (const char* origin : {"", "https://evil.example"}) {
    Trip trip(shop());
    trip.fetcher.script = {{.fields = {{"Access-Control-Allow-Origin", "*"}}}};
    send(trip, "GET", "/orders/7", origin);
    CHECK(trip.responder.status == 200);
    CHECK(trip.field("access-control-allow-origin") == "(none)");
    CHECK(trip.field("vary") == "Origin");
  }
}

TEST_CASE("cors: errors can be read as well", "[engine][cors]") {
  struct Case {
    const char* method;
    const char* target;
    u16 status;
  };
  for (const Case& c : {Case{"GET", "/nothing", 404}, Case{"PATCH", "/orders/7", 405},
                        Case{"GET", "/orders/7", 429}}) {
    CAPTURE(c.target);
    Trip trip(
        table_of(", cors: {origins: 'https://shop.example'},"
                 " rateLimit: {x: {limit: 1/h, when: {path: /orders/7}}}"));
    if (c.status == 429) {
      Trip first(trip.table);
      first.env.counters = &trip.counters;
      send(first, "GET", "/orders/7", kShop);
    }
    send(trip, c.method, c.target, kShop);
    CHECK(trip.responder.status == c.status);
    CHECK(trip.field("access-control-allow-origin") == kShop);
  }
}

TEST_CASE("cors: a preflight is not limited", "[engine][cors]") {
  Trip trip(table_of(", cors: {origins: 'https://shop.example'}, rateLimit: {x: {limit: 1/h}}"));
  for (int i = 0; i < 3; ++i) {
    Trip one(trip.table);
    one.env.counters = &trip.counters;
    send(one, "OPTIONS", "/orders/7", kShop, "GET");
    CHECK(one.responder.status == 204);
    CHECK(one.field("ratelimit") == "(none)");
  }
  CHECK(send(trip, "GET", "/orders/7", kShop).responder.status == 200);
}

TEST_CASE("cors: any origin, without credentials, is the same for all", "[engine][cors]") {
  Trip trip(table_of(", cors: {origins: '*'}"));
  send(trip, "GET", "/orders/7", "https://anywhere.example");
  CHECK(trip.field("access-control-allow-origin") == "*");
  CHECK(trip.field("access-control-allow-credentials") == "(none)");
  CHECK(trip.field("vary") == "(none)");
}

TEST_CASE("cors: off takes away what the upstream says; without it, it passes", "[engine][cors]") {
  const engine::ScriptedAnswer open{.fields = {{"Access-Control-Allow-Origin", "*"}}};
  Trip off(shop());
  off.fetcher.script = {open};
  send(off, "DELETE", "/orders/7", kShop);
  CHECK(off.field("access-control-allow-origin") == "(none)");
  CHECK(off.field("vary") == "(none)");
  Trip none(table_of(""));
  none.fetcher.script = {open};
  send(none, "GET", "/orders/7", kShop);
  CHECK(none.field("access-control-allow-origin") == "*");
}

TEST_CASE("cors: where nobody answers preflights, OPTIONS is what it is", "[engine][cors]") {
  Trip off(shop());
  send(off, "OPTIONS", "/orders/7", kShop, "DELETE");
  CHECK(off.responder.status == 204);  // the derived answer to OPTIONS
  CHECK(off.field("access-control-allow-methods") == "(none)");
  CHECK(off.field("access-control-allow-origin") == "(none)");
  Trip none(table_of(""));
  send(none, "OPTIONS", "/declared", kShop, "GET");
  CHECK(none.fetcher.sent.size() == 1);
}

TEST_CASE("cors: a declared OPTIONS goes upstream, a preflight to it does not", "[engine][cors]") {
  Trip plain(shop());
  send(plain, "OPTIONS", "/declared", kShop);
  CHECK(plain.fetcher.sent.size() == 1);
  CHECK(plain.field("access-control-allow-origin") == kShop);
  Trip preflight(shop());
  send(preflight, "OPTIONS", "/declared", kShop, "GET");
  CHECK(preflight.fetcher.sent.empty());
  CHECK(preflight.field("access-control-allow-methods") == "GET, HEAD, OPTIONS");
}

TEST_CASE("cors: a path of any method, and a method that is not there", "[engine][cors]") {
  Trip any(shop());
  send(any, "OPTIONS", "/any/x", kShop, "PURGE");
  CHECK(any.responder.status == 204);
  CHECK(any.field("access-control-allow-methods") == "GET, HEAD, POST, PUT, PATCH, DELETE");
  Trip missing(shop());
  send(missing, "OPTIONS", "/declared", kShop, "DELETE");
  CHECK(missing.field("access-control-allow-methods") == "(none)");
}

TEST_CASE("cors: what is listed takes the place of what is declared", "[engine][cors]") {
  Trip trip(
      table_of(", cors: {origins: ['https://shop.example'], methods: [GET],"
               " headers: [X-One, x-two], privateNetwork: true}"));
  trip.start("OPTIONS", "/orders/7",
             {{"Origin", kShop},
              {"Access-Control-Request-Method", "GET"},
              {"Access-Control-Request-Private-Network", "true"}});
  CHECK(trip.field("access-control-allow-methods") == "GET");
  CHECK(trip.field("access-control-allow-headers") == "x-one, x-two");
  CHECK(trip.field("access-control-allow-private-network") == "true");
  CHECK(trip.field("access-control-max-age") == "600");
}

TEST_CASE("cors: an origin of the environment", "[engine][cors]") {
  ReferenceSource references;
  references.env = [](const std::string&) -> std::optional<std::string> {
    return "https://late.example";
  };
  Trip trip(table_of(", cors: {origins: ['{$env.ORIGIN}']}", references));
  send(trip, "GET", "/orders/7", "https://late.example");
  CHECK(trip.field("access-control-allow-origin") == "https://late.example");
}

TEST_CASE("cors: a WebSocket is opened by pages that may read", "[engine][cors]") {
  const auto handshake = [](Trip& trip, const std::string& origin) {
    std::vector<engine::OfflineField> fields = {{"Connection", "Upgrade"},
                                                {"Upgrade", "websocket"},
                                                {"Sec-WebSocket-Version", "13"},
                                                {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}};
    if (!origin.empty()) fields.push_back({"Origin", origin});
    trip.start("GET", "/socket", fields);
  };
  Trip refused(shop());
  handshake(refused, "https://evil.example");
  CHECK(refused.responder.status == 403);
  CHECK(refused.fetcher.sent.empty());
  for (const std::string& origin : {kShop, std::string()}) {
    Trip allowed(shop());
    handshake(allowed, origin);
    CHECK(allowed.fetcher.sent.size() == 1);
  }
}

}  // namespace gw
