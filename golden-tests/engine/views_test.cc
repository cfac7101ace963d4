// Views for classes of clients.
#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <string>

#include "golden-tests/engine/compiled_table.h"
#include "golden-tests/engine/trip.h"
#include "runtime/json/tape.h"

namespace gw {
namespace {

constexpr const char* kShop = R"(
openapi: 3.1.0
info: {title: Shop, version: '1'}
x-gw:
  upstreams: {users: {targets: ['http://127.0.0.1:9001']}, slim: {targets: ['http://127.0.0.1:9002']}}
  defaults: {upstream: users, timeout: 5s}
  clients:
    mobile: {when: {header: {x-client: [mobile, tablet]}}}
    tablet: {when: {header: {x-client: tablet}}}
    iot: {when: {header: {x-client: iot}}}
    web: {}
paths:
  /users/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: string}}]
    get:
      operationId: getUser
      x-gw:
        waive: {body-path-unknown: {reason: a view that asks for more, until: 2999-01-01}}
        response: {body: {omit: [secret]}, headers: {set: {x-all: '1', x-class: $client.class}}}
        rateLimit: {r: {limit: 2/min}}
        views:
          mobile: {pick: [id, name, secret], response: {headers: {set: {x-view: m}}}}
          iot: {response: {body: {template: {n: '$response.body#/name'}}}, rateLimit: {r: {limit: 1/min}}}
          tablet: {compose: {calls: {u: {upstream: slim, path: '/slim/{id}'}}, body: {slim: $calls.u.body}}}
      responses: {'200': {description: ok}}
  /plain:
    get:
      operationId: plain
      x-gw: {allow: {client: {not: iot}}}
      responses: {'200': {description: ok}}
)";

// One operation at /u, for the class `mobile` and for all others.
std::shared_ptr<const BoundTable> one_operation(const std::string& x_gw) {
  return compiled_table(R"(
openapi: 3.1.0
info: {title: Shop, version: '1'}
x-gw:
  upstreams: {users: {targets: ['http://127.0.0.1:9001']}}
  clients: {mobile: {when: {header: {x-client: mobile}}}}
  defaults: {upstream: users, timeout: 5s}
paths:
  /u:
    get:
      operationId: u
      responses: {'200': {description: ok}}
)" + x_gw);
}

struct Seen {
  u16 status;
  std::string body;
  std::string vary;
  std::string view;
  std::string client;
};

Seen get(const std::string& client, const char* target = "/users/7") {
  Trip trip(compiled_table(kShop));
  trip.fetcher.script = {{.status = 200,
                          .fields = {{"content-type", "application/json"}, {"vary", "Origin"}},
                          .body = R"({"id":7,"name":"a","secret":1,"more":2})"}};
  trip.start("GET", target, {{"host", "a"}, {"x-client", client}});
  REQUIRE(trip.done());
  std::string vary;
  for (const auto& field : trip.responder.fields) {
    if (http::equal_fold(field.name, "vary")) vary += (vary.empty() ? "" : ", ") + field.value;
  }
  return {trip.responder.status, trip.responder.body, vary, trip.field("x-view"),
          trip.field("x-class")};
}

}  // namespace

TEST_CASE("views: each class sees its own, and never what others do not", "[views]") {
  const Seen web = get("other");
  CHECK(web.body == R"({"id":7,"name":"a","more":2})");
  CHECK(web.vary == "Origin, x-client");
  CHECK(web.client == "web");
  const Seen mobile = get("mobile");
  CHECK(mobile.body == R"({"id":7,"name":"a"})");
  CHECK(mobile.view == "m");
  CHECK(mobile.client == "mobile");
  CHECK(get("iot").body == R"({"n":"a"})");
}

TEST_CASE("views: Vary names the field that says who the caller is", "[views]") {
  struct Case {
    const char* scheme;
    const char* field;
    const char* value;
    const char* vary;
  };
  const Case one = GENERATE(values<Case>({
      {"{type: apiKey, in: header, name: X-Key}", "x-key", "foo", "x-key"},
      {"{type: apiKey, in: cookie, name: key}", "cookie", "key=foo", "cookie"},
      {"{type: apiKey, in: query, name: key}", "x-other", "foo", "(none)"},
  }));
  CAPTURE(one.scheme);
  Trip trip(
      compiled_table("openapi: 3.1.0\n"
                     "info: {title: T, version: '1'}\n"
                     "x-gw:\n"
                     "  upstreams: {u: {targets: ['http://127.0.0.1:9001']}}\n"
                     "  defaults: {upstream: u, timeout: 5s}\n"
                     "  clients: {device: {when: {consumer: {group: devices}}}, web: {}}\n"
                     "  consumers: {acme: {groups: [devices], keys: ['sha256:"
                     "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae']}}\n"
                     "components: {securitySchemes: {key: " +
                     std::string(one.scheme) +
                     "}}\n"
                     "security: [{key: []}]\n"
                     "paths:\n"
                     "  /a:\n"
                     "    get:\n"
                     "      operationId: a\n"
                     "      x-gw: {views: {device: {response: {headers: {set: {x-view: d}}}}}}\n"
                     "      responses: {'200': {description: ok}}\n"));
  trip.fetcher.script = {{.status = 200, .fields = {}, .body = "ok"}};
  trip.start("GET", "/a?key=foo", {{"host", "a"}, {one.field, one.value}});
  REQUIRE(trip.done());
  CHECK(trip.responder.status == 200);
  CHECK(trip.field("x-view") == "d");
  CHECK(trip.field("vary") == one.vary);
}

TEST_CASE("views: the class that lies within another comes first", "[views]") {
  const Seen tablet = get("tablet");
  CHECK(tablet.body == R"({"slim":{"id":7,"name":"a","secret":1,"more":2}})");
}

TEST_CASE("views: `matches` of a condition is of the whole value", "[views]") {
  const std::string text = R"(
openapi: 3.1.0
info: {title: Shop, version: '1'}
x-gw:
  upstreams: {users: {targets: ['http://127.0.0.1:9001']}}
  clients: {one: {when: {header: {x-app: {matches: 'PATTERN'}}}}, web: {}}
  defaults: {upstream: users, timeout: 5s, response: {headers: {set: {x-class: $client.class}}}}
paths: {/u: {get: {operationId: u, responses: {'200': {description: ok}}}}}
)";
  const auto class_of = [&](const std::string& app, const std::string& pattern = "v[0-9]") {
    std::string document = text;
    document.replace(document.find("PATTERN"), 7, pattern);
    Trip trip(compiled_table(document));
    trip.fetcher.script = {{.status = 200, .body = "x"}};
    trip.start("GET", "/u", {{"host", "a"}, {"x-app", app}});
    return trip.field("x-class");
  };
  CHECK(class_of("v1") == "one");
  CHECK(class_of("v12") == "web");
  CHECK(class_of(" v1") == "web");
  CHECK(class_of("V1") == "web");
  CHECK(class_of("app-BETA-2", "(?i).*beta.*") == "one");
  CHECK(class_of("app-beta-2", "beta.*") == "web");
}

TEST_CASE("views: limits of a class take the place of the operation's", "[views]") {
  const auto table = compiled_table(kShop);
  for (const auto& [client, allowed] :
       std::map<std::string, int>{{"iot", 1}, {"mobile", 2}, {"x", 2}}) {
    Trip trip(table);
    for (int i = 0; i < allowed + 1; ++i) {
      trip.start("GET", "/users/7", {{"host", "a"}, {"x-client", client}});
      REQUIRE(trip.done());
      CAPTURE(client, i);
      CHECK(trip.responder.status == (i < allowed ? 200 : 429));
      trip.again();
    }
  }
}

TEST_CASE("views: an answer that is too long for one of the changes passes none", "[views]") {
  const auto table = one_operation(R"(
      x-gw:
        response: {body: {omit: [b], maxSize: 8B, tooLarge: pass}}
        views: {mobile: {response: {body: {pick: [a], maxSize: 8B}}}}
)");
  for (const auto& [client, status] : std::map<std::string, u16>{{"mobile", 502}, {"web", 200}}) {
    Trip trip(table);
    trip.fetcher.script = {{.status = 200,
                            .fields = {{"content-type", "application/json"}},
                            .body = R"({"a":1,"b":"secret"})"}};
    trip.start("GET", "/u", {{"host", "a"}, {"x-client", client}});
    REQUIRE(trip.done());
    CAPTURE(client);
    CHECK(trip.responder.status == status);
  }
}

TEST_CASE("views: a changed status hides what its class does not see", "[views]") {
  const auto table = one_operation(R"(
      x-gw: {response: {status: {'404': 200, '201': 409}}, views: {mobile: {pick: [id]}}}
)");
  for (const auto& [came, seen] : std::map<u16, u16>{{404, 200}, {201, 409}, {200, 200}}) {
    Trip trip(table);
    trip.fetcher.script = {{.status = came,
                            .fields = {{"content-type", "application/json"}},
                            .body = R"({"id":7,"secret":1})"}};
    trip.start("GET", "/u", {{"host", "a"}, {"x-client", "mobile"}});
    REQUIRE(trip.done());
    CAPTURE(came);
    CHECK(trip.responder.status == seen);
    CHECK(trip.responder.body == R"({"id":7})");
  }
}

TEST_CASE("views: expressions see what the operation's own changes leave", "[views]") {
  const auto table = compiled_table(R"(
openapi: 3.1.0
info: {title: Shop, version: '1'}
x-gw:
  upstreams: {users: {targets: ['http://127.0.0.1:9001']}}
  clients:
    all: {when: {header: {x-client: all}}}
    one: {when: {header: {x-client: one}}}
    head: {when: {header: {x-client: head}}}
    fault: {when: {header: {x-client: fault}}}
  defaults: {upstream: users, timeout: 5s}
paths:
  /u:
    get:
      operationId: u
      x-gw:
        response:
          status: {'203': 500}
          headers: {set: {x-own: '$response.body#/d/secret'}}
          body: {omit: ['*/secret', 'l/*/name']}
        views:
          all: {response: {body: {template: {b: '$response.body#/l/0/name', all: $response.body}}}}
          one: {response: {body: {set: {s: '$response.body#/d/secret', i: '$response.body#/id'}}}}
          head: {response: {headers: {set: {x-s: '$response.body#/d/secret', x-i: '$response.body#/id'}}}}
          fault: {response: {errors: {'500': {body: {s: '$response.body#/d/secret', i: '$response.body#/id'}}}}}
      responses: {'200': {description: ok}}
)");
  const auto seen = [&](const char* client, u16 status = 200) {
    auto trip = std::make_unique<Trip>(table);
    trip->fetcher.script = {{.status = status,
                             .fields = {{"content-type", "application/json"}},
                             .body = R"({"id":7,"d":{"secret":1},"l":[{"name":"a","n":2}]})"}};
    trip->start("GET", "/u", {{"host", "a"}, {"x-client", client}});
    REQUIRE(trip->done());
    return trip;
  };
  CHECK(seen("all")->responder.body == R"({"all":{"id":7,"d":{},"l":[{"n":2}]}})");
  CHECK(seen("one")->responder.body == R"({"id":7,"d":{},"l":[{"n":2}],"i":7})");
  CHECK(seen("head")->field("x-s") == "(none)");
  CHECK(seen("head")->field("x-i") == "7");
  CHECK(seen("head")->field("x-own") == "1");  // of the operation itself: for all, as it came
  CHECK(seen("fault", 203)->responder.body == R"({"i":7})");
}

TEST_CASE("views: conditions know the class", "[views]") {
  CHECK(get("iot", "/plain").status == 403);
  CHECK(get("mobile", "/plain").status == 200);
  CHECK(get("mobile", "/plain").vary == "Origin");  // its answers are the same for all
}

namespace {

// A JSON value with some members, as deep as `depth`.
std::string random_json(std::mt19937& random, int depth) {
  switch (depth == 0 ? random() % 3 : random() % 5) {
    case 0:
      return std::to_string(random() % 10);
    case 1:
      return "\"s\"";
    case 2:
      return "null";
    case 3: {
      std::string out = "[";
      for (u32 i = 0; i < random() % 4; ++i) {
        if (out.size() > 1) out += ',';
        out += random_json(random, depth - 1);
      }
      return out + "]";
    }
    default: {
      std::string out = "{";
      for (const char name : {'a', 'b', 'c'}) {
        if (random() % 2 == 0) continue;
        if (out.size() > 1) out += ',';
        out += std::string("\"") + name + "\":" + random_json(random, depth - 1);
      }
      return out + "}";
    }
  }
}

std::string random_path(std::mt19937& random) {
  std::string path;
  for (u32 i = 0; i < 1 + random() % 3; ++i) {
    if (!path.empty()) path += '/';
    path += std::string(1, "abc*"[random() % 4]);
  }
  return path;
}

// All that is shown lies on or below a path that is picked.
bool is_covered(const json::Tape& tape, u32 node, std::vector<std::string> paths) {
  if (std::find(paths.begin(), paths.end(), "") != paths.end()) return true;
  const auto below = [&](std::string_view key, bool item) {
    std::vector<std::string> rest;
    for (const std::string& path : paths) {
      const size_t slash = path.find('/');
      const std::string token = path.substr(0, slash);
      if (token != "*" && (item || token != key)) continue;
      rest.push_back(slash == path.npos ? "" : path.substr(slash + 1));
    }
    return rest;
  };
  if (tape.kind(node) == json::Kind::Object) {
    for (const json::Member member : tape.members(node)) {
      const auto rest = below(tape.text(member.key), false);
      if (rest.empty() || !is_covered(tape, member.value, rest)) return false;
    }
    return true;
  }
  if (tape.kind(node) == json::Kind::Array) {
    for (const u32 item : tape.items(node)) {
      const auto rest = below({}, true);
      if (rest.empty() || !is_covered(tape, item, rest)) return false;
    }
    return true;
  }
  return tape.kind(node) == json::Kind::Null;
}

}  // namespace

TEST_CASE("views: none shows what it does not pick, whatever the answer is", "[views]") {
  constexpr u16 kStatuses[] = {200, 201, 203, 206, 302, 404, 503};
  constexpr const char* kMaps[] = {"", "'404': 200, 5xx: 201", "2xx: 404", "default: 200"};
  constexpr const char* kTypes[] = {"application/json", "application/hal+json; charset=utf-8",
                                    "Application/JSON", "text/csv"};
  std::mt19937 random(7);
  for (int round = 0; round < 40; ++round) {
    const std::string map = kMaps[random() % std::size(kMaps)];
    std::vector<std::string> paths;
    std::string list;
    for (u32 i = 0; i < 1 + random() % 3; ++i) {
      paths.push_back(random_path(random));
      list += (list.empty() ? "'" : ", '") + paths.back() + "'";
    }
    const auto table = compiled_table(R"(
openapi: 3.1.0
info: {title: Shop, version: '1'}
x-gw:
  upstreams: {users: {targets: ['http://127.0.0.1:9001']}}
  defaults: {upstream: users, timeout: 5s}
  clients: {mobile: {when: {header: {x-client: mobile}}}}
paths:
  /u: {get: {operationId: u, x-gw: {response: {status: {)" +
                                      map + R"(}}, views: {mobile: {pick: [)" + list +
                                      R"(]}}}, responses: {'200': {description: ok}}}}
)");
    for (int answer = 0; answer < 25; ++answer) {
      const std::string body = random_json(random, 4);
      const u16 status = kStatuses[random() % std::size(kStatuses)];
      const std::string type = kTypes[random() % std::size(kTypes)];
      Trip trip(table);
      trip.fetcher.script = {{.status = status, .fields = {{"content-type", type}}, .body = body}};
      trip.start("GET", "/u", {{"host", "a"}, {"x-client", "mobile"}});
      REQUIRE(trip.done());
      json::Tape tape;
      CAPTURE(list, map, status, type, body, trip.responder.body);
      const bool success = status / 100 == 2 || trip.responder.status / 100 == 2;
      // Refused, and the refusal is ours.
      if (status == 206 || (success && type == "text/csv")) {
        REQUIRE(trip.responder.body.find("gateway") != std::string::npos);
        continue;
      }
      if (!success) continue;
      REQUIRE(tape.parse(trip.responder.body));
      REQUIRE(is_covered(tape, 0, paths));
    }
  }
}

}  // namespace gw
