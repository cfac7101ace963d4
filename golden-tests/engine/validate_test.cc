// `validate` through the real compiler and engine.

#include <catch2/catch.hpp>
#include <cstring>
#include <string>

#include "golden-tests/engine/compiled_table.h"
#include "golden-tests/engine/trip.h"
#include "runtime/observe/access_log.h"
#include "runtime/policies/policy_list.h"
#include "runtime/policies/validate/record.h"
#include "runtime/table/verify.h"

namespace gw {
namespace {

using namespace std::string_literals;
using Fields = std::vector<engine::OfflineField>;

std::string document(const std::string& defaults) {
  return R"(openapi: 3.1.0
info: {title: T, version: '1'}
x-gw:
  upstreams: {origin: {targets: [{url: 'http://127.0.0.1:9001'}]}}
  defaults: {upstream: origin, timeout: 5s)" +
         defaults + R"(}
components:
  schemas:
    Order:
      type: object
      required: [item]
      additionalProperties: false
      properties:
        item: {type: string, minLength: 2}
        count: {type: integer, minimum: 1, maximum: 10}
        id: {type: integer, readOnly: true}
paths:
  /orders/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: integer, minimum: 1}}]
    get:
      operationId: getOrder
      parameters:
        - {name: limit, in: query, schema: {type: integer, maximum: 100}}
        - {name: sort, in: query, required: true, schema: {type: array, items: {enum: [a, b]}}}
        - {name: when, in: query, schema: {type: [integer, string], minLength: 3}}
        - {name: filter, in: query, style: deepObject, explode: true,
           schema: {type: object, additionalProperties: false, properties: {
             color: {type: string}, size: {type: integer}, tags: {type: array, maxItems: 2, items: {type: integer}},
             price: {type: object, additionalProperties: false, required: [min],
                     properties: {min: {type: number}, in: {type: object, properties: {cents: {type: boolean}}}}}}}}
        - {name: note, in: query, content: {text/plain: {schema: {type: string, maxLength: 5}}}}
        - {name: X-Ids, in: header, schema: {type: array, items: {type: integer}, maxItems: 3}}
        - {name: session, in: cookie, schema: {type: string, pattern: '^[a-f]+$'}}
        - {name: point, in: query, content: {application/json: {schema:
            {type: object, properties: {x: {type: number}}}}}}
      responses:
        '200':
          description: ok
          headers: {X-Total: {required: true, schema: {type: integer}},
                    X-Note: {content: {text/plain: {schema: {type: string, maxLength: 3}}}}}
          content: {application/json: {schema: {$ref: '#/components/schemas/Order'}}}
        '4XX': {description: no}
    put:
      operationId: putOrder
      requestBody:
        required: true
        content:
          application/json: {schema: {$ref: '#/components/schemas/Order'}}
          application/x-www-form-urlencoded:
            schema: {$ref: '#/components/schemas/Order'}
          multipart/form-data:
            schema:
              type: object
              required: [item]
              properties:
                item: {type: string}
                meta: {$ref: '#/components/schemas/Order'}
                more: {type: array, items: {$ref: '#/components/schemas/Order'}}
                memo: {type: [object, 'null'], required: [by]}
                files: {type: array, maxItems: 2, items: {type: string, format: binary}}
                photo: {type: string, format: binary, minLength: 3, maxLength: 4}
                icons: {type: array, items: {type: string, format: binary, maxLength: 2}}
                png: {type: string, contentMediaType: image/png, pattern: '^\x89PNG'}
                page: {type: string, contentMediaType: text/html, maxLength: 2}
                blob: {}
                raw: {type: string, maxLength: 2}
              additionalProperties: {type: string, maxLength: 6}
            encoding: {raw: {contentType: application/octet-stream}}
          text/plain: {schema: {type: string, maxLength: 5}}
          application/octet-stream: {}
      responses: {'200': {description: ok}}
)";
}

std::shared_ptr<const BoundTable> table_of(const std::string& defaults = ", validate: enforce") {
  return compiled_table(document(defaults));
}

constexpr const char* kGood = "/orders/7?sort=a";

struct Sent {
  u16 status;
  std::string body;
};

Sent get(const char* target, const Fields& fields = {},
         const std::string& defaults = ", validate: enforce") {
  Trip trip(table_of(defaults));
  trip.start("GET", target, fields);
  REQUIRE(trip.done());
  return {trip.responder.status, trip.responder.body};
}

Sent put(const std::string& type, const std::string& body, Fields fields = {}) {
  Trip trip(table_of());
  if (!type.empty()) fields.push_back({"Content-Type", type});
  trip.start("PUT", "/orders/7", fields, body);
  REQUIRE(trip.done());
  if (trip.responder.status == 200) {
    CHECK(trip.fetcher.sent.at(0).body == body);  // what was judged is what is sent
  } else {
    CHECK(trip.fetcher.sent.empty());
  }
  return {trip.responder.status, trip.responder.body};
}

bool says(const Sent& sent, const std::string& text) {
  INFO(sent.body);
  return sent.body.find(text) != std::string::npos;
}

}  // namespace

TEST_CASE("validate: a request as described passes", "[engine][validate]") {
  CHECK(get(kGood).status == 200);
  CHECK(get("/orders/7?sort=a&sort=b&limit=100&filter[color]=red&filter%5Bsize%5D=3").status ==
        200);
  CHECK(get(kGood, {{"X-Ids", "1, 2,3"}, {"Cookie", "other=1; session=abc"}}).status == 200);
  CHECK(get("/orders/7?sort=a&point=%7B%22x%22%3A1.5%7D").status == 200);
  CHECK(get("/orders/7?sort=a&unknown=1&unknown=2", {{"X-Other", "1"}}).status == 200);
}

TEST_CASE("validate: a parameter that is not as described is refused, by name",
          "[engine][validate]") {
  const auto refused = [](const Sent& sent, const std::string& text) {
    CHECK(sent.status == 400);
    CHECK(says(sent, text));
  };
  refused(get("/orders/0?sort=a"), R"({"in":"path","parameter":"id","keyword":"minimum")");
  refused(get("/orders/x?sort=a"), R"({"in":"path","parameter":"id","keyword":"type")");
  refused(get("/orders/7"), R"({"in":"query","parameter":"sort","keyword":"required")");
  refused(get("/orders/7?sort=a&limit=101"), R"("parameter":"limit","keyword":"maximum")");
  refused(get("/orders/7?sort=a&limit=1&limit=2"), R"("parameter":"limit","keyword":"style")");
  refused(get("/orders/7?sort=a&limit="), R"("parameter":"limit","keyword":"type")");
  refused(get("/orders/7?sort=a&sort=c"), R"("parameter":"sort","pointer":"/1","keyword":"enum")");
  refused(get("/orders/7?sort=a&filter[size]=big"),
          R"("parameter":"filter","pointer":"/size","keyword":"type")");
  refused(get("/orders/7?sort=a&filter[a][b]=1"), R"("parameter":"filter","pointer":"/a")");
  refused(get("/orders/7?sort=a&filter[a[b]]=1"), R"("parameter":"filter","keyword":"style")");
  refused(get(kGood, {{"X-Ids", "1,2,x"}}),
          R"("in":"header","parameter":"x-ids","pointer":"/2","keyword":"type")");
  refused(get(kGood, {{"X-Ids", "1,2"}, {"X-Ids", "3,4"}}), R"("keyword":"maxItems")");
  refused(get(kGood, {{"Cookie", "session=xyz"}}), R"("in":"cookie","parameter":"session")");
  refused(get("/orders/7?sort=a&point=%7B"), R"("parameter":"point","keyword":"content")");
  refused(get("/orders/7?sort=a&sort=%FF"), R"("parameter":"sort","keyword":"style")");
}

TEST_CASE("validate: a text that looks like a number may be a text", "[engine][validate]") {
  CHECK(get("/orders/7?sort=a&when=5").status == 200);    // an integer
  CHECK(get("/orders/7?sort=a&when=abc").status == 200);  // a text of three
  CHECK(get("/orders/7?sort=a&when=1.5").status == 200);  // no integer, but a text of three
  CHECK(get("/orders/7?sort=a&when=ab").status == 400);
}

TEST_CASE("validate: all faults are told, up to a limit, and no values", "[engine][validate]") {
  const Sent all = get("/orders/0?limit=999&when=zz", {{"X-Ids", "secret"}});
  CHECK(all.status == 400);
  for (const char* name : {"id", "limit", "sort", "when", "x-ids"}) {
    CHECK(says(all, std::string("\"parameter\":\"") + name + '"'));
  }
  CHECK_FALSE(says(all, "secret"));
  CHECK_FALSE(says(all, "999"));
  CHECK(says(all, R"("type":"urn:gwctl:problem:invalid-request")"));
  const Sent one = get("/orders/0?limit=999", {}, ", validate: {errors: 1}");
  CHECK(says(one, "\"limit\""));
  CHECK_FALSE(says(one, "\"id\""));
}

TEST_CASE("validate: bodies of JSON", "[engine][validate]") {
  const std::string json = "application/json";
  CHECK(put(json, R"({"item":"pen","count":3})").status == 200);
  CHECK(put("Application/JSON; charset=UTF-8", R"({"item":"pen"})").status == 200);
  const auto refused = [&](const std::string& body, const std::string& text) {
    const Sent sent = put(json, body);
    CHECK(sent.status == 400);
    CHECK(says(sent, text));
  };
  refused(R"({"item":"p","count":11,"more":1})", R"("pointer":"/item","keyword":"minLength")");
  refused(R"({"item":"p","count":11,"more":1})", R"("pointer":"/count","keyword":"maximum")");
  refused(R"({"item":"p","count":11,"more":1})", R"("pointer":"/more")");
  refused(R"({})", R"({"in":"body","pointer":"","keyword":"required")");
  refused(R"({"item":"pen","item":"pen"})", R"("keyword":"json")");
  refused(R"({"item":"pen")", R"("keyword":"json")");
  refused(R"({"item":"pen","id":3})", R"("pointer":"/id")");  // readOnly
}

TEST_CASE("validate: names of members are shown escaped and cut", "[engine][validate]") {
  const Sent sent =
      put("application/json", "{\"item\":\"pen\",\"\\\"\\u0001" + std::string(1000, 'x') + "\":1}");
  CHECK(sent.status == 400);
  CHECK(says(sent, R"("pointer":"/\"\u0001xxx)"));
  CHECK(sent.body.size() < 700);
}

TEST_CASE("validate: a body that is required, and one of no declared type", "[engine][validate]") {
  const Sent none = put("", "");
  CHECK(none.status == 400);
  CHECK(says(none, R"({"in":"body","pointer":"","keyword":"required")"));
  for (const char* type :
       {"application/xml", "text/html", "", "nonsense", "application/json; charset=latin1"}) {
    CAPTURE(type);
    CHECK(put(type, R"({"item":"pen"})").status == 415);
  }
  CHECK(put("application/json", R"({"item":"pen"})", {{"Content-Encoding", "deflate"}}).status ==
        415);
  CHECK(put("application/octet-stream", "\xff\xfe").status == 200);
  // What two readers could take for two types.
  CHECK(put("application/octet-stream", "x", {{"Content-Type", "application/json"}}).status == 415);
  CHECK(put("application/octet-stream; a=b, application/json", "x").status == 415);
  CHECK(put("multipart/form-data; boundary=a; boundary=b", "x").status == 415);

  Trip trip(table_of());
  trip.start("PUT", "/orders/7", {{"Content-Type", "image/png"}}, "x");
  CHECK(trip.field("accept") ==
        "application/json, application/x-www-form-urlencoded, multipart/form-data, text/plain, "
        "application/octet-stream");
}

TEST_CASE("validate: forms", "[engine][validate]") {
  const std::string form = "application/x-www-form-urlencoded";
  CHECK(put(form, "item=a+pen&count=3").status == 200);
  CHECK(says(put(form, "item=pen&count=many"), R"("pointer":"/count","keyword":"type")"));
  CHECK(says(put(form, "item=pen&other=1"), R"("pointer":"/other")"));
  CHECK(put(form, "item=pen&item=pen").status == 400);
  CHECK(put(form, "count=3").status == 400);
}

TEST_CASE("validate: multipart", "[engine][validate]") {
  const std::string type = "multipart/form-data; boundary=\"b b\"";
  const auto part = [](const std::string& name, const std::string& content,
                       const std::string& more = {}) {
    return "--b b\r\nContent-Disposition: form-data; name=\"" + name + "\"" + more + "\r\n\r\n" +
           content + "\r\n";
  };
  const std::string end = "--b b--\r\n";
  CHECK(put(type, part("item", "pen") + end).status == 200);
  CHECK(put(type, "preamble\r\n" + part("item", "pen") +
                      part("files", "\xff\x00\x01", "; filename=\"a.bin\"") +
                      part("meta", R"({"item":"pen"})") + end)
            .status == 200);
  CHECK(says(put(type, part("item", "pen") + part("meta", R"({"item":"p"})") + end),
             R"("pointer":"/meta/item","keyword":"minLength")"));
  CHECK(says(put(type, part("item", "pen") + part("meta", "{") + end),
             R"("parameter":"meta","keyword":"content")"));
  CHECK(says(put(type, part("item", "pen") + part("files", "1") + part("files", "2") +
                           part("files", "3") + end),
             R"("pointer":"/files","keyword":"maxItems")"));
  // A list of objects has one in each part; what may be null as well is JSON, too.
  const std::string pen = part("more", R"({"item":"pen"})");
  CHECK(put(type, part("item", "pen") + pen + pen + end).status == 200);
  CHECK(says(put(type, part("item", "pen") + pen + part("more", R"({"item":"p"})") + end),
             R"("pointer":"/more/1/item","keyword":"minLength")"));
  CHECK(put(type, part("item", "pen") + part("memo", R"({"by":"ann"})") + end).status == 200);
  CHECK(put(type, part("item", "pen") + part("memo", "null") + end).status == 200);
  CHECK(put(type, part("item", "pen") + part("memo", "{}") + end).status == 400);
  CHECK(put(type, part("item", "pen") + part("item", "pen") + end).status == 400);
  CHECK(put(type, part("item", "pen")).status == 400);  // without an end
  CHECK(put("multipart/form-data", part("item", "pen") + end).status == 400);
}

TEST_CASE("validate: lengths of parts that are bytes count bytes", "[engine][validate]") {
  const auto upload = [](const std::string& name, const std::string& content,
                         const std::string& more = "; filename=\"f\"") {
    return put("multipart/form-data; boundary=b",
               "--b\r\nContent-Disposition: form-data; name=\"item\"\r\n\r\npen\r\n"
               "--b\r\nContent-Disposition: form-data; name=\"" +
                   name + "\"" + more + "\r\n\r\n" + content + "\r\n--b--\r\n");
  };
  CHECK(upload("photo", "\xff\x00\xfe"s).status == 200);
  CHECK(upload("photo", "\xff\xd8\xff\xe0").status == 200);
  CHECK(says(upload("photo", "\xff\xd8"), R"("pointer":"/photo","keyword":"minLength")"));
  CHECK(
      says(upload("photo", "\xff\xd8\xff\xe0\x01"), R"("pointer":"/photo","keyword":"maxLength")"));
  // Bytes are counted though they could be characters.
  CHECK(upload("photo", "\xc3\xa9\xc3\xa9").status == 200);
  CHECK(upload("photo", "\xc3\xa9\xc3\xa9\xc3\xa9").status == 400);
  CHECK(upload("icons", "\xff\xff").status == 200);
  CHECK(says(upload("icons", "\xff\xff\xff"), R"("pointer":"/icons/0","keyword":"maxLength")"));
  CHECK(upload("png", "\x89PNG\r\n\x1a\n").status == 200);
  CHECK(says(upload("png", "GIF89a"), R"("pointer":"/png","keyword":"pattern")"));
  CHECK(upload("raw", "\xff\xfe").status == 200);
  CHECK(upload("raw", "\xc3\xa9\xc3").status == 400);
  // Text is text, and counts characters.
  CHECK(upload("page", "\xc3\xa9\xc3\xa9").status == 200);
  CHECK(upload("page", "\xff").status == 400);
  // What the document says nothing of is bytes in 3.1.
  CHECK(upload("blob", "\xff\xfe\x00"s).status == 200);
  // A file that is not declared.
  CHECK(upload("other", "\xff\xff\xff\xff\xff\xff").status == 200);
  CHECK(says(upload("other", "\xff\xff\xff\xff\xff\xff\xff"),
             R"("pointer":"/other","keyword":"maxLength")"));
}

TEST_CASE("validate: deepObjects in a form, and fields that have no place in one",
          "[engine][validate]") {
  const auto post = [](const char* schema, const char* encoding, const std::string& body) {
    Trip trip(compiled_table(std::string(R"(openapi: 3.1.0
info: {title: T, version: '1'}
x-gw:
  public: a test
  upstreams: {origin: {targets: [{url: 'http://127.0.0.1:9001'}]}}
  defaults: {upstream: origin, timeout: 5s}
paths:
  /a:
    post:
      operationId: a
      requestBody:
        content:
          application/x-www-form-urlencoded:
            schema: {type: object, required: [o], properties: {o: )") +
                             schema + "}}\n            encoding: {o: " + encoding +
                             "}\n      responses: {'200': {description: ok}}\n"));
    trip.start("POST", "/a", {{"Content-Type", "application/x-www-form-urlencoded"}}, body);
    REQUIRE(trip.done());
    return trip.responder.status;
  };
  const char* const deep =
      "{type: object, properties: {a: {type: object, properties: {b: {type: integer}}}}}";
  CHECK(post(deep, "{style: deepObject}", "o[a][b]=1") == 200);
  CHECK(post(deep, "{style: deepObject}", "o[a][b]=x") == 400);
  CHECK(post(deep, "{style: deepObject}", "x=1") == 400);
  // What cannot be read is a warning here, as nobody has asked, and no fault of the request.
  const char* const lists = "{type: object, properties: {a: {type: array, items: {type: object}}}}";
  CHECK(post(lists, "{style: deepObject}", "o[a][0][b]=1") == 200);
  CHECK(post(deep, "{style: form, explode: true}", "a=1") == 200);
}

TEST_CASE("validate: what has no media type of JSON is a text", "[engine][validate]") {
  CHECK(get("/orders/7?sort=a&note=a,b+c").status == 200);
  CHECK(says(get("/orders/7?sort=a&note=123456"),
             R"({"in":"query","parameter":"note","keyword":"maxLength")"));
  CHECK(says(get("/orders/7?sort=a&note=1&note=2"), R"("parameter":"note","keyword":"style")"));
}

TEST_CASE("validate: objects in a deepObject, and lists", "[engine][validate]") {
  const auto filter = [](const std::string& query) {
    return get(("/orders/7?sort=a&" + query).c_str());
  };
  CHECK(filter("filter[price][min]=1.5&filter[color]=red").status == 200);
  CHECK(filter("filter[price][min]=1&filter[price][in][cents]=true").status == 200);
  CHECK(says(filter("filter[price][min]=x"),
             R"("parameter":"filter","pointer":"/price/min","keyword":"type")"));
  CHECK(says(filter("filter[price][in][cents]=true"),
             R"("parameter":"filter","pointer":"/price","keyword":"required")"));
  CHECK(says(filter("filter[price][in][cents]=1&filter[price][min]=1"),
             R"("pointer":"/price/in/cents","keyword":"type")"));
  CHECK(says(filter("filter[price][min]=1&filter[price][other]=1"), R"("pointer":"/price/other")"));
  CHECK(filter("filter[price]=1").status == 400);
  CHECK(filter("filter[tags]=1").status == 200);
  CHECK(filter("filter[tags]=1&filter[tags]=2").status == 200);
  CHECK(filter("filter[tags][]=1&filter[tags][]=2").status == 200);
  CHECK(says(filter("filter[tags]=1&filter[tags]=2&filter[tags]=3"),
             R"("pointer":"/tags","keyword":"maxItems")"));
  CHECK(says(filter("filter[tags][]=x"), R"("pointer":"/tags/0","keyword":"type")"));
  CHECK(says(filter("filter[tags][0]=1"), R"("pointer":"/tags","keyword":"type")"));
  CHECK(filter("filter[color][]=red").status == 400);
  CHECK(filter("filter[color]=red&filter[color]=blue").status == 400);
}

TEST_CASE("validate: text", "[engine][validate]") {
  CHECK(put("text/plain", "short").status == 200);
  CHECK(put("text/plain", "too long").status == 400);
  CHECK(put("text/plain", "\xff").status == 400);
}

TEST_CASE("validate: what no answer could be is not acceptable", "[engine][validate]") {
  CHECK(get(kGood, {{"Accept", "application/*;q=0.5, text/html"}}).status == 200);
  CHECK(get(kGood, {{"Accept", "*/*"}}).status == 200);
  CHECK(get(kGood, {{"Accept", "text/html"}}).status == 406);
  CHECK(get(kGood, {{"Accept", "*/*, application/json;q=0"}}).status == 406);
}

TEST_CASE("validate: `log` refuses nothing and notes it", "[engine][validate]") {
  Trip trip(table_of(", validate: log"));
  trip.start("PUT", "/orders/0", {{"Content-Type", "application/json"}}, R"({"item":1})");
  CHECK(trip.responder.status == 200);
  REQUIRE(trip.exchange.validation != nullptr);
  CHECK(trip.exchange.validation->request_faults == 2);
  CHECK(trip.exchange.validation->request_fault == "path id: minimum");
  std::string line;
  observe::append_access_line(trip.exchange, nullptr, 0, 0, line);
  CHECK(line.find(R"("request_faults":2,"request_fault":"path id: minimum")") != line.npos);
  CHECK(trip.fetcher.sent.at(0).body == R"({"item":1})");
}

TEST_CASE("validate: off looks at nothing", "[engine][validate]") {
  for (const char* off : {", validate: off", ", validate: {request: off}"}) {
    CHECK(get("/orders/0", {}, off).status == 200);
  }
}

TEST_CASE("validate: what is not declared is refused or dropped", "[engine][validate]") {
  const Sent refused = get("/orders/7?sort=a&utm=1", {{"X-Other", "1"}, {"Cookie", "a=1"}},
                           ", validate: {unknown: {query: reject, headers: reject, cookies: "
                           "reject}}");
  CHECK(refused.status == 400);
  CHECK(says(refused, R"({"in":"query","parameter":"utm","keyword":"unknown")"));
  CHECK(says(refused, R"({"in":"header","parameter":"X-Other","keyword":"unknown")"));
  CHECK(says(refused, R"({"in":"cookie","parameter":"a","keyword":"unknown")"));

  Trip trip(table_of(", forward: declared"));
  trip.start("GET", "/orders/7?utm=1&sort=a&filter[color]=x&more",
             {{"X-Other", "1"},
              {"X-Ids", "1"},
              {"User-Agent", "t"},
              {"traceparent", "00-1-1-00"},
              {"Cookie", "a=1; session=abc; b=2"}});
  REQUIRE(trip.done());
  CHECK(trip.responder.status == 200);
  CHECK(trip.fetcher.sent.at(0).target == "/orders/7?sort=a&filter[color]=x");
  CHECK(trip.sent_field("x-other") == "(none)");
  CHECK(trip.sent_field("x-ids") == "1");
  CHECK(trip.sent_field("user-agent") == "t");
  CHECK(trip.sent_field("traceparent") == "00-1-1-00");
  CHECK(trip.sent_field("cookie") == "session=abc");
}

TEST_CASE("validate: credentials and what is not read are known", "[engine][validate]") {
  const auto table = compiled_table(R"(openapi: 3.1.0
info: {title: T, version: '1'}
x-gw:
  upstreams: {origin: {targets: [{url: 'http://127.0.0.1:9001'}]}}
  defaults: {upstream: origin, timeout: 5s, forward: declared, validate: enforce}
  unenforced: {security: tested elsewhere, style: tested here, multipleOf: left out}
components: {securitySchemes: {k: {type: apiKey, in: query, name: key}, b: {type: http, scheme: bearer}}}
paths:
  /a:
    get:
      operationId: a
      security: [{k: []}, {b: []}]
      parameters:
        - {name: deep, in: query, style: deepObject, explode: true,
           schema: {type: object, properties: {a: {type: object}}}}
        - {name: free, in: query, schema: {type: object, additionalProperties: {type: integer}}}
        - {name: n, in: query, schema: {type: integer, multipleOf: 2}}
      responses: {'200': {description: ok}}
)");
  Trip trip(table);
  trip.start("GET", "/a?key=1&deep[a][b]=2&free=3&n=1", {{"Authorization", "Bearer x"}});
  CHECK(trip.responder.status == 200);  // `n` too: multipleOf is not enforced
  CHECK(trip.fetcher.sent.at(0).target == "/a?key=1&deep[a][b]=2&free=3&n=1");
  CHECK(trip.sent_field("authorization") == "Bearer x");
}

TEST_CASE("validate: answers", "[engine][validate]") {
  const auto answer = [](const engine::ScriptedAnswer& scripted, const char* mode) {
    Trip trip(table_of(std::string(", validate: {response: ") + mode + "}"));
    trip.fetcher.script = {scripted};
    trip.start("GET", kGood);
    REQUIRE(trip.done());
    CHECK(trip.fetcher.released == 1);
    const u32 faults =
        trip.exchange.validation == nullptr ? 0 : trip.exchange.validation->response_faults;
    return std::tuple(trip.responder.status, trip.responder.body, faults);
  };
  const Fields json{{"Content-Type", "application/json"}, {"X-Total", "3"}};
  const std::string good = R"({"item":"pen","id":1})";
  const engine::ScriptedAnswer fine{.status = 200, .fields = json, .body = good};
  CHECK(answer(fine, "enforce") == std::tuple(u16{200}, good, 0u));

  const engine::ScriptedAnswer wrong_body{.status = 200, .fields = json, .body = R"({"item":1})"};
  const engine::ScriptedAnswer no_header{
      .status = 200, .fields = {{"Content-Type", "application/json"}}, .body = good};
  const engine::ScriptedAnswer wrong_type{
      .status = 200, .fields = {{"Content-Type", "text/html"}, {"X-Total", "3"}}, .body = "hi"};
  const engine::ScriptedAnswer wrong_note{
      .status = 200,
      .fields = {{"Content-Type", "application/json"}, {"X-Total", "3"}, {"X-Note", "a,bc"}},
      .body = good};
  const engine::ScriptedAnswer undeclared{.status = 302};
  for (const auto& scripted : {wrong_body, no_header, wrong_type, wrong_note, undeclared}) {
    const auto [status, body, faults] = answer(scripted, "enforce");
    CHECK(status == 502);
    CHECK(body.find("pen") == std::string::npos);
    CHECK(body.find("errors") == std::string::npos);
    CHECK(faults == 1);
    CHECK(answer(scripted, "log") == std::tuple(scripted.status, scripted.body, 1u));
    CHECK(answer(scripted, "off") == std::tuple(scripted.status, scripted.body, 0u));
  }
  const engine::ScriptedAnswer in_range{.status = 404};
  CHECK(answer(in_range, "enforce") == std::tuple(u16{404}, std::string(), 0u));
}

TEST_CASE("validate: answers that are judged are asked for whole and plain", "[engine][validate]") {
  for (const bool judged : {true, false}) {
    Trip trip(table_of(judged ? ", validate: {response: log}" : ", validate: enforce"));
    trip.start("GET", kGood, {{"Accept-Encoding", "gzip"}, {"Range", "bytes=0-1"}});
    CHECK(trip.sent_field("accept-encoding") == (judged ? "identity" : "gzip"));
    CHECK(trip.sent_field("range") == (judged ? "(none)" : "bytes=0-1"));
  }
}

TEST_CASE("validate: a record that names no schema makes the table unusable",
          "[engine][validate]") {
  const auto table = table_of();
  const table::TableView& view = table->view();
  std::vector<std::byte> bytes(view.file().begin(), view.file().end());
  const std::byte* first = nullptr;
  for (const table::StepRecord& step : view.steps()) {
    if (static_cast<policies::PolicyId>(step.policy) != policies::PolicyId::Validate) continue;
    const auto& record = view.policy_record<policies::ValidateRecord>(step.record);
    const auto parameters = view.policy_list<policies::ParameterRecord>(record.parameters);
    first = reinterpret_cast<const std::byte*>(&parameters.front().schema);
    break;
  }
  REQUIRE(first != nullptr);
  const auto at = static_cast<size_t>(first - view.file().data());
  u32 root = 0;
  std::memcpy(&root, bytes.data() + at, sizeof root);
  REQUIRE(root != table::kNone);
  const auto verdict = [&](u32 other) {
    std::memcpy(bytes.data() + at, &other, sizeof other);
    const u64 digest = table::digest_of(bytes);
    std::memcpy(bytes.data() + bytes.size() - table::kTrailerBytes, &digest, sizeof digest);
    return table::verify(bytes).has_value();
  };
  CHECK(verdict(root));
  CHECK(verdict(table::kNone));
  CHECK_FALSE(verdict(root + 1));
  CHECK_FALSE(verdict(table::kNone - 1));
  CHECK_FALSE(verdict(static_cast<u32>(view.schema_programs().size())));
}

TEST_CASE("validate: a body that is too long is not read", "[engine][validate]") {
  Trip trip(table_of(", validate: enforce, maxBody: 1KiB"));
  trip.start("PUT", "/orders/7", {{"Content-Type", "application/json"}}, std::string(1025, ' '));
  CHECK(trip.responder.status == 413);

  const std::string long_answer = "{\"item\":\"" + std::string(2000, 'x') + "\"}";
  Trip answer(table_of(", maxBody: 1KiB, validate: {response: log}"));
  answer.fetcher.script = {{.status = 200,
                            .fields = {{"Content-Type", "application/json"}, {"X-Total", "3"}},
                            .body = long_answer}};
  answer.start("GET", kGood);
  REQUIRE(answer.done());
  CHECK(answer.responder.status == 200);
  CHECK(answer.responder.body == long_answer);
  CHECK(answer.exchange.validation->response_faults == 1);
}

}  // namespace gw
