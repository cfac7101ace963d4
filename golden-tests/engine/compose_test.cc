// Compositions and views, from the document to the answer.
#include <catch2/catch.hpp>
#include <string>

#include "golden-tests/engine/compiled_table.h"
#include "golden-tests/engine/trip.h"

namespace gw {
namespace {

using engine::ScriptedAnswer;
using std::chrono::milliseconds;

std::string composed(const std::string& compose) {
  return R"(
openapi: 3.1.0
info: {title: Shop, version: '1'}
x-gw:
  upstreams:
    users: {targets: ['http://127.0.0.1:9001']}
    orders: {targets: ['http://127.0.0.1:9002']}
  defaults: {upstream: users, timeout: {total: 1s}}
paths:
  /users/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: integer}}]
    get:
      operationId: getUser
      parameters: [{name: full, in: query, schema: {type: string}}, {name: X-Lang, in: header, schema: {type: string}}]
      x-gw: {response: {body: {omit: [secret]}}}
      responses: {'200': {description: ok}}
  /dashboard/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: string}}]
    get:
      operationId: getDashboard
      x-gw: {compose: {)" +
         compose + R"(}}
      responses: {'200': {description: ok}}
)";
}

ScriptedAnswer json(const std::string& body, u16 status = 200, milliseconds after = {}) {
  return {
      .status = status,
      .fields = {{"content-type", "application/json"}, {"x-trace", "t" + std::to_string(status)}},
      .body = body,
      .after = after};
}

struct Composed {
  std::unique_ptr<Trip> trip;
  std::string body() const { return trip->responder.body; }
  u16 status() const { return trip->responder.status; }
  const std::vector<engine::ScriptedFetcher::Sent>& sent() const { return trip->fetcher.sent; }
};

Composed run_composed(const std::string& compose, std::vector<ScriptedAnswer> script,
                      const std::string& target = "/dashboard/7",
                      std::vector<engine::OfflineField> fields = {}) {
  Composed out{std::make_unique<Trip>(compiled_table(composed(compose)))};
  out.trip->fetcher.script = std::move(script);
  fields.push_back({"host", "a"});
  out.trip->start("GET", target.c_str(), fields);
  return out;
}

constexpr const char* kTwo =
    "calls: {user: {operation: getUser, with: {id: $request.path.id, full: 'y&n'}}, "
    "orders: {upstream: orders, path: '/orders?user={$request.path.id}'}}, "
    "body: {user: $calls.user.body, first: '$calls.orders.body#/0', count: 2}";

}  // namespace

TEST_CASE("compose: independent calls run together, and their answers are put together",
          "[compose]") {
  auto run = run_composed(kTwo, {json(R"({"id":7,"secret":1})"), json(R"([{"n":1.0},2])")},
                          "/dashboard/7", {{"cookie", "c=1"}, {"authorization", "Bearer x"}});
  REQUIRE(run.trip->done());
  CHECK(run.status() == 200);
  CHECK(run.body() == R"({"user":{"id":7},"first":{"n":1.0},"count":2})");
  REQUIRE(run.sent().size() == 2);
  CHECK(run.sent()[0].target == "/users/7?full=y%26n");
  CHECK(run.sent()[1].target == "/orders?user=7");
  for (const auto& sent : run.sent()) {
    for (const auto& field : sent.fields) {
      CHECK(field.name != "cookie");
      CHECK(field.name != "authorization");
    }
  }
  CHECK(run.trip->field("content-type") == "application/json");
  CHECK(run.trip->fetcher.released == 2);
}

TEST_CASE("compose: a call names its host, and is sent again for what the operation says",
          "[compose]") {
  std::string document = composed(
      "calls: {a: {upstream: orders, path: /a, retries: 3, headers: {host: shop.test}}, "
      "b: {upstream: orders, path: /b}}, body: {a: $calls.a.body}");
  const std::string defaults = "defaults: {";
  document.insert(document.find(defaults) + defaults.size(),
                  "retry: {times: 1, causes: [connect, '503'], budget: 30%}, ");
  Trip trip(compiled_table(document));
  trip.fetcher.script = {json("1"), json("2")};
  trip.start("GET", "/dashboard/7", {{"host", "a"}});
  REQUIRE(trip.responder.status == 200);
  const auto& sent_to = trip.fetcher.sent;
  REQUIRE(sent_to.size() == 2);
  const auto host = [](const engine::ScriptedFetcher::Sent& sent) {
    std::string out;
    for (const auto& field : sent.fields) {
      if (field.name == "host") out += field.value + ";";
    }
    return out;
  };
  CHECK(host(sent_to[0]) == "shop.test;");
  CHECK(host(sent_to[1]) == "orders;");
  const FetchOptions& options = sent_to[0].options;
  CHECK(options.retry_times == 3);
  CHECK(options.retry_cause_count == 2);
  CHECK(options.retry_budget_bp == 3000);
  CHECK(sent_to[1].options.retry_times == 0);
}

TEST_CASE("compose: it takes as long as the slowest of them", "[compose]") {
  auto run = run_composed(
      kTwo, {json(R"({"id":7})", 200, milliseconds(300)), json("[1]", 200, milliseconds(400))});
  CHECK_FALSE(run.trip->done());
  CHECK(run.sent().size() == 2);
  run.trip->clock.advance(milliseconds(399));
  CHECK_FALSE(run.trip->done());
  run.trip->clock.advance(milliseconds(1));
  REQUIRE(run.trip->done());
  CHECK(run.body() == R"({"user":{"id":7},"first":1,"count":2})");
}

TEST_CASE("compose: who uses another's answer waits for it", "[compose]") {
  auto run = run_composed(
      "calls: {invoice: {upstream: orders, path: '/invoices/{$calls.orders.body#/0/id}', headers: "
      "{x-s: '$calls.orders.status', x-t: '$calls.orders.header.x-trace'}}, "
      "orders: {upstream: orders, path: /orders}}, body: $calls.invoice.body",
      {json(R"([{"id":"a/b"}])", 201), json(R"({"sum":3})")});
  REQUIRE(run.trip->done());
  CHECK(run.body() == R"({"sum":3})");
  REQUIRE(run.sent().size() == 2);
  CHECK(run.sent()[0].target == "/orders");
  CHECK(run.sent()[1].target == "/invoices/a%2Fb");
}

TEST_CASE("compose: a required call that brings nothing is named", "[compose]") {
  auto run = run_composed(kTwo, {json("{}"), json("{}", 500)});
  REQUIRE(run.trip->done());
  CHECK(run.status() == 502);
  CHECK(run.body().find(R"("part":"orders")") != std::string::npos);
  auto broken = run_composed(kTwo, {{.failure = Errc::ConnectFailed}, json("[]")});
  REQUIRE(broken.trip->done());
  CHECK(broken.status() == 502);
  CHECK(broken.body().find(R"("part":"user")") != std::string::npos);
  auto no_json = run_composed(kTwo, {json("{}"), {.status = 200, .body = "text"}});
  REQUIRE(no_json.trip->done());
  CHECK(no_json.status() == 502);
}

TEST_CASE("compose: time is over for all of it, or for one call", "[compose]") {
  auto run = run_composed(kTwo, {json("{}"), json("[]", 200, milliseconds(5000))});
  run.trip->clock.advance(milliseconds(1000));
  REQUIRE(run.trip->done());
  CHECK(run.status() == 504);
  auto one = run_composed(
      "calls: {slow: {upstream: orders, path: /o, timeout: 100ms, optional: true, fallback: []}}, "
      "body: {o: $calls.slow.body}, partialStatus: 203",
      {json("[1]", 200, milliseconds(500))});
  one.trip->clock.advance(milliseconds(100));
  REQUIRE(one.trip->done());
  CHECK(one.status() == 203);
  CHECK(one.body() == R"({"o":[]})");
  CHECK(one.trip->field("gw-partial") == "slow");
}

TEST_CASE("compose: an optional call without an answer is left out", "[compose]") {
  auto run = run_composed(
      "calls: {a: {upstream: orders, path: /a, optional: true}, b: {upstream: users, path: /b}, "
      "c: {upstream: users, path: '/c/{$calls.a.body#/id}', optional: true}}, "
      "body: {a: $calls.a.body, b: $calls.b.body, c: $calls.c.body}",
      {json("{}", 503), json("2")});
  REQUIRE(run.trip->done());
  CHECK(run.status() == 200);
  CHECK(run.body() == R"({"b":2})");
  CHECK(run.trip->field("gw-partial") == "a, c");
  CHECK(run.sent().size() == 2);
}

TEST_CASE("compose: a status that is passed on answers the client", "[compose]") {
  auto run = run_composed(
      "calls: {user: {operation: getUser, with: {id: $request.path.id}, pass: ['404']}, "
      "orders: {upstream: orders, path: /o}}, body: {u: $calls.user.body, o: $calls.orders.body}",
      {json(R"({"title":"no user"})", 404), json("[]", 200, milliseconds(400))});
  run.trip->clock.advance(milliseconds(400));
  REQUIRE(run.trip->done());
  CHECK(run.status() == 404);
  CHECK(run.body() == R"({"title":"no user"})");
}

TEST_CASE("compose: statuses of calls are mapped first", "[compose]") {
  auto run = run_composed(
      "calls: {u: {upstream: users, path: /u, status: {'404': 200}}}, body: {u: $calls.u.body, s: "
      "$calls.u.status}",
      {json(R"({"none":true})", 404)});
  REQUIRE(run.trip->done());
  CHECK(run.body() == R"({"u":{"none":true},"s":200})");
}

TEST_CASE("compose: a call is made for the requests that it is for", "[compose]") {
  const std::string compose =
      "calls: {u: {upstream: users, path: /u, when: {header: {x-full: '1'}}, optional: true}}, "
      "body: {u: $calls.u.body}";
  auto without = run_composed(compose, {json("1")});
  REQUIRE(without.trip->done());
  CHECK(without.body() == "{}");
  CHECK(without.sent().empty());
  CHECK(without.trip->field("gw-partial") == "(none)");
  auto with = run_composed(compose, {json("1")}, "/dashboard/7", {{"x-full", "1"}});
  REQUIRE(with.trip->done());
  CHECK(with.body() == R"({"u":1})");
}

TEST_CASE("compose: a call for each item, a few at a time, in order", "[compose]") {
  const std::string compose =
      "calls: {orders: {upstream: orders, path: /o}, items: {upstream: users, path: "
      "'/i/{$item#/id}', "
      "forEach: '$calls.orders.body#/list', concurrency: 2}}, body: $calls.items.body";
  auto run = run_composed(
      compose, {json(R"({"list":[{"id":"a"},{"id":"b"},{"id":"c"}]})"),
                json("1", 200, milliseconds(200)), json("2"), json("3", 200, milliseconds(50))});
  CHECK(run.sent().size() == 4);  // b is done at once, and c takes its place
  run.trip->clock.advance(milliseconds(200));
  REQUIRE(run.trip->done());
  CHECK(run.body() == "[1,2,3]");
  CHECK(run.sent()[3].target == "/i/c");
  auto none = run_composed(compose, {json(R"({"list":[]})")});
  REQUIRE(none.trip->done());
  CHECK(none.body() == "[]");
  auto wrong = run_composed(compose, {json(R"({"list":{}})")});
  REQUIRE(wrong.trip->done());
  CHECK(wrong.status() == 502);
}

TEST_CASE("compose: an item that fails takes the fallback, or the call with it", "[compose]") {
  const std::string list = R"(["a","b"])";
  auto with = run_composed(
      "calls: {l: {upstream: orders, path: /o}, i: {upstream: users, path: '/i/{$item}', forEach: "
      "$calls.l.body, optional: true, fallback: {gone: $item}}}, body: $calls.i.body",
      {json(list), json("1"), json("2", 500)});
  REQUIRE(with.trip->done());
  CHECK(with.body() == R"([1,{"gone":"b"}])");
  CHECK(with.trip->field("gw-partial") == "i");
  auto part = run_composed(
      "calls: {l: {upstream: orders, path: /o}, i: {upstream: users, path: '/i/{$item#/id}', "
      "forEach: $calls.l.body, concurrency: 3, optional: true, fallback: {id: '$item#/id', all: "
      "$item}}}, body: $calls.i.body",
      {json(R"([{"id":"a"},{"id":"b"},{"id":"c"}])"), json("", 500), json("2"), json("", 404)});
  REQUIRE(part.trip->done());
  CHECK(part.body() == R"([{"id":"a","all":{"id":"a"}},2,{"id":"c","all":{"id":"c"}}])");
  auto required = run_composed(
      "calls: {l: {upstream: orders, path: /o}, i: {upstream: users, path: '/i/{$item}', forEach: "
      "$calls.l.body}}, body: $calls.i.body",
      {json(list), json("1"), json("2", 500)});
  REQUIRE(required.trip->done());
  CHECK(required.status() == 502);
  CHECK(required.body().find(R"("part":"i")") != std::string::npos);
}

TEST_CASE("compose: an answer without a body is one, and its body is absent", "[compose]") {
  const ScriptedAnswer nothing{.status = 204, .fields = {{"x-trace", "t"}}, .body = ""};
  auto run = run_composed(
      "calls: {u: {operation: getUser, with: {id: $request.path.id}}}, body: {u: $calls.u.body, s: "
      "$calls.u.status, h: $calls.u.header.x-trace}",
      {nothing});
  REQUIRE(run.trip->done());
  CHECK(run.status() == 200);
  CHECK(run.body() == R"({"s":204,"h":"t"})");
  CHECK(run.trip->field("gw-partial") == "(none)");
  auto list = run_composed(
      "calls: {l: {upstream: orders, path: /o}, i: {upstream: users, path: '/i/{$item}', forEach: "
      "$calls.l.body}}, body: $calls.i.body",
      {json("[1,2]"), nothing, json("2")});
  REQUIRE(list.trip->done());
  CHECK(list.body() == "[null,2]");
  // Its path needs what is not there.
  auto used = run_composed(
      "calls: {u: {operation: getUser, with: {id: $request.path.id}}, o: {upstream: orders, path: "
      "'/o/{$calls.u.body#/id}'}}, body: {o: $calls.o.body}",
      {nothing});
  REQUIRE(used.trip->done());
  CHECK(used.status() == 502);
  CHECK(used.body().find(R"("part":"o")") != std::string::npos);
}

TEST_CASE("compose: what is put together is held to what is declared", "[compose]") {
  const auto run = [](const std::string& mode, const std::string& declared,
                      std::vector<ScriptedAnswer> script) {
    std::string text = composed(
        "calls: {u: {upstream: users, path: /u, pass: [404]}, o: {upstream: orders, path: /o, "
        "optional: true}}, body: {u: $calls.u.body, o: $calls.o.body}");
    const std::string operation = "operationId: getDashboard\n      x-gw: {";
    text.insert(text.find(operation) + operation.size(), "validate: {response: " + mode + "}, ");
    text.replace(text.rfind("'200': {description: ok}"), 24, declared);
    Composed out{std::make_unique<Trip>(compiled_table(text))};
    out.trip->fetcher.script = std::move(script);
    out.trip->start("GET", "/dashboard/7", {{"host", "a"}});
    REQUIRE(out.trip->done());
    return out;
  };
  const std::string declared =
      "'200': {description: ok, content: {application/json: {schema: {type: object, required: [u], "
      "properties: {u: {type: integer, minimum: 5}, o: {type: string}}}}}}";
  const auto fine = run("enforce", declared, {json("7"), json("\"a\"")});
  CHECK(fine.status() == 200);
  CHECK(fine.body() == R"({"u":7,"o":"a"})");
  // Types could be proved if the parts were declared; bounds of values could not.
  const auto wrong = run("enforce", declared, {json("4"), json("\"a\"")});
  CHECK(wrong.status() == 502);
  CHECK(wrong.trip->exchange.error.code == Errc::ResponseInvalid);
  CHECK(wrong.body().find("\"u\"") == std::string::npos);
  const auto logged = run("log", declared, {json("4"), json("\"a\"")});
  CHECK(logged.status() == 200);
  CHECK(logged.body() == R"({"u":4,"o":"a"})");
  REQUIRE(logged.trip->exchange.validation != nullptr);
  CHECK(logged.trip->exchange.validation->response_faults == 1);
  // What passes a part on is an answer as well; a call that lacks is the gateway's own word.
  CHECK(run("enforce", declared, {json("{}", 404), json("1")}).status() == 502);
  CHECK(run("enforce", declared + ", '404': {description: none}", {json("{}", 404), json("1")})
            .status() == 404);
  const auto lacking = run("enforce", declared, {json("{}", 500), json("1")});
  CHECK(lacking.status() == 502);
  CHECK(lacking.body().find(R"("part":"u")") != std::string::npos);
}

TEST_CASE("compose: without a list the fallback of its items is not used", "[compose]") {
  auto run = run_composed(
      "calls: {l: {upstream: orders, path: /o}, i: {upstream: users, path: '/i/{$item}', forEach: "
      "'$calls.l.body#/list', maxItems: 2, optional: true, fallback: 0}}, body: {i: "
      "$calls.i.body, l: $calls.l.status}",
      {json(R"({"list":[1,2,3]})")});
  REQUIRE(run.trip->done());
  CHECK(run.body() == R"({"l":200})");
  CHECK(run.trip->field("gw-partial") == "i");
  CHECK(run.sent().size() == 1);
  REQUIRE(run.trip->exchange.parts.size() == 2);
  CHECK(run.trip->exchange.parts[1].outcome == "missing");
}

TEST_CASE("compose: items that are too much together are not all asked for", "[compose]") {
  const std::string large = "\"" + std::string(7 << 20, 'x') + "\"";
  auto run = run_composed(
      "calls: {l: {upstream: orders, path: /o}, i: {upstream: users, path: '/i/{$item}', forEach: "
      "$calls.l.body, concurrency: 1, maxSize: 8MiB}}, body: $calls.i.body",
      {json(R"(["a","b","c","d","e"])"), json(large), json(large), json(large), json(large)});
  REQUIRE(run.trip->done());
  CHECK(run.status() == 502);
  CHECK(run.sent().size() == 4);  // the list and three items, 21 MiB
}

TEST_CASE("compose: a call of an operation is judged as a request to it", "[compose]") {
  auto run = run_composed(
      "calls: {user: {operation: getUser, with: {id: $request.path.id}}}, body: $calls.user.body",
      {json("1")}, "/dashboard/abc");
  REQUIRE(run.trip->done());
  CHECK(run.status() == 502);
  CHECK(run.sent().empty());
}

TEST_CASE("compose: a part is of the class of who has asked, and has no view", "[compose]") {
  const auto table = compiled_table(R"(
openapi: 3.1.0
info: {title: Shop, version: '1'}
x-gw:
  upstreams: {users: {targets: ['http://127.0.0.1:9001']}}
  clients: {iot: {when: {header: {x-client: iot}}}, mobile: {when: {header: {x-client: mobile}}}, web: {}}
  defaults: {upstream: users, timeout: 1s}
paths:
  /user:
    get:
      operationId: user
      x-gw: {deny: {client: iot}, request: {headers: {set: {x-class: $client.class}}}, views: {mobile: {pick: [id]}}}
      responses: {'200': {description: ok}}
  /all:
    get:
      operationId: all
      x-gw: {compose: {calls: {u: {operation: user}}, body: $calls.u.body}}
      responses: {'200': {description: ok}}
)");
  const auto ask = [&](const std::string& client) {
    auto trip = std::make_unique<Trip>(table);
    trip->fetcher.script = {json(R"({"id":1,"name":"a"})")};
    trip->start("GET", "/all", {{"host", "a"}, {"x-client", client}});
    REQUIRE(trip->done());
    return trip;
  };
  const auto iot = ask("iot");
  CHECK(iot->responder.status == 502);
  CHECK(iot->fetcher.sent.empty());
  const auto mobile = ask("mobile");
  CHECK(mobile->responder.body == R"({"id":1,"name":"a"})");
  CHECK(mobile->sent_field("x-class") == "mobile");
  CHECK(ask("other")->sent_field("x-class") == "web");
}

namespace {

// `name=outcome/status/upstream` of each part.
std::string parts_of(const Composed& run) {
  std::string all;
  for (const PartRecord& part : run.trip->exchange.parts) {
    if (!all.empty()) all += ' ';
    all.append(part.name).append("=").append(part.outcome);
    all.append("/").append(std::to_string(part.status)).append("/").append(part.upstream);
    if (part.items != 0) all.append("/").append(std::to_string(part.items));
  }
  return all;
}

}  // namespace

TEST_CASE("compose: the log is told how each call has gone", "[compose]") {
  SECTION("well, and after how long") {
    const auto run =
        run_composed(kTwo, {json("{}", 200, milliseconds(30)), json("[1]", 203, milliseconds(50))});
    run.trip->clock.advance(milliseconds(60));
    REQUIRE(run.trip->done());
    CHECK(parts_of(run) == "user=ok/200/users orders=ok/203/orders");
    CHECK(run.trip->exchange.parts[0].microseconds == 30'000);
    CHECK(run.trip->exchange.parts[1].microseconds == 50'000);
  }
  SECTION("by its fallback, or without one") {
    const auto run = run_composed(
        "calls: {a: {upstream: orders, path: /a, optional: true, fallback: []}, "
        "b: {upstream: orders, path: /b, optional: true}, "
        "c: {upstream: orders, path: /c, optional: true, when: {header: {x-no: '1'}}}}, "
        "body: {a: $calls.a.body, b: $calls.b.body, c: $calls.c.body}",
        {json("", 500), json("", 404)});
    REQUIRE(run.trip->done());
    CHECK(parts_of(run) == "a=fallback/500/orders b=missing/404/orders c=skipped/0/");
  }
  SECTION("too late, and in vain") {
    const auto run = run_composed(
        "calls: {a: {upstream: orders, path: /a, timeout: 50ms}, "
        "b: {upstream: users, path: /b}, c: {upstream: users, path: '/{$calls.b.body#/x}'}}, "
        "body: {a: $calls.a.body, b: $calls.b.body, c: $calls.c.body}",
        {json("{}", 200, milliseconds(700)), json("{}", 200, milliseconds(900))});
    run.trip->clock.advance(milliseconds(60));
    run.trip->clock.advance(milliseconds(1000));
    REQUIRE(run.trip->done());
    CHECK(run.status() == 504);
    CHECK(parts_of(run) == "a=timeout/0/orders b=ok/200/users c=stopped/0/");
  }
  SECTION("by what the client was answered with") {
    const auto run =
        run_composed("calls: {a: {upstream: orders, path: /a, pass: [404]}}, body: $calls.a.body",
                     {json("{}", 404)});
    REQUIRE(run.trip->done());
    CHECK(parts_of(run) == "a=passed/404/orders");
  }
  SECTION("of a list as a whole") {
    const auto run = run_composed(
        "calls: {list: {upstream: orders, path: /list}, "
        "each: {upstream: users, path: '/{$item}', forEach: $calls.list.body, optional: true, "
        "fallback: null}}, body: $calls.each.body",
        {json("[1,2,3]"), json("1"), json("", 500), json("3")});
    REQUIRE(run.trip->done());
    CHECK(parts_of(run) == "list=ok/200/orders each=fallback/500/users/3");
  }
}

TEST_CASE("compose: a client that leaves ends all calls", "[compose]") {
  auto run =
      run_composed(kTwo, {json("{}", 200, milliseconds(700)), json("[]", 200, milliseconds(900))});
  CHECK_FALSE(run.trip->done());
  run.trip->exchange.client_gone = true;
  run.trip->exchange.cancel_all();
  run.trip->clock.advance(milliseconds(1000));
  CHECK(run.trip->done());
}

}  // namespace gw
