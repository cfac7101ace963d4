// Transformation of requests and answers, from the document to the bytes.
#include <catch2/catch.hpp>
#include <string>

#include "golden-tests/engine/compiled_table.h"
#include "golden-tests/engine/trip.h"
#include "runtime/encoding/testing/pieces.h"

namespace gw {
namespace {

// An operation with these fields, and what becomes of one answer.
std::string document(const std::string& fields) {
  return R"(
openapi: 3.1.0
info: {title: Users, version: '1'}
x-gw: {upstreams: {users: {targets: ['http://127.0.0.1:9001']}}, defaults: {upstream: users, timeout: 5s}}
paths:
  /users/{id}:
    parameters:
      - {name: id, in: path, required: true, schema: {type: integer}}
      - {name: flag, in: query, schema: {type: boolean}}
    get:
      operationId: getUser
      x-gw: {)" +
         fields + R"(}
      responses: {'200': {description: ok}}
    post:
      operationId: postUser
      x-gw: {)" +
         fields + R"(}
      requestBody: {content: {application/json: {}, application/x-www-form-urlencoded: {}, text/plain: {}}}
      responses: {'200': {description: ok}}
)";
}

struct Answered {
  u16 status = 0;
  std::string body;
  std::string type;
};

// What clients get of `body`.
Answered answered(const std::string& fields, const std::string& body, u16 status = 200,
                  const std::string& type = "application/json",
                  const std::string& target = "/users/7") {
  Trip trip(compiled_table(document(fields)));
  trip.fetcher.script = {{.status = status, .fields = {{"content-type", type}}, .body = body}};
  trip.start("GET", target.c_str(), {{"host", "a"}});
  REQUIRE(trip.done());
  return {trip.responder.status, trip.responder.body, trip.field("content-type")};
}

std::string changed(const std::string& changes, const std::string& body) {
  const Answered result = answered("response: {body: {" + changes + "}}", body);
  return result.status == 200 ? result.body : std::to_string(result.status);
}

// What an upstream gets.
struct Sent {
  std::string target;
  std::string body;
  std::string type;
  u16 status = 0;
};
Sent sent(const std::string& fields, const std::string& body, const std::string& type,
          const std::string& target = "/users/7") {
  Trip trip(compiled_table(document(fields)));
  trip.start("POST", target.c_str(), {{"host", "a"}, {"content-type", type}}, body);
  REQUIRE(trip.done());
  if (trip.fetcher.sent.empty())
    return {.target = {}, .body = {}, .type = {}, .status = trip.responder.status};
  return {trip.fetcher.sent[0].target, trip.fetcher.sent[0].body, trip.sent_field("content-type"),
          trip.responder.status};
}

// What an upstream gets of a form of which `media` is declared, or the status of the refusal.
std::string form_as_json(const std::string& fields, const std::string& media,
                         const std::string& form) {
  const std::string type = "application/x-www-form-urlencoded";
  std::string text = document(fields);
  text.replace(text.find(type + ": {}"), type.size() + 4, type + ": " + media);
  Trip trip(compiled_table(text));
  trip.start("POST", "/users/7", {{"host", "a"}, {"content-type", type}}, form);
  REQUIRE(trip.done());
  return trip.fetcher.sent.empty() ? std::to_string(trip.responder.status)
                                   : trip.fetcher.sent[0].body;
}

constexpr const char* kList =
    R"({"items":[{"id":1,"a":{"x":1,"y":2},"s":"q"},{"id":2.50,"a":null},{"s":"\u0041"}],"next":"n","n":9007199254740993})";

}  // namespace

TEST_CASE("body: pick keeps what paths lead to, as it was written", "[transform]") {
  CHECK(changed("pick: [next, n]", kList) == R"({"next":"n","n":9007199254740993})");
  CHECK(changed("pick: ['items/*/id', next]", kList) ==
        R"({"items":[{"id":1},{"id":2.50},{}],"next":"n"})");
  CHECK(changed("pick: ['items/*/a/x']", kList) == R"({"items":[{"a":{"x":1}},{"a":null},{}]})");
  CHECK(changed("pick: [items]", R"({"items" : [ 1,  2 ],"b":1})") == R"({"items":[ 1,  2 ]})");
  CHECK(changed("pick: [nothing]", kList) == "{}");
  CHECK(changed("pick: [a~1b, m~0n]", R"({"a/b":1,"m~n":2,"c":3})") == R"({"a/b":1,"m~n":2})");
  CHECK(changed("pick: [caf\u00e9]", R"({"caf\u00e9":1,"b":2})") == R"({"caf\u00e9":1})");
}

TEST_CASE("body: a value where a path leads further is not shown", "[transform]") {
  CHECK(changed("pick: [a/b]", R"({"a":"secret"})") == "{}");
  CHECK(changed("pick: [a/b]", R"({"a":[1,2]})") == R"({"a":[]})");
  CHECK(changed("pick: [a/b]", R"({"a":null})") == R"({"a":null})");
  CHECK(changed("pick: [a]", R"("secret")") == "null");
  CHECK(changed("pick: [a]", R"(["secret"])") == "[]");
}

TEST_CASE("body: omit, rename and move", "[transform]") {
  CHECK(changed("omit: ['items/*/a', n]", kList) ==
        R"({"items":[{"id":1,"s":"q"},{"id":2.50},{"s":"\u0041"}],"next":"n"})");
  CHECK(
      changed("rename: {next: cursor, 'items/*/id': key}", kList) ==
      R"({"items":[{"key":1,"a":{"x":1,"y":2},"s":"q"},{"key":2.50,"a":null},{"s":"\u0041"}],"cursor":"n","n":9007199254740993})");
  CHECK(changed("rename: {a: b}", R"({"b":1,"a":2})") == R"({"b":2})");
}

TEST_CASE("body: moves make the objects on the way", "[transform]") {
  CHECK(changed("move: {a: b/c}", R"({"a":1,"d":2})") == R"({"d":2,"b":{"c":1}})");
  CHECK(changed("move: {'l/*/a': 'l/*/b/c'}", R"({"l":[{"a":1},{"x":2}]})") ==
        R"({"l":[{"b":{"c":1}},{"x":2}]})");
}

TEST_CASE("body: what is in the way of a new member stays", "[transform]") {
  CHECK(changed("set: {total: 9}", "[1,2]") == "[1,2]");
  CHECK(changed("set: {name/z: 9}", R"({"name":"a"})") == R"({"name":"a"})");
  CHECK(changed("set: {items/z: 9, n: 1}", R"({"items":[1]})") == R"({"items":[1],"n":1})");
  CHECK(changed("move: {name: items/nm}", R"({"name":"a","items":[1]})") ==
        R"({"name":"a","items":[1]})");
  CHECK(changed("set: {a/b: 1}", R"({"a":null})") == R"({"a":{"b":1}})");
  CHECK(changed("move: {a: a/b}", R"({"a":1})") == R"({"a":{"b":1}})");
}

TEST_CASE("body: lists become their first item, items of it, parts of items", "[transform]") {
  CHECK(changed("first: [l]", R"({"l":[{"a":1},2]})") == R"({"l":{"a":1}})");
  CHECK(changed("first: [l]", R"({"l":[]})") == R"({"l":null})");
  CHECK(changed("limit: {l: 2}", R"({"l":[1,2,3]})") == R"({"l":[1,2]})");
  CHECK(changed("map: {l: id}", R"({"l":[{"id":1},{"x":0},{"id":"b"}]})") == R"({"l":[1,"b"]})");
  CHECK(changed("flatten: [l]", R"({"l":[[1,2],3,[[4]]]})") == R"({"l":[1,2,3,[4]]})");
}

TEST_CASE("body: flatten lifts members, and none over those that are there", "[transform]") {
  CHECK(changed("flatten: [a]", R"({"id":1,"a":{"id":2,"x":3}})") == R"({"id":1,"x":3})");
}

TEST_CASE("body: set, wrap and template write values that keep their type", "[transform]") {
  CHECK(changed("set: {'m/id': $request.path.id, on: false, t: 'u{$request.path.id}', s: "
                "$response.status}",
                R"({"a":1})") == R"({"a":1,"m":{"id":7},"on":false,"t":"u7","s":200})");
  CHECK(changed("set: {q: $request.query.flag}", "{}") == "{}");
  CHECK(changed("wrap: data/user", R"({"a":1})") == R"({"data":{"user":{"a":1}}})");
  CHECK(changed("wrap: data", R"([1])") == R"({"data":[1]})");
  CHECK(
      changed(
          "template: {id: $request.path.id, x: '$response.body#/a/0', gone: '$response.body#/no', "
          "list: ['$response.body#/no', 1]}",
          R"({"a":["\u00e9\n"]})") == R"({"id":7,"x":"\u00e9\n","list":[1]})");
}

TEST_CASE("body: what is no success passes, and what is no JSON where nothing is hidden",
          "[transform]") {
  CHECK(answered("response: {body: {set: {a: 1}}}", "plain", 200, "text/plain").body == "plain");
  CHECK(answered("response: {body: {pick: [a]}}", "plain", 404, "text/plain").body == "plain");
  CHECK(answered("response: {body: {pick: [a]}}", R"({"b":1})", 404).body == R"({"b":1})");
  CHECK(answered("response: {body: {pick: [a]}}", R"({"b":1,"a":2})", 201,
                 "application/hal+json; charset=utf-8")
            .body == R"({"a":2})");
}

TEST_CASE("body: a status that is changed takes no body past its changes", "[transform]") {
  const std::string kBody = R"({"a":1,"b":2})";
  const auto pick = [&](const std::string& map, u16 status) {
    return answered("response: {status: {" + map + "}, body: {pick: [a]}}", kBody, status);
  };
  CHECK(pick("'404': 200", 404).body == R"({"a":1})");
  CHECK(pick("5xx: 203", 503).body == R"({"a":1})");
  CHECK(pick("default: 200", 302).body == R"({"a":1})");
  CHECK(pick("'200': 404", 200).status == 404);
  CHECK(pick("'200': 404", 200).body == R"({"a":1})");
  CHECK(pick("'404': 500", 404).body == kBody);  // an error, and seen as one
  CHECK(pick("'200': 206", 200).body == R"({"a":1})");
}

TEST_CASE("body: what is hidden is not shown in another type than JSON", "[transform]") {
  for (const char* type :
       {"text/csv", "application/xml", "application/x-ndjson", "what ever", ""}) {
    for (const char* changes : {"pick: [a]", "omit: [b]"}) {
      CAPTURE(type, changes);
      const std::string fields = std::string("response: {body: {") + changes + "}}";
      const Answered secret = answered(fields, "b: secret", 200, type);
      CHECK(secret.status == 502);
      CHECK(secret.body.find("secret") == std::string::npos);
      CHECK(answered(fields, "", 200, type).status == 200);
      CHECK(answered(fields, "", 200).status == 200);
      CHECK(answered(fields, "b: fault", 404, type).body == "b: fault");
    }
  }
  CHECK(answered("response: {body: {omit: [b]}}", R"({"a":1,"b":2})", 200, "text/json").body ==
        R"({"a":1})");
  const std::string absent = "response: {status: {'404': 204}, body: {pick: [a]}}";
  CHECK(answered(absent, "<html>", 404, "text/html").status == 204);
}

TEST_CASE("body: what `respond` says is said in its own type", "[transform]") {
  Trip trip(compiled_table(
      document("respond: {status: 200, body: fine}, response: {body: {omit: [b]}}")));
  trip.start("GET", "/users/7", {{"host", "a"}});
  REQUIRE(trip.done());
  CHECK(trip.responder.status == 200);
  CHECK(trip.responder.body == "fine");
}

TEST_CASE("body: part of an answer is not passed on unchanged", "[transform]") {
  const std::string kBody = R"({"a":1,"b":2})";
  for (const char* map : {"", "status: {'206': 200}, ", "status: {'206': 404}, "}) {
    CAPTURE(map);
    const Answered part =
        answered(std::string("response: {") + map + "body: {pick: [a]}}", kBody, 206);
    CHECK(part.status == 502);
    CHECK(part.body.find("\"b\"") == std::string::npos);
  }
}

TEST_CASE("body: an error that is only read, and is no JSON, passes whole", "[transform]") {
  const Answered error =
      answered("response: {headers: {set: {x-a: '$response.body#/a'}}}", "no JSON", 500);
  CHECK(error.status == 500);
  CHECK(error.body == "no JSON");
}

TEST_CASE("body: what cannot be read or is too long is refused, or passes as told", "[transform]") {
  CHECK(answered("response: {body: {pick: [a]}}", "{", 200).status == 502);
  CHECK(answered("response: {body: {pick: [a], maxSize: 8B}}", R"({"a":12345678})").status == 502);
  CHECK(answered("response: {body: {pick: [a], maxSize: 8B, tooLarge: pass}}", R"({"b":12345678})")
            .body == R"({"b":12345678})");
  CHECK(answered("response: {body: {set: {b: 'xxxxxxxxxxxxxxxxx'}, maxSize: 20B}}", R"({"a":1})")
            .status == 502);
}

TEST_CASE("body: what is too long only when it is changed or decoded passes as it came",
          "[transform]") {
  const std::string grows = "body: {set: {b: 'xxxxxxxxxxxxxxxxx'}, maxSize: 20B, tooLarge: ";
  const Answered kept = answered("response: {" + grows + "pass}}", R"({"a":1})");
  CHECK(kept.status == 200);
  CHECK(kept.body == R"({"a":1})");
  CHECK(sent("request: {" + grows + "pass}}", R"({"a":1})", "application/json").body ==
        R"({"a":1})");
  CHECK(sent("request: {" + grows + "refuse}}", R"({"a":1})", "application/json").status == 413);
  const std::string hides =
      "body: {omit: [c], set: {b: 'xxxxxxxxxxxxxxxxx'}, maxSize: 20B, tooLarge: pass}";
  CHECK(answered("response: {" + hides + "}", R"({"a":1,"c":2})").status == 502);
  CHECK(sent("request: {" + hides + "}", R"({"a":1,"c":2})", "application/json").status == 413);

  const std::string plain = R"({"a":")" + std::string(4000, 'x') + R"("})";
  const std::string packed = encoding::testing::encode(encoding::Coding::Gzip, plain);
  REQUIRE(packed.size() < 200);
  for (const char* word : {"pass", "refuse"}) {
    CAPTURE(word);
    const bool passes = word[0] == 'p';
    const std::string body =
        std::string("body: {omit: [a], maxSize: 300B, tooLarge: ") + word + "}";
    Trip answer(compiled_table(document("response: {" + body + "}")));
    answer.fetcher.script = {
        {.status = 200,
         .fields = {{"content-type", "application/json"}, {"content-encoding", "gzip"}},
         .body = packed}};
    answer.start("GET", "/users/7", {{"host", "a"}, {"accept-encoding", "gzip"}});
    REQUIRE(answer.done());
    CHECK(answer.responder.status == (passes ? 200 : 502));
    CHECK((answer.responder.body == packed) == passes);
    CHECK((answer.field("content-encoding") == "gzip") == passes);

    Trip request(compiled_table(document("request: {" + body + "}")));
    request.start(
        "POST", "/users/7",
        {{"host", "a"}, {"content-type", "application/json"}, {"content-encoding", "gzip"}},
        packed);
    REQUIRE(request.done());
    CHECK(request.responder.status == (passes ? 200 : 413));
    REQUIRE(request.fetcher.sent.size() == (passes ? 1 : 0));
    if (passes) CHECK(request.fetcher.sent[0].body == packed);
  }
  Trip broken(compiled_table(document("request: {body: {omit: [a]}}")));
  broken.start("POST", "/users/7",
               {{"host", "a"}, {"content-type", "application/json"}, {"content-encoding", "gzip"}},
               packed.substr(0, 30));
  REQUIRE(broken.done());
  CHECK(broken.responder.status == 400);
}

TEST_CASE("body: a changed answer says nothing of the bytes that it was", "[transform]") {
  Trip trip(compiled_table(document("response: {body: {omit: [b]}}")));
  trip.fetcher.script = {{.status = 200,
                          .fields = {{"content-type", "application/json"},
                                     {"etag", "\"v1\""},
                                     {"accept-ranges", "bytes"},
                                     {"content-md5", "x"}},
                          .body = R"({"a":1,"b":2})"}};
  trip.start("GET", "/users/7",
             {{"host", "a"}, {"accept-encoding", "gzip"}, {"range", "bytes=0-1"}});
  REQUIRE(trip.done());
  CHECK(trip.responder.body == R"({"a":1})");
  CHECK(trip.field("etag") == "W/\"v1\"");
  CHECK(trip.field("accept-ranges") == "(none)");
  CHECK(trip.field("content-md5") == "(none)");
  CHECK(trip.sent_field("accept-encoding") == "identity");
  CHECK(trip.sent_field("range") == "(none)");
}

TEST_CASE("body: without a body an answer has the fields that it would have with it",
          "[transform]") {
  const auto told = [](const char* method, const std::string& fields, u16 status,
                       std::vector<engine::OfflineField> asks, const std::string& type) {
    Trip trip(compiled_table(document("response: {body: {" + fields + "}}")));
    trip.fetcher.script = {
        {.status = status, .fields = {{"etag", "\"v1\""}, {"digest", "x"}}, .body = {}}};
    auto& answer = trip.fetcher.script.front().fields;
    if (!type.empty()) answer.push_back({"content-type", type});
    asks.push_back({"host", "a"});
    trip.start(method, "/users/7", asks);
    REQUIRE(trip.done());
    CHECK(trip.responder.status == status);
    return trip.field("etag") + " " + trip.field("content-type") + " " + trip.field("digest");
  };
  const std::string json = "application/json";
  const std::string form = "application/x-www-form-urlencoded";
  CHECK(told("HEAD", "omit: [a]", 200, {}, json) == "W/\"v1\" application/json (none)");
  CHECK(told("HEAD", "format: form", 200, {}, json) == "W/\"v1\" " + form + " (none)");
  CHECK(told("HEAD", "format: json", 200, {}, form) == "W/\"v1\" application/json (none)");
  CHECK(told("HEAD", "set: {a: 1}", 200, {}, "text/csv") == "\"v1\" text/csv x");
  CHECK(told("HEAD", "set: {a: 1}", 404, {}, json) == "\"v1\" application/json x");
  const auto etag = [&](std::vector<engine::OfflineField> asks, const std::string& type) {
    const std::string all = told("GET", "omit: [a]", 304, std::move(asks), type);
    return all.substr(0, all.find(' '));
  };
  CHECK(etag({{"if-none-match", "W/\"v1\""}}, json) == "W/\"v1\"");
  CHECK(etag({{"if-none-match", "\"v1\""}}, json) == "\"v1\"");
  const char* date = "Wed, 01 Nov 2023 00:00:00 GMT";
  CHECK(etag({{"if-modified-since", date}}, json) == "W/\"v1\"");
  CHECK(etag({{"if-modified-since", date}}, "text/csv") == "\"v1\"");
  // Most that answer 304 name no type.
  CHECK(etag({{"if-modified-since", date}}, "") == "W/\"v1\"");
}

TEST_CASE("request: JSON bodies are changed before they are sent", "[transform]") {
  const Sent json = sent("request: {body: {omit: [admin], set: {id: $request.path.id}}}",
                         R"({"name":"a","admin":true})", "application/json");
  CHECK(json.body == R"({"name":"a","id":7})");
  CHECK(sent("request: {body: {omit: [a]}}", "a=1", "text/plain").body == "a=1");
  CHECK(sent("request: {body: {omit: [a]}}", "{", "application/json").status == 400);
  CHECK(
      sent("request: {body: {omit: [a], maxSize: 4B}}", R"({"a":1})", "application/json").status ==
      413);
  CHECK(sent("request: {body: {omit: [a], maxSize: 4B, tooLarge: pass}}", R"({"a":1})",
             "application/json")
            .body == R"({"a":1})");
}

TEST_CASE("request: values of a body can be put elsewhere", "[transform]") {
  const Sent moved = sent(
      "path: '/x/{$request.body#/user/id}', request: {headers: {set: {x-n: '$request.body#/n'}}}",
      R"({"user":{"id":"a b"},"n":1.50})", "application/json");
  CHECK(moved.target == "/x/a%20b");
  CHECK(moved.body == R"({"user":{"id":"a b"},"n":1.50})");
}

TEST_CASE("request: text of a path is sent as a request line may have it", "[transform]") {
  const auto target = [](const std::string& path) {
    return sent("path: '" + path + "'", "{}", "application/json").target;
  };
  CHECK(target("/obj/a b/\u00fc") == "/obj/a%20b/%C3%BC");
  CHECK(target("/a%20b/{id}?q=x y&r=\"#") == "/a%20b/7?q=x%20y&r=%22%23");
  CHECK(target("/50%/x") == "/50%25/x");
}

TEST_CASE("request: JSON becomes a form and the other way round", "[transform]") {
  const Sent form = sent("request: {body: {format: form}}",
                         R"({"a":"x y","b":[1,true],"c":null,"d":{"e":1}})", "application/json");
  CHECK(form.body == "a=x%20y&b=1&b=true&d=%7B%22e%22%3A1%7D");
  CHECK(form.type == "application/x-www-form-urlencoded");
  const Sent json = sent("request: {body: {format: json, omit: [c]}}", "a=x+y&b=1&b=%22&c=2",
                         "application/x-www-form-urlencoded");
  CHECK(json.body == R"({"a":"x y","b":["1","\""]})");
  CHECK(json.type == "application/json");
}

TEST_CASE("request: fields of a form become what their schema says", "[transform]") {
  const std::string schema =
      "{type: object, required: [n], additionalProperties: {type: boolean}, properties: {n: {type: "
      "integer}, f: {type: number}, s: {type: string}, l: {type: array, items: {type: integer}}, "
      "o: {type: object, properties: {a: {type: integer}}}, e: {type: [integer, string]}}}";
  const auto json_of = [&](const std::string& form, const std::string& validate = "") {
    return form_as_json("request: {body: {format: json, omit: [gone]}}" + validate,
                        "{schema: " + schema + "}", form);
  };
  CHECK(json_of("n=7&f=1.50&s=7&e=x&extra=true") ==
        R"({"e":"x","f":1.50,"n":7,"s":"7","extra":true})");
  CHECK(json_of("n=7&l=1&l=2&o=%7B%22a%22%3A1%7D&e=5") == R"({"e":5,"l":[1,2],"n":7,"o":{"a":1}})");
  CHECK(json_of("n=7&l=1&s=a+b%22%5C") == R"({"l":[1],"n":7,"s":"a b\"\\"})");
  // As the validator says.
  CHECK(json_of("n=seven") == "400");
  CHECK(json_of("n=1&n=2") == "400");
  CHECK(json_of("f=1") == "400");
  // What may be a text or an object is a value, which takes none of the other fields.
  const std::string either =
      "{type: object, properties: {a: {type: [string, object], properties: {b: {type: string}}}, "
      "b: {type: string}}}";
  for (const std::string mode : {"enforce", "off"}) {
    CHECK(form_as_json("request: {body: {format: json}}, validate: {request: " + mode + "}",
                       "{schema: " + either + "}", "a=x&b=2") == R"({"a":"x","b":"2"})");
  }
  // It lets this pass: what does not fit is a text, and all else what its schema says.
  for (const std::string mode : {"log", "off"}) {
    CAPTURE(mode);
    const auto passed = [&](const std::string& form) {
      return json_of(form, ", validate: {request: " + mode + "}");
    };
    CHECK(passed("n=7&f=1.50&s=7&l=1&l=2&extra=true") ==
          R"({"f":1.50,"l":[1,2],"n":7,"s":"7","extra":true})");
    CHECK(passed("n=seven&f=1") == R"({"f":1,"n":"seven"})");
    CHECK(passed("n=1&n=2&f=1") == R"({"f":1,"n":["1","2"]})");
    CHECK(passed("f=1&more=1&more=true&o=%7B%22a%22&l=x") ==
          R"({"f":1,"l":["x"],"more":["1","true"],"o":"{\"a\""})");
    CHECK(passed("o=%7B%22a%22%3A1%7D&o=2") == R"({"o":["{\"a\":1}","2"]})");
    CHECK(passed("s=%FF") == "400");
  }
}

TEST_CASE("request: fields of a form in brackets, and forms that expressions read", "[transform]") {
  const auto json_of = [](const std::string& form, const std::string& changes) {
    return form_as_json(
        "validate: {request: off}, request: {body: {format: json" + changes + "}}",
        "{schema: {type: object, properties: {o: {type: object, properties: {a: {type: integer}}}, "
        "c: {type: array, items: {type: integer}}}}, encoding: {o: {style: deepObject}, c: {style: "
        "form, explode: false}}}",
        form);
  };
  CHECK(json_of("o%5Ba%5D=1&o[b]=2&c=1,2", "") == R"({"c":[1,2],"o":{"a":1,"b":"2"}})");
  CHECK(json_of("o[a]=1&o=2", "") == R"({"o[a]":"1","o":"2"})");
  CHECK(json_of("o[a=1&c=1&c=2", "") == R"({"o[a":"1","c":["1","2"]})");
  CHECK(json_of("o[a]=1", ", set: {at: '$request.body#/o/a'}") == R"({"o":{"a":1},"at":1})");
  CHECK(json_of("o[a]=1", ", template: {data: '$request.body#/o'}") == R"({"data":{"a":1}})");
}

TEST_CASE("body: a form is made of what a template or an expression has written", "[transform]") {
  const auto answered = [](const std::string& changes, const std::string& body) {
    Trip trip(compiled_table(document("response: {body: {format: form, " + changes + "}}")));
    trip.fetcher.script = {
        {.status = 200, .fields = {{"content-type", "application/json"}}, .body = body}};
    trip.start("GET", "/users/7", {{"host", "a"}});
    REQUIRE(trip.done());
    return trip.responder.status == 200 ? trip.responder.body
                                        : std::to_string(trip.responder.status);
  };
  CHECK(answered("template: {n: $response.body#/id, t: x, l: [1, 2]}", R"({"id":1})") ==
        "n=1&t=x&l=1&l=2");
  CHECK(answered("template: {n: $response.body#/o}", R"({"o":{"a":1}})") == "n=%7B%22a%22%3A1%7D");
  CHECK(answered("set: {l: [1, x], o: {a: 1}}", "{}") == "l=1&l=x&o=%7B%22a%22%3A1%7D");
  CHECK(answered("template: $response.body#/inner", R"({"inner":{"a":"b c"}})") == "a=b%20c");
  // What the schema does not say is found out here.
  CHECK(answered("template: $response.body#/inner", R"({"inner":[1]})") == "502");
  CHECK(answered("set: {l: []}", "{}").empty());
  // Whose body cannot be a form is who has sent it.
  for (const std::string body : {"[1]", "5", "null"}) {
    Trip trip(compiled_table(document("request: {body: {format: form}}, validate: off")));
    trip.start("POST", "/users/7", {{"host", "a"}, {"content-type", "application/json"}}, body);
    REQUIRE(trip.done());
    CHECK(trip.responder.status == 400);
  }
}

TEST_CASE("response: a form becomes JSON as its schema says, and JSON a form", "[transform]") {
  constexpr const char* kForm = "application/x-www-form-urlencoded";
  const auto answer = [&](const std::string& fields, const std::string& type,
                          const std::string& body, u16 status = 200) {
    std::string text = document(fields);
    const std::string form = std::string(kForm) + ": {schema: {type: object, properties: ";
    const std::string declared = "responses: {'200': {description: ok}}";
    text.replace(text.find(declared), declared.size(),
                 "responses: {2XX: {description: ok, content: {" + form +
                     "{n: {type: integer}, ok: {type: boolean}, l: {type: array, items: {type: "
                     "integer}}}}}}}, '202': {description: ok, content: {" +
                     form + "{n: {type: string}}}}}}}");
    text.replace(text.find("defaults:"), 9,
                 "clients: {mobile: {when: {header: {x-c: m}}}}, defaults:");
    Trip trip(compiled_table(text));
    trip.fetcher.script = {
        {.status = status, .fields = {{"content-type", type}, {"etag", "\"a\""}}, .body = body}};
    trip.start("GET", "/users/7", {{"host", "a"}, {"x-c", "m"}});
    REQUIRE(trip.done());
    CHECK((trip.responder.status >= 300 || trip.field("etag") == "W/\"a\""));
    return std::to_string(trip.responder.status) + " " + trip.field("content-type") + " " +
           trip.responder.body;
  };
  const std::string json = "response: {body: {format: json}}";
  CHECK(answer(json, kForm, "n=7&ok=true&l=1&s=a+b") ==
        R"(200 application/json {"l":[1],"n":7,"ok":true,"s":"a b"})");
  CHECK(answer(json, kForm, "n=seven&ok=1", 201) ==
        R"(201 application/json {"n":"seven","ok":"1"})");
  // Each status has its own; validation has no say in it.
  CHECK(answer(json + ", validate: off", kForm, "n=7", 202) == R"(202 application/json {"n":"7"})");
  CHECK(answer("validate: off, response: {body: {format: json, pick: [n], set: {at: "
               "'$response.body#/l'}}}",
               kForm, "n=7&l=1&l=2&secret=1") == R"(200 application/json {"n":7,"at":[1,2]})");
  CHECK(answer(json, kForm, "n=%FF").substr(0, 3) == "502");
  CHECK(answer("response: {body: {format: form, omit: [ok]}}", kForm, "n=7&ok=true&l=1&l=2") ==
        "200 application/x-www-form-urlencoded l=1&l=2&n=7");
  CHECK(answer("response: {body: {format: form}}", "application/json", R"({"n":[1,"x y"]})") ==
        "200 application/x-www-form-urlencoded n=1&n=x%20y");
  // What a view says comes behind it, and has the last word.
  CHECK(answer("response: {body: {format: form}}, views: {mobile: {pick: [n]}}", kForm,
               "n=7&ok=true") == "200 application/x-www-form-urlencoded n=7");
  CHECK(answer("views: {mobile: {response: {body: {format: json, omit: [ok]}}}}", kForm,
               "n=7&ok=true") == R"(200 application/json {"n":7})");
  CHECK(answer("response: {body: {format: form}}, views: {mobile: {response: {body: {format: json, "
               "set: {m: '$response.body#/n'}}}}}",
               kForm, "n=7") == R"(200 application/json {"n":7,"m":7})");
}

TEST_CASE("request: the query is changed by names, and the rest keeps its spelling",
          "[transform]") {
  const auto target = [](const std::string& changes, const std::string& query) {
    return sent("request: {query: {" + changes + "}}", "{}", "application/json",
                "/users/7?" + query)
        .target;
  };
  CHECK(target("remove: [b]", "a=%7e&b=1&c&b=2") == "/users/7?a=%7e&c");
  CHECK(target("set: {b: '$request.path.id'}", "a=1&b=2&b=3") == "/users/7?a=1&b=7");
  CHECK(target("set: {b: '$request.header.x-none'}", "b=2") == "/users/7");
  CHECK(target("add: {b: x&y}, default: {a: z, d: e}", "a=1") == "/users/7?a=1&d=e&b=x%26y");
  CHECK(target("rename: {a: b}", "a=%20&b=1&a") == "/users/7?b=%20&b");
  CHECK(target("copy: {a: b}", "a=1") == "/users/7?a=1&b=1");
}

TEST_CASE("response: other statuses, and bodies of one's own for errors", "[transform]") {
  CHECK(answered("response: {status: {'404': 200, 5xx: 502}}", "x", 404, "text/plain").status ==
        200);
  CHECK(answered("response: {status: {'404': 200, 5xx: 502}}", "x", 503, "text/plain").status ==
        502);
  const Answered error = answered(
      "response: {errors: {'404': {body: {title: none, id: $request.path.id}}, default: {body: {s: "
      "$response.status}, type: application/json}}}",
      R"({"internal":"trace"})", 404);
  CHECK(error.body == R"({"title":"none","id":7})");
  CHECK(error.type == "application/problem+json");
  const Answered other = answered(
      "response: {errors: {'404': {body: {title: none}}, default: {body: {s: $response.status}, "
      "type: "
      "application/json}}}",
      "trace", 500);
  CHECK(other.body == R"({"s":500})");
  CHECK(other.type == "application/json");
  CHECK(answered("response: {errors: {default: {body: {title: none}}}}", "fine", 200, "text/plain")
            .body == "fine");
}

TEST_CASE("response: errors of `defaults` hold for requests that no operation takes",
          "[transform]") {
  Trip trip(compiled_table(R"(
openapi: 3.1.0
info: {title: Users, version: '1'}
x-gw:
  upstreams: {users: {targets: ['http://127.0.0.1:9001']}}
  defaults:
    upstream: users
    timeout: 5s
    response: {headers: {set: {x-a: b}}, errors: {'404': {body: {title: nothing here, id: $request.id}}}}
paths:
  /users: {get: {operationId: users, responses: {'200': {description: ok}}}}
)"));
  trip.start("GET", "/nothing", {{"host", "a"}});
  REQUIRE(trip.done());
  CHECK(trip.responder.status == 404);
  CHECK(trip.responder.body == R"({"title":"nothing here","id":"r1"})");
  CHECK(trip.field("x-a") == "(none)");
}

TEST_CASE("response: answers of the gateway itself are changed as well", "[transform]") {
  Trip trip(compiled_table(
      document("respond: {status: 200, body: {a: 1, b: 2}}, response: {body: {pick: [a]}}")));
  trip.start("GET", "/users/7", {{"host", "a"}});
  REQUIRE(trip.done());
  CHECK(trip.responder.body == R"({"a":1})");
}

}  // namespace gw
