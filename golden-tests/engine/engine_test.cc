// From documents to answers, without a socket: the real compiler, the real engine, a fake clock
// and a scripted upstream.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "golden-tests/engine/compiled_table.h"
#include "golden-tests/engine/trip.h"

namespace gw {
namespace {

using engine::OfflineField;
using engine::ScriptedAnswer;

std::shared_ptr<const BoundTable> table_of(const std::string& text, bool mock = false) {
  ReferenceSource references;
  references.env = [](const std::string& name) -> std::optional<std::string> {
    if (name == "TOTAL") return "700ms";
    return std::nullopt;
  };
  references.file = [](const std::string&) -> Result<std::string> {
    return fail(Errc::FileUnreadable, "none");
  };
  return compiled_table(text, mock, references);
}

constexpr const char* kUsers = R"(
openapi: 3.1.0
info: {title: Users, version: '1'}
x-gw:
  upstreams:
    users:
      targets: ['http://127.0.0.1:9001']
      unavailable: {status: 503, headers: {retry-after: '7'}, body: {title: soon}}
  defaults:
    upstream: users
    timeout: {connect: 100ms, try: 500ms, total: '{$env.TOTAL:-1s}', idle: 1s}
    maxBody: 8B
paths:
  /users/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: integer}}]
    get:
      operationId: getUser
      x-gw:
        path: /internal/{id}?full=1
        request: {headers: {set: {x-id: '{$request.path.id}', x-who: '$client.ip', x-limit: 'at {$env.TOTAL}', x-cert: '$client.cert.subject', x-print: 'sha256={$client.cert.fingerprint}'}, remove: [x-debug]}}
        response: {headers: {rename: {x-old: x-new}, default: {cache-control: no-store}}}
      responses: {'200': {description: ok}}
    put:
      operationId: putUser
      responses: {'204': {description: ok}}
  /users/{name}:
    parameters: [{name: name, in: path, required: true, schema: {type: string, pattern: '^[a-z]+$'}}]
    get:
      operationId: getByName
      x-gw: {respond: {status: 200, body: by name}}
      responses: {'200': {description: ok}}
  /closed:
    get:
      operationId: closed
      x-gw:
        respond: {status: 410, body: {gone: true}, when: [{header: {x-old: {present: true}}}, {ip: 10.0.0.0/8}, {query: {v: ['1', '2']}}]}
        redirect: {to: '/users/{$request.query.id}', status: 302}
      responses: {'302': {description: moved}}
)";

}  // namespace

TEST_CASE("engine: a request is rewritten, sent and answered", "[engine]") {
  Trip trip(table_of(kUsers));
  trip.fetcher.script = {{.status = 200, .fields = {{"x-old", "1"}}, .body = "hello"}};
  trip.start("GET", "/users/%37?a=b",
             {{"host", "api.example"}, {"x-debug", "1"}, {"connection", "x-hop"}, {"x-hop", "1"}});
  REQUIRE(trip.done());
  REQUIRE(trip.fetcher.sent.size() == 1);
  CHECK(trip.fetcher.sent[0].target == "/internal/7?full=1&a=b");
  CHECK(trip.sent_field("x-id") == "7");
  CHECK(trip.sent_field("x-who") == "192.0.2.7");
  CHECK(trip.sent_field("x-limit") == "at 700ms");
  CHECK(trip.sent_field("x-debug") == "(none)");
  CHECK(trip.sent_field("x-hop") == "(none)");
  CHECK(trip.responder.status == 200);
  CHECK(trip.responder.body == "hello");
  CHECK(trip.field("x-new") == "1");
  CHECK(trip.field("x-old") == "(none)");
  CHECK(trip.field("cache-control") == "no-store");
  CHECK(trip.fetcher.released == 1);
}

TEST_CASE("engine: what a client writes never passes for what the gateway says", "[engine]") {
  const std::vector<OfflineField> spoofed = {{"x-cert", "CN=root"}, {"x-print", "sha256=00"}};
  SECTION("without a certificate the fields are not sent") {
    Trip trip(table_of(kUsers));
    trip.fetcher.script = {{.status = 200}};
    trip.start("GET", "/users/7", spoofed);
    REQUIRE(trip.done());
    CHECK(trip.sent_field("x-cert") == "(none)");
    CHECK(trip.sent_field("x-print") == "(none)");
  }
  SECTION("with one they say what it says") {
    Trip trip(table_of(kUsers));
    const PeerCertificate certificate{"CN=device 7", "DNS:d7.example", "ab12"};
    trip.exchange.client_certificate = &certificate;
    trip.fetcher.script = {{.status = 200}};
    trip.start("GET", "/users/7", spoofed);
    REQUIRE(trip.done());
    CHECK(trip.sent_field("x-cert") == "CN=device 7");
    CHECK(trip.sent_field("x-print") == "sha256=ab12");
  }
}

TEST_CASE("engine: an upstream that is too slow is answered with 504 on the tick", "[engine]") {
  Trip trip(table_of(kUsers));
  trip.fetcher.script = {{.after = std::chrono::milliseconds(10'000)}};
  trip.start("GET", "/users/7");
  CHECK_FALSE(trip.done());
  trip.clock.advance(std::chrono::milliseconds(499));
  CHECK_FALSE(trip.done());
  trip.clock.advance(std::chrono::milliseconds(1));
  REQUIRE(trip.done());
  CHECK(trip.responder.status == 504);
  CHECK(trip.field("content-type") == "application/problem+json");
  CHECK(trip.responder.body.find("urn:gwctl:problem:") != std::string::npos);
  CHECK(trip.exchange.error.code == Errc::UpstreamTimeout);
}

TEST_CASE("engine: the total deadline comes from the environment", "[engine]") {
  Trip trip(table_of(kUsers));
  trip.start("GET", "/users/7");
  CHECK(trip.exchange.deadline - trip.exchange.started == std::chrono::milliseconds(700));
}

TEST_CASE("engine: a stale connection is tried again only when that is safe", "[engine]") {
  SECTION("GET is sent twice") {
    Trip trip(table_of(kUsers));
    trip.fetcher.script = {{.drop_on_reuse = true}, {.status = 200, .body = "again"}};
    trip.start("GET", "/users/7");
    CHECK(trip.fetcher.sent.size() == 2);
    CHECK(trip.responder.body == "again");
  }
  SECTION("a body that was read is not") {
    Trip trip(table_of(kUsers));
    trip.fetcher.script = {{.drop_on_reuse = true}};
    trip.start("PUT", "/users/7", {}, "12345");
    CHECK(trip.fetcher.sent.size() == 1);
    CHECK(trip.responder.status == 502);
  }
}

TEST_CASE("engine: bodies beyond the limit are refused, known or not", "[engine]") {
  SECTION("by Content-Length, before anything is sent") {
    Trip trip(table_of(kUsers));
    trip.start("PUT", "/users/7", {}, "123456789");
    CHECK(trip.responder.status == 413);
    CHECK(trip.fetcher.sent.empty());
  }
  SECTION("exactly the limit passes") {
    Trip trip(table_of(kUsers));
    trip.start("PUT", "/users/7", {}, "12345678");
    CHECK(trip.responder.status == 200);
    CHECK(trip.fetcher.sent.at(0).body == "12345678");
    CHECK(trip.exchange.request_bytes == 8);
  }
}

TEST_CASE("engine: schemas choose between paths of one shape", "[engine]") {
  Trip named(table_of(kUsers));
  named.start("GET", "/users/ada");
  CHECK(named.responder.body == "by name");
  Trip neither(table_of(kUsers));
  neither.start("GET", "/users/A-1");
  CHECK(neither.exchange.route != table::kNone);
  // PUT exists for the numeric one only: the shape's other candidate has no PUT.
  Trip put(table_of(kUsers));
  put.start("PUT", "/users/7", {}, "1");
  CHECK(put.fetcher.sent.size() == 1);
}

TEST_CASE("engine: methods, HEAD and OPTIONS are derived", "[engine]") {
  Trip wrong(table_of(kUsers));
  wrong.start("DELETE", "/users/7");
  CHECK(wrong.responder.status == 405);
  CHECK(wrong.field("allow") == "GET, HEAD, PUT, OPTIONS");
  Trip options(table_of(kUsers));
  options.start("OPTIONS", "/users/7");
  CHECK(options.responder.status == 204);
  CHECK(options.field("allow") == "GET, HEAD, PUT, OPTIONS");
  Trip head(table_of(kUsers));
  head.start("HEAD", "/users/7");
  CHECK(head.fetcher.sent.at(0).method == "HEAD");
  Trip nothing(table_of(kUsers));
  nothing.start("GET", "/nothing");
  CHECK(nothing.responder.status == 404);
  CHECK(nothing.responder.body.find("not-found") != std::string::npos);
}

// A catch-all must open no way round a rule for servers that cut parameters, slashes and dots off.
TEST_CASE("engine: a path that servers read as another is refused", "[engine]") {
  const auto table = table_of(R"(openapi: 3.1.0
info: {title: T, version: 1.0.0}
x-gw:
  upstreams: {a: {targets: ['http://127.0.0.1:1']}}
  defaults: {upstream: a, timeout: 1s}
paths:
  /admin: {x-gw: {respond: {status: 403}}}
  /tags: {x-gw: {anyMethod: {operationId: tags}}}
  /tags/{tag}:
    parameters: [{name: tag, in: path, required: true, schema: {type: string}}]
    x-gw: {anyMethod: {operationId: tag}}
  /both: {x-gw: {anyMethod: {operationId: both}}}
  /both/: {x-gw: {anyMethod: {operationId: bothSlash}}}
  /{rest+}: {x-gw: {anyMethod: {operationId: rest}}}
)");
  struct Case {
    const char* target;
    u16 status;
  };
  const Case cases[] = {
      {"/admin", 403},     {"/admin;x", 404},  {"/admin;", 404},    {"/admin%3bx", 404},
      {"/admin/", 404},    {"/admin.", 404},   {"/admin%20", 404},  {"/admin%20./", 404},
      {"/admin%3Fx", 404}, {"/admin%23", 404}, {"/admins", 200},    {"/a/b;x/c.", 200},
      {"/tags/a;x", 200},  {"/tags/a.", 200},  {"/tags/%23a", 200}, {"/tags/%3F", 200},
      {"/tags/%20", 200},  {"/tags/...", 200}, {"/tags/C%23", 200}, {"/both/", 200},
      {"/tags/", 404},     {"/other/", 200},   {"/admin/x", 200},
  };
  for (const Case& row : cases) {
    DYNAMIC_SECTION(row.target) {
      Trip trip(table);
      trip.start("GET", row.target);
      CHECK(trip.responder.status == row.status);
    }
  }
}

TEST_CASE("engine: Max-Forwards and TRACE", "[engine]") {
  const auto table = table_of(R"(openapi: 3.1.0
info: {title: T, version: 1.0.0}
x-gw:
  upstreams: {a: {targets: ['http://127.0.0.1:1']}}
  defaults: {upstream: a, timeout: 1s}
paths:
  /a: {x-gw: {anyMethod: {operationId: a}}}
  /b: {trace: {operationId: b, responses: {'200': {description: ok}}}}
)");
  struct Case {
    const char* method;
    const char* target;
    const char* hops;
    u16 status;
    const char* left;  // null: nothing is forwarded
  };
  const Case cases[] = {
      {"OPTIONS", "/a", "2", 200, "1"},
      {"OPTIONS", "/a", "0", 204, nullptr},
      {"OPTIONS", "/a", "x", 400, nullptr},
      {"OPTIONS", "/a", "", 400, nullptr},
      {"OPTIONS", "/a", "99999999999", 200, "4294967294"},
      {"GET", "/a", "0", 200, "0"},
      {"TRACE", "/a", "2", 405, nullptr},
      {"TRACE", "/b", "2", 200, "1"},
      {"TRACE", "/b", "0", 405, nullptr},
  };
  for (const Case& row : cases) {
    DYNAMIC_SECTION(row.method << " " << row.target << " " << row.hops) {
      Trip trip(table);
      trip.start(row.method, row.target, {{"max-forwards", row.hops}, {"cookie", "secret"}});
      CHECK(trip.responder.status == row.status);
      REQUIRE(trip.fetcher.sent.size() == (row.left == nullptr ? 0 : 1));
      if (row.left == nullptr) continue;
      bool cookie = false;
      for (const OfflineField& field : trip.fetcher.sent[0].fields) {
        if (field.name == "max-forwards") CHECK(field.value == row.left);
        cookie |= field.name == "cookie";
      }
      CHECK(cookie == (std::string_view(row.method) != "TRACE"));
    }
  }
}

TEST_CASE("engine: conditions decide whether a fixed answer is given", "[engine]") {
  struct Case {
    const char* name;
    const char* target;
    std::vector<OfflineField> fields;
    u16 status;
  };
  const Case cases[] = {
      {"none holds", "/closed?id=5", {}, 302},
      {"header", "/closed?id=5", {{"X-Old", ""}}, 410},
      {"query", "/closed?v=2", {}, 410},
      {"another value", "/closed?v=3&id=5", {}, 302},
  };
  for (const Case& c : cases) {
    DYNAMIC_SECTION(c.name) {
      Trip trip(table_of(kUsers));
      trip.start("GET", c.target, c.fields);
      CHECK(trip.responder.status == c.status);
    }
  }
  Trip inside(table_of(kUsers));
  http::parse_address("10.1.2.3", inside.exchange.client);
  inside.start("GET", "/closed");
  CHECK(inside.responder.status == 410);
  CHECK(inside.responder.body == R"({"gone":true})");
  CHECK(inside.field("content-type") == "application/json");
}

TEST_CASE("engine: expressions take values from every part of a request", "[engine]") {
  const char* document = R"(
openapi: 3.1.0
info: {title: T, version: '1'}
x-gw:
  upstreams: {u: {targets: ['http://127.0.0.1:9001']}}
  defaults: {upstream: u}
paths:
  /a/{id}/{rest+}:
    parameters: [{name: id, in: path, required: true, schema: {type: string}}, {name: rest, in: path, required: true, schema: {type: string}}]
    get:
      operationId: a
      x-gw:
        path: '/in/{rest}?from={$request.path.id}&who={$request.query.q}'
        request:
          headers:
            set:
              x-id: $request.path.id
              x-rest: $request.path.rest
              x-query: $request.query.q
              x-header: '<{$request.header.X-In}>'
              x-cookie: $request.cookie.sid
              x-quoted: $request.cookie.quoted
              x-path: $request.path
              x-host: $request.host
              x-url: $url
              x-scheme: $request.scheme
              x-request: $request.id
              x-method: $method
              x-ip: $client.ip
              x-absent: 'a{$request.query.none}'
      responses: {'200': {description: ok}}
)";
  Trip trip(table_of(document));
  trip.start("GET", "/a/7%20b/c/d?q=x%26y+z&q=2",
             {{"host", "Shop.example:8080"},
              {"x-in", "in"},
              {"cookie", "other=1; sid=s-1;quoted=\"q 1\""},
              {"x-absent", "forged"}});
  REQUIRE(trip.done());
  CHECK(trip.fetcher.sent.at(0).target == "/in/c/d?from=7%20b&who=x%26y%20z&q=x%26y+z&q=2");
  const std::pair<const char*, const char*> expected[] = {
      {"x-id", "7 b"},
      {"x-rest", "c/d"},
      {"x-query", "x&y z"},
      {"x-header", "<in>"},
      {"x-cookie", "s-1"},
      {"x-quoted", "q 1"},
      {"x-path", "/a/7%20b/c/d"},
      {"x-host", "shop.example"},
      {"x-url", "http://Shop.example:8080/a/7%20b/c/d?q=x%26y+z&q=2"},
      {"x-scheme", "http"},
      {"x-request", "r1"},
      {"x-method", "GET"},
      {"x-ip", "192.0.2.7"},
      {"x-absent", "(none)"}};
  for (const auto& [name, value] : expected) {
    CAPTURE(name);
    CHECK(trip.sent_field(name) == value);
  }
}

TEST_CASE("engine: a redirect keeps the query and encodes what it takes from it", "[engine]") {
  Trip trip(table_of(kUsers));
  trip.start("GET", "/closed?id=a%2Fb");
  CHECK(trip.field("location") == "/users/a%2Fb?id=a%2Fb");
  Trip dots(table_of(kUsers));
  dots.start("GET", "/closed?id=..");
  CHECK(dots.responder.status == 404);  // a dot segment is never put into a path
}

TEST_CASE("engine: failures of the upstream have their statuses", "[engine]") {
  struct Case {
    Errc failure;
    u16 status;
  };
  const Case cases[] = {{Errc::ConnectFailed, 503},    {Errc::CircuitOpen, 503},
                        {Errc::UpstreamOverflow, 503}, {Errc::UpstreamClosed, 502},
                        {Errc::UpstreamInvalid, 502},  {Errc::UpstreamTimeout, 504}};
  for (const Case& c : cases) {
    DYNAMIC_SECTION("status " << c.status << " for " << static_cast<int>(c.failure)) {
      Trip trip(table_of(kUsers));
      trip.fetcher.script = {{.failure = c.failure}};
      trip.start("GET", "/users/7");
      CHECK(trip.responder.status == c.status);
      if (c.failure == Errc::UpstreamOverflow) {
        CHECK(trip.responder.body.find("service-unavailable") != std::string::npos);
      } else if (c.status == 503) {
        CHECK(trip.field("retry-after") == "7");
        CHECK(trip.responder.body == R"({"title":"soon"})");
      }
      // The response side of the plan runs over local answers as well.
      CHECK(trip.field("cache-control") == "no-store");
    }
  }
}

TEST_CASE("engine: mocks answer from examples, and as the client prefers", "[engine]") {
  const char* document = R"(
openapi: 3.0.3
info: {title: T, version: '1'}
paths:
  /pets:
    get:
      operationId: pets
      responses:
        '404': {description: none, content: {application/json: {example: {gone: 1}}}}
        '200':
          description: ok
          content:
            application/json:
              schema: {type: object}
              examples: {a: {value: {n: 1}}, b: {value: {n: 2}}}
  /shape:
    get:
      operationId: shape
      responses:
        '200':
          description: ok
          content:
            application/json:
              schema:
                type: object
                properties: {id: {type: integer, minimum: 5}, tags: {type: array, items: {type: string, enum: [x, y]}}}
  /bounds:
    get:
      operationId: bounds
      responses:
        '200':
          description: ok
          content:
            application/json:
              schema:
                type: object
                properties:
                  code: {type: string, pattern: '^[A-Z]{3}-\d+$', minLength: 6}
                  quote: {type: string, pattern: '^"\\$'}
                  step: {type: integer, minimum: 3, multipleOf: 4}
                  above: {type: integer, exclusiveMinimum: true, minimum: 8, multipleOf: 4}
                  none: {type: string, pattern: 'a', maxLength: 0}
  /text:
    get:
      operationId: text
      responses: {'200': {description: ok, content: {text/plain: {schema: {type: string}}}}}
  /xml:
    get:
      operationId: xml
      responses: {'200': {description: ok, content: {application/xml: {schema: {type: object}}}}}
  /form:
    get:
      operationId: form
      responses: {'200': {description: ok, content: {application/x-www-form-urlencoded: {example: {id: 1, l: [a b, c], o: {x: 1}}}}}}
)";
  struct Case {
    const char* target;
    const char* prefer;
    u16 status;
    const char* body;
  };
  const Case cases[] = {
      {"/pets", "", 200, R"({"n":1})"},
      {"/pets", "example=b", 200, R"({"n":2})"},
      {"/pets", "code=404", 404, R"({"gone":1})"},
      {"/pets", "respond-async, code=\"404\"", 404, R"({"gone":1})"},
      {"/pets", "example=c", 404,
       R"({"type":"urn:gwctl:problem:not-found","title":"Not Found","status":404})"
       "\n"},
      {"/shape", "", 200, R"({"id":5,"tags":["x"]})"},
      {"/bounds", "", 200, R"({"code":"AAA-00","quote":"\"\\","step":4,"above":12,"none":""})"},
      {"/text", "", 200, "string"},
      {"/xml", "", 200, ""},
      {"/form", "", 200, "id=1&l=a%20b&l=c&o=%7B%22x%22%3A1%7D"},
  };
  for (const Case& c : cases) {
    DYNAMIC_SECTION(c.target << " " << c.prefer) {
      Trip trip(table_of(document, true));
      trip.start("GET", c.target, {{"prefer", c.prefer}});
      CHECK(trip.responder.status == c.status);
      CHECK(trip.responder.body == c.body);
    }
  }
}

}  // namespace gw
