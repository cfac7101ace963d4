// The printed document as a specification: what stands in it, what does not, and that it promises
// what the gateway's documents do.
#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <map>
#include <random>

#include "cmake/source_dir.h"
#include "compiler/compile.h"
#include "compiler/diag/render.h"
#include "compiler/diff/diff.h"
#include "compiler/publish/public_document.h"
#include "compiler/publish/write_public.h"
#include "compiler/syntax/read.h"
#include "compiler/xgw/node_json.h"

namespace gw::compiler {
namespace {

using Files = std::map<std::string, std::string>;

struct Published {
  std::string text;
  std::string problem;
  std::vector<std::string> notes;
};

Published published(const Files& files, const PublishOptions& options = {},
                    const std::string& main = "gateway.yaml") {
  FileSet set;
  for (const auto& [name, text] : files) set.add(name, text);
  CompileOptions compile_options;
  compile_options.paths = {main};
  DiagnosticSink sink;
  Module module(set, compile_options, sink);
  module.gateway = read_gateway(compile_options, set, sink);
  INFO(render(set, sink.sorted(), {}));
  REQUIRE(sink.error_count() == 0);
  Published out;
  const auto document = publish(module, options, out.problem);
  if (!document) return out;
  out.text = write_json(document->root, document->components);
  out.notes = document->notes;
  // The two formats are one document.
  FileSet texts;
  DiagnosticSink reading;
  const auto json = read_tree(texts, texts.add("a.json", out.text), reading);
  const auto yaml = read_tree(
      texts, texts.add("a.yaml", write_yaml(document->root, document->components)), reading);
  REQUIRE(reading.error_count() == 0);
  REQUIRE(to_json(json->root()) == to_json(yaml->root()));
  return out;
}

// The value at a JSON Pointer of a JSON text, as compact JSON; "": there is none.
std::string at(const std::string& text, const std::string& pointer) {
  FileSet files;
  DiagnosticSink sink;
  const auto tree = read_tree(files, files.add("a.json", text), sink);
  REQUIRE(tree != nullptr);
  NodeRef node = tree->root();
  std::string_view rest = pointer;
  while (node && !rest.empty()) {
    rest.remove_prefix(1);
    std::string token;
    std::string_view part = rest.substr(0, rest.find('/'));
    rest.remove_prefix(part.size());
    for (size_t i = 0; i < part.size(); ++i) {
      token += part[i] != '~' ? part[i] : part[++i] == '1' ? '/' : '~';
    }
    if (!node.is_seq()) {
      node = node.get(token);
      continue;
    }
    NodeRef found;
    size_t index = 0;
    for (const NodeRef item : node.items()) {
      if (std::to_string(index++) == token) found = item;
    }
    node = found;
  }
  return node ? to_json(node) : "";
}

constexpr std::string_view kShop = R"(openapi: 3.1.0
info: {title: Shop, version: 1.4.0, x-logo: {url: /logo.png}}
x-gw:
  version: 1
  hosts: [api.shop.example]
  upstreams: {shop: {targets: ['http://127.0.0.1:9001']}}
  clients:
    mobile: {when: {header: {x-client: mobile}}}
    partner: {when: {header: {x-client: partner}}}
    web: {}
  defaults: {upstream: shop, timeout: 5s}
  services:
    orders: {spec: ./orders.yaml, mount: /orders, schemes: {bearer: idp}}
    stock: {spec: ./stock.yaml, mount: /stock, hosts: [stock.shop.example]}
tags: [{name: people, description: who}]
security: [{idp: []}]
components:
  securitySchemes:
    idp: {type: http, scheme: bearer, bearerFormat: JWT, x-gw: {issuer: 'https://idp.example', jwks: 'https://idp.example/keys', audiences: [shop], algorithms: [RS256]}}
  schemas:
    Item: {type: object, properties: {id: {type: integer}}}
    Unused: {type: string}
    User:
      type: object
      required: [id, name, mail]
      properties:
        id: {type: integer}
        name: {type: string}
        mail: {type: string}
        items: {type: array, items: {$ref: '#/components/schemas/Item'}}
        x-gw: {type: string}
paths:
  /users/{id}:
    x-gw: {timeout: {total: 2s}}
    parameters: [{name: id, in: path, required: true, schema: {type: integer}, x-gw: {matchOnly: true}}]
    get:
      operationId: getUser
      tags: [people]
      x-gw:
        views:
          mobile: {pick: [id, items/*/id], rename: {id: number}}
      responses:
        '200':
          description: one
          content:
            application/json:
              schema: {$ref: '#/components/schemas/User'}
              example: {id: 7, name: Ada, mail: a@b.example, x-gw: data}
        '404': {description: none}
    delete:
      operationId: dropUser
      x-gw: {deny: {client: [mobile, partner]}}
      responses: {'204': {description: gone}}
    patch:
      operationId: changeUser
      x-gw: {allow: {client: {not: partner}, header: {x-staff: '1'}}}
      responses: {'204': {description: changed}}
  /any:
    x-gw: {anyMethod: true}
  /files/{rest+}:
    get: {operationId: getFile, responses: {'200': {description: it}}}
)";

constexpr std::string_view kOrders = R"(openapi: 3.0.3
info: {title: Orders, version: '1'}
servers: [{url: 'http://orders.internal:8080/api'}]
tags: [{name: orders}]
security: [{bearer: []}]
components:
  schemas:
    Item:
      type: object
      properties:
        price: {type: number, minimum: 0, exclusiveMinimum: true, nullable: true}
        owner: {$ref: '#/components/schemas/Party'}
    Party:
      type: object
      required: [kind]
      properties: {kind: {type: string}}
      discriminator: {propertyName: kind}
    Person:
      allOf: [{$ref: '#/components/schemas/Party'}, {type: object, properties: {born: {type: string}}}]
  securitySchemes:
    bearer: {type: http, scheme: bearer}
paths:
  /:
    get:
      operationId: list
      responses:
        '200':
          description: all
          content: {application/json: {schema: {type: array, items: {$ref: '#/components/schemas/Item'}}}}
          links:
            one: {operationId: list}
)";

constexpr std::string_view kStock = R"(openapi: 3.1.0
info: {title: Stock, version: '1'}
security: [{key: []}]
components:
  securitySchemes: {key: {type: apiKey, in: header, name: X-Key}}
  schemas:
    Person: {type: object, description: "of the stock: who counts\nevery day\n"}
paths:
  /:
    get:
      operationId: list
      responses:
        '200': {description: all, content: {application/json: {schema: {$ref: '#/components/schemas/Person'}}}}
)";

Files shop() {
  return {{"gateway.yaml", std::string(kShop)},
          {"orders.yaml", std::string(kOrders)},
          {"stock.yaml", std::string(kStock)}};
}

}  // namespace

TEST_CASE("publish: nothing of the gateway is shown, and data of its name stays",
          "[compiler][publish]") {
  const std::string text = published(shop()).text;
  CHECK(at(text, "/x-gw").empty());
  CHECK(at(text, "/paths/~1users~1{id}/x-gw").empty());
  CHECK(at(text, "/paths/~1users~1{id}/get/x-gw").empty());
  CHECK(at(text, "/paths/~1users~1{id}/parameters/0/x-gw").empty());
  CHECK(at(text, "/components/securitySchemes/idp/x-gw").empty());
  CHECK(text.find("127.0.0.1") == text.npos);
  CHECK(text.find("orders.internal") == text.npos);
  CHECK(at(text, "/info/x-logo/url") == R"("/logo.png")");
  CHECK(at(text, "/components/schemas/User/properties/x-gw/type") == R"("string")");
  CHECK(at(text, "/paths/~1users~1{id}/get/responses/200/content/application~1json/example/x-gw") ==
        R"("data")");
}

TEST_CASE("publish: operations stand at their public places, under their identities",
          "[compiler][publish]") {
  const Published made = published(shop());
  const std::string& text = made.text;
  CHECK(at(text, "/openapi") == R"("3.1.0")");
  CHECK(at(text, "/servers") == R"([{"url":"https://api.shop.example"}])");
  CHECK(at(text, "/paths/~1orders~1/get/operationId") == R"("orders.list")");
  CHECK(at(text, "/paths/~1orders~1/get/servers").empty());
  CHECK(at(text, "/paths/~1orders~1/get/responses/200/links/one/operationId") ==
        R"("orders.list")");
  CHECK(at(text, "/paths/~1stock~1/get/servers") == R"([{"url":"https://stock.shop.example"}])");
  CHECK(at(text, "/tags/1/name") == R"("orders")");
  CHECK(at(text, "/paths/~1any").empty());
  CHECK(at(text, "/paths/~1files~1{rest}/get/parameters/0/name") == R"("rest")");
  REQUIRE(made.notes.size() == 1);
  CHECK(made.notes[0].find("any method") != std::string::npos);
}

TEST_CASE("publish: servers are chosen, and hosts", "[compiler][publish]") {
  const std::string text = published(shop(), {.servers = {"https://other.example"}}).text;
  CHECK(at(text, "/servers") == R"([{"url":"https://other.example"}])");
  CHECK(at(text, "/paths/~1stock~1/get/servers").empty());
  const std::string stock = published(shop(), {.host = "stock.shop.example"}).text;
  CHECK(at(stock, "/servers") == R"([{"url":"https://stock.shop.example"}])");
  CHECK_FALSE(at(stock, "/paths/~1stock~1").empty());
  CHECK(at(stock, "/paths/~1orders~1").empty());
}

TEST_CASE("publish: components that are used are there, once, with names that do not clash",
          "[compiler][publish]") {
  const std::string text = published(shop()).text;
  CHECK(at(text, "/components/schemas/Unused").empty());
  CHECK_FALSE(at(text, "/components/schemas/Item").empty());
  const std::string item = at(text, "/components/schemas/orders.Item/properties");
  CHECK(at(text, "/paths/~1orders~1/get/responses/200/content/application~1json/schema/items") ==
        R"({"$ref":"#/components/schemas/orders.Item"})");
  // What 3.0 and 3.1 say differently.
  CHECK(at(text, "/components/schemas/orders.Item/properties/price") ==
        R"({"type":["number","null"],"exclusiveMinimum":0})");
  // A child of a schema with a discriminator is used, and known by its former name.
  CHECK_FALSE(at(text, "/components/schemas/orders.Person").empty());
  CHECK(at(text, "/components/schemas/Party/discriminator/mapping") ==
        R"({"Person":"#/components/schemas/orders.Person"})");
}

TEST_CASE("publish: security is that of the operation, by the scheme that it means",
          "[compiler][publish]") {
  const std::string text = published(shop()).text;
  CHECK(at(text, "/security") == R"([{"idp":[]}])");
  CHECK(at(text, "/paths/~1users~1{id}/get/security").empty());
  CHECK(at(text, "/paths/~1orders~1/get/security") == R"([{"idp":[]}])");
  CHECK(at(text, "/paths/~1stock~1/get/security") == R"([{"key":[]}])");
  CHECK(at(text, "/components/securitySchemes/bearer").empty());
  CHECK(at(text, "/components/securitySchemes/key/in") == R"("header")");
}

TEST_CASE("publish: a class sees its view, and only what it may call", "[compiler][publish]") {
  const std::string schema =
      "/paths/~1users~1{id}/get/responses/200/content/application~1json/schema";
  const std::string mobile = published(shop(), {.client = "mobile"}).text;
  CHECK(
      at(mobile, schema) ==
      R"({"type":"object","required":["number"],"properties":{"number":{"type":"integer"},)"
      R"("items":{"type":"array","items":{"type":"object","properties":{"id":{"type":"integer"}}}}}})");
  CHECK(mobile.find("mail") == mobile.npos);
  CHECK(at(mobile, "/components/schemas/User").empty());
  CHECK(at(mobile, "/paths/~1users~1{id}/delete").empty());
  CHECK_FALSE(at(mobile, "/paths/~1users~1{id}/patch").empty());
  const std::string partner = published(shop(), {.client = "partner"}).text;
  CHECK(at(partner, schema) == R"({"$ref":"#/components/schemas/User"})");
  CHECK(at(partner, "/paths/~1users~1{id}/patch").empty());
  const std::string web = published(shop(), {.client = "web"}).text;
  CHECK_FALSE(at(web, "/paths/~1users~1{id}/delete").empty());
  CHECK(published(shop(), {.client = "tv"}).problem.find("mobile, partner, web") !=
        std::string::npos);
}

namespace {

constexpr std::string_view kShaped = R"(openapi: 3.1.0
info: {title: Shop, version: '1'}
x-gw:
  version: 1
  upstreams: {shop: {targets: ['http://127.0.0.1:9001']}}
  clients:
    mobile: {when: {header: {x-client: mobile}}}
    web: {}
  defaults: {upstream: shop, timeout: 5s}
components:
  schemas:
    User: {type: object, required: [id, name], properties: {id: {type: integer}, name: {type: string}, mail: {type: string}}}
paths:
  /users/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: integer}}]
    get:
      operationId: getUser
      x-gw: {response: {body: {omit: [mail]}}}
      responses:
        '200': {description: one, content: {application/json: {schema: {$ref: '#/components/schemas/User'}, example: {id: 1, name: a, mail: m}}, text/csv: {}}}
        '202': {description: soon, content: {application/json: {schema: {type: object, properties: {mail: {type: string}, at: {type: string}}}}}}
        '204': {description: nothing}
        '404': {description: none, content: {application/json: {schema: {type: object, properties: {mail: {type: string}}}}}}
    put:
      operationId: putUser
      x-gw: {response: {body: {wrap: data}}, views: {mobile: {response: {body: {template: {n: '$response.body#/data/name', who: $request.path.id}}}}}}
      responses:
        '200': {description: one, content: {application/json: {schema: {$ref: '#/components/schemas/User'}}, text/csv: {}}}
        '201': {description: new, content: {application/json: {schema: {type: object, properties: {name: {const: new}}}}}}
    delete:
      operationId: dropUser
      x-gw: {response: {status: {'404': 200, '202': 204, 5xx: 404}, body: {omit: [mail]}}}
      responses:
        '200': {description: one, content: {application/json: {schema: {type: object, properties: {mail: {type: string}}}}}}
        '202': {description: soon, content: {application/json: {schema: {$ref: '#/components/schemas/User'}}}}
        '404': {description: none, content: {application/json: {schema: {$ref: '#/components/schemas/User'}}}}
        5XX: {description: broken}
    post:
      operationId: formUser
      x-gw: {response: {body: {format: form, pick: [id]}}}
      responses:
        '200': {description: one, content: {application/json: {schema: {$ref: '#/components/schemas/User'}}, application/x-www-form-urlencoded: {schema: {$ref: '#/components/schemas/User'}}}}
    patch:
      operationId: anyUser
      x-gw: {response: {body: {omit: [mail]}}}
      responses:
        default: {description: any, content: {application/json: {schema: {$ref: '#/components/schemas/User'}}}}
  /users:
    get:
      operationId: listUsers
      responses: {'200': {description: all, content: {application/json: {schema: {type: array, items: {$ref: '#/components/schemas/User'}}}}}}
  /all/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: integer}}]
    get:
      operationId: all
      x-gw:
        compose:
          calls: {user: {operation: getUser, with: {id: $request.path.id}}}
          body: {user: $calls.user.body}
        views:
          mobile:
            compose:
              calls:
                user: {operation: putUser, with: {id: $request.path.id}}
                maybe: {operation: getUser, with: {id: $request.path.id}}
                list: {operation: listUsers, optional: true, fallback: null}
                each: {operation: getUser, with: {id: '$item#/id'}, forEach: $calls.list.body, optional: true, fallback: false}
                other: {upstream: shop, path: /other}
              status: 203
              partialStatus: 206
              body: {id: '$calls.user.body#/data/id', maybe: '$calls.maybe.body#/id', list: $calls.list.body, each: $calls.each.body, other: $calls.other.body, at: $calls.user.status}
      responses:
        '200': {description: all, content: {application/json: {schema: {type: object, properties: {user: {$ref: '#/components/schemas/User'}}}}}}
        '203': {description: other}
)";

const Files& shaped() {
  static const Files files{{"gateway.yaml", std::string(kShaped)}};
  return files;
}

}  // namespace

TEST_CASE("publish: answers are shown as the operation's own changes leave them",
          "[compiler][publish]") {
  const std::string responses = "/paths/~1users~1{id}/get/responses";
  const std::string json = "/content/application~1json";
  for (const std::string client : {"", "web", "mobile"}) {
    const std::string text = published(shaped(), {.client = client}).text;
    CAPTURE(client);
    CHECK(
        at(text, responses + "/200" + json) ==
        R"({"schema":{"type":"object","required":["id","name"],"properties":{"id":{"type":"integer"},)"
        R"("name":{"type":"string"}}}})");
    CHECK(at(text, responses + "/202" + json + "/schema") ==
          R"({"type":"object","properties":{"at":{"type":"string"}}})");
    CHECK(at(text, responses + "/404" + json + "/schema/properties/mail") ==
          R"({"type":"string"})");
    // A type of which nothing can be hidden is refused, and not answered with.
    CHECK(at(text, responses + "/200/content/text~1csv").empty());
    CHECK(at(text, responses + "/204") == R"({"description":"nothing"})");
    // Errors of `default` keep what successes do not show.
    const std::string any = "/paths/~1users~1{id}/patch/responses";
    CHECK(at(text, any + "/2XX" + json + "/schema/properties/mail").empty());
    CHECK_FALSE(at(text, any + "/2XX" + json + "/schema/properties/id").empty());
    CHECK(at(text, any + "/default" + json + "/schema") ==
          R"({"$ref":"#/components/schemas/User"})");
    CHECK(
        at(text, "/paths/~1users~1{id}/post/responses/200/content") ==
        R"({"application/x-www-form-urlencoded":{"schema":{"type":"object","required":["id"],"properties":{"id":{"type":"integer"}}}}})");
  }
}

TEST_CASE("publish: answers stand at the statuses that callers see", "[compiler][publish]") {
  const std::string text = published(shaped()).text;
  const std::string responses = "/paths/~1users~1{id}/delete/responses";
  // Of what becomes a success the same is hidden.
  CHECK(
      at(text, responses + "/200/content/application~1json/schema") ==
      R"({"anyOf":[{"type":"object"},{"type":"object","required":["id","name"],"properties":{"id":{"type":"integer"},"name":{"type":"string"}}}]})");
  CHECK(at(text, responses + "/202").empty());
  CHECK(at(text, responses + "/204") == R"({"description":"soon"})");
  CHECK(at(text, responses + "/404") == R"({"description":"broken"})");
  CHECK(at(text, responses + "/5XX").empty());
}

TEST_CASE("publish: errors have the bodies that the gateway gives them", "[compiler][publish]") {
  const Files files{{"gateway.yaml", R"(
openapi: 3.1.0
info: {title: Shop, version: '1'}
x-gw:
  clients: {mobile: {when: {header: {x-client: mobile}}}, web: {}}
  upstreams: {shop: {targets: ['http://127.0.0.1:9001']}}
  defaults: {upstream: shop, timeout: 5s, response: {errors: {5xx: {body: {title: sorry, status: $response.status}}}}}
components:
  responses: {None: {description: none, headers: {x-a: {schema: {type: string}}}, content: {text/plain: {}}}}
paths:
  /users/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: integer}}]
    get:
      operationId: getUser
      x-gw:
        response: {status: {'410': 404}, errors: {'404': {body: {id: $request.path.id, was: '$response.body#/x'}, type: application/json}}}
        views: {mobile: {response: {errors: {'404': {body: gone, type: text/json}, default: {body: [1]}}}}}
      responses:
        '200': {description: one}
        '404': {$ref: '#/components/responses/None'}
        '410': {description: gone}
        '500': {description: broken, content: {application/json: {}}}
        default: {description: other, content: {application/json: {}}}
    put:
      operationId: putUser
      x-gw: {response: {errors: {'409': {body: '$response.body#/title'}, 5xx: off}}}
      responses: {'200': {description: one}, 4XX: {description: wrong, content: {text/plain: {}}}}
  /open:
    get: {operationId: open}
)"}};
  const std::string user = "/paths/~1users~1{id}/get/responses";
  const std::string problem =
      R"({"application/problem+json":{"schema":{"type":"object","required":["title","status"],)"
      R"("properties":{"title":{"type":"string"},"status":{"type":"integer"}}}}})";
  const std::string text = published(files).text;
  CHECK(
      at(text, user + "/404") ==
      R"({"description":"none","headers":{"x-a":{"schema":{"type":"string"}}},"content":{"application/json":{"schema":{"type":"object","required":["id"],"properties":{"id":{"type":"integer"},"was":{"description":"Any value: no schema is declared of it."}}}}}})");
  CHECK(at(text, user + "/410").empty());
  CHECK(at(text, user + "/500/content") == problem);
  CHECK(at(text, user + "/500/description") == R"("broken")");
  CHECK(at(text, user + "/5XX/content") == problem);
  CHECK(at(text, user + "/5XX/description") == R"("other")");
  CHECK(at(text, user + "/4XX").empty());
  CHECK(at(text, user + "/default") ==
        R"({"description":"other","content":{"application/json":{}}})");
  // Absent, it leaves the body that came.
  const std::string put = "/paths/~1users~1{id}/put/responses";
  CHECK(
      at(text, put + "/409") ==
      R"({"description":"wrong","content":{"text/plain":{},"application/problem+json":{"schema":{"description":"Any value: no schema is declared of it."}}}})");
  CHECK(at(text, put + "/4XX") == R"({"description":"wrong","content":{"text/plain":{}}})");
  CHECK(at(text, put + "/5XX").empty());
  CHECK(at(text, "/paths/~1open/get/responses/5XX/content") == problem);
  CHECK(at(text, "/paths/~1open/get/responses/5XX/description") == R"("An error.")");
  CHECK(published(files, {.client = "web"}).text == text);

  const std::string mobile = published(files, {.client = "mobile"}).text;
  CHECK(at(mobile, user + "/404/content") == R"({"text/json":{"schema":{"type":"string"}}})");
  CHECK(at(mobile, user + "/5XX/content") == problem);
  CHECK(at(mobile, user + "/4XX/content/application~1problem+json/schema/type") == R"("array")");
  CHECK(at(mobile, put) == at(text, put));
}

TEST_CASE("publish: forms that are read are shown as they are sent", "[compiler][publish]") {
  const Files files{{"gateway.yaml", R"(
openapi: 3.1.0
info: {title: Shop, version: '1'}
x-gw:
  clients: {mobile: {when: {header: {x-client: mobile}}}, web: {}}
  upstreams: {shop: {targets: ['http://127.0.0.1:9001']}}
  defaults: {upstream: shop, timeout: 5s}
paths:
  /a:
    get:
      operationId: a
      x-gw: {response: {body: {format: json, omit: [b]}}, views: {mobile: {response: {body: {format: form}}}}}
      responses:
        '200': {description: one, content: {application/x-www-form-urlencoded: {schema: {type: object, properties: {a: {type: integer}, b: {}}}, encoding: {a: {style: form}}}}}
  /b:
    get:
      operationId: b
      x-gw: {response: {body: {format: json}}}
      responses:
        '200': {description: one, content: {application/json: {schema: {type: string}}, application/x-www-form-urlencoded: {schema: {type: object}}, text/csv: {}}}
)"}};
  const std::string text = published(files).text;
  const std::string schema =
      R"({"schema":{"type":"object","properties":{"a":{"type":"integer"}}}})";
  CHECK(at(text, "/paths/~1a/get/responses/200/content") ==
        R"({"application/json":)" + schema + "}");
  CHECK(at(published(files, {.client = "mobile"}).text, "/paths/~1a/get/responses/200/content") ==
        R"({"application/x-www-form-urlencoded":)" + schema + "}");
  CHECK(
      at(text, "/paths/~1b/get/responses/200/content") ==
      R"({"application/json":{"schema":{"anyOf":[{"type":"string"},{"type":"object"}]}},"text/csv":{}})");
}

TEST_CASE("publish: a class sees what templates make, of each success", "[compiler][publish]") {
  const std::string responses = "/paths/~1users~1{id}/put/responses";
  const std::string schema = "/content/application~1json/schema";
  const std::string web = published(shaped(), {.client = "web"}).text;
  CHECK(at(web, responses + "/200" + schema + "/required") == R"(["data"])");
  CHECK(at(web, responses + "/200/content/text~1csv") == "{}");
  const std::string mobile = published(shaped(), {.client = "mobile"}).text;
  CHECK(
      at(mobile, responses + "/200" + schema) ==
      R"({"type":"object","required":["n","who"],"properties":{"n":{"type":"string"},"who":{"type":"integer"}}})");
  CHECK(
      at(mobile, responses + "/201" + schema) ==
      R"({"type":"object","required":["who"],"properties":{"n":{"const":"new"},"who":{"type":"integer"}}})");
  CHECK(at(mobile, responses + "/200/content/text~1csv").empty());
}

TEST_CASE("publish: a class sees what its own composition makes", "[compiler][publish]") {
  const std::string responses = "/paths/~1all~1{id}/get/responses";
  const std::string schema = "/content/application~1json/schema";
  const std::string mobile = published(shaped(), {.client = "mobile"}).text;
  // Nothing is answered with 200.
  CHECK(at(mobile, responses + "/200").empty());
  CHECK(at(mobile, responses + "/203/description") == R"("other")");
  CHECK(at(mobile, responses + "/206" + schema) == at(mobile, responses + "/203" + schema));
  const std::string made = responses + "/203" + schema;
  CHECK(at(mobile, made + "/required") == R"(["list","at"])");
  const std::string parts = made + "/properties";
  // putUser may answer with one that does not require its `id`; getUser with nothing at all.
  CHECK(at(mobile, parts + "/id") ==
        R"({"description":"Any value: no schema is declared of it."})");
  CHECK(at(mobile, parts + "/maybe") ==
        R"({"description":"Any value: no schema is declared of it."})");
  CHECK(
      at(mobile, parts + "/list") ==
      R"({"anyOf":[{"type":"array","items":{"$ref":"#/components/schemas/User"}},{"type":"null"}]})");
  const std::string item = at(mobile, parts + "/each/items");
  CHECK(item.find("mail") == item.npos);
  CHECK(item.find(R"({"type":"null"})") != item.npos);
  CHECK(item.find(R"({"type":"boolean"})") != item.npos);
  CHECK(at(mobile, parts + "/other") ==
        R"({"description":"Any value: no schema is declared of it."})");
  CHECK(at(mobile, parts + "/at") == R"({"type":"integer"})");
  const std::string web = published(shaped(), {.client = "web"}).text;
  CHECK(at(web, responses + "/203") == R"({"description":"other"})");
  CHECK(at(web, responses + "/200" + schema + "/properties/user") ==
        R"({"$ref":"#/components/schemas/User"})");
}

TEST_CASE("publish: one document cannot have two operations of one place", "[compiler][publish]") {
  Files files = shop();
  std::string& text = files["gateway.yaml"];
  text.replace(text.find("mount: /stock"), 13, "mount: /orders");
  CHECK(published(files).problem.find("--host") != std::string::npos);
  CHECK(published(files, {.host = "stock.shop.example"}).problem.empty());
}

TEST_CASE("publish: any text survives YAML", "[compiler][publish]") {
  std::mt19937 random(11);
  const std::string pieces[] = {"a",           " ",    "\n",
                                ":",           "#",    "- ",
                                "'",           "\"",   "\\",
                                "{",           "}",    "[",
                                "]",           ",",    "&",
                                "*",           "!",    "|",
                                ">",           "%",    "@",
                                "`",           "no",   "1",
                                ".",           "~",    "null",
                                "\t",          "é",    "?",
                                "=",           "0x",   "\r",
                                "on",          "\x01", "---",
                                "...",         "e",    "\xe2\x80\xa8",
                                "\xef\xbb\xbf"};
  PublicValue root = PublicValue::map();
  for (u32 i = 0; i < 5000; ++i) {
    std::string text;
    for (u64 n = random() % 6; n > 0; --n) text += pieces[random() % std::size(pieces)];
    PublicValue& list = root.set(fmt::format("{}{}", text, i), PublicValue::list());
    list.items.push_back(PublicValue::string(text));
    PublicValue inner = PublicValue::map();
    inner.set("k", PublicValue::string(text));
    list.items.push_back(std::move(inner));
  }
  const Components none;
  FileSet files;
  DiagnosticSink sink;
  const auto json = read_tree(files, files.add("a.json", write_json(root, none)), sink);
  const auto yaml = read_tree(files, files.add("a.yaml", write_yaml(root, none)), sink);
  INFO(render(files, sink.sorted(), {.limit = 5}));
  REQUIRE(json != nullptr);
  REQUIRE(yaml != nullptr);
  CHECK(to_json(json->root()) == to_json(yaml->root()));
}

namespace {

const std::filesystem::path kSpecs = source_dir() + "/../shared/specs";

std::vector<std::filesystem::path> real_documents() {
  std::vector<std::filesystem::path> paths;
  if (!std::filesystem::is_directory(kSpecs)) return paths;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(kSpecs)) {
    const auto extension = entry.path().extension();
    if (entry.is_regular_file() && entry.file_size() < 1'500'000 &&
        (extension == ".yaml" || extension == ".yml" || extension == ".json")) {
      paths.push_back(entry.path());
    }
  }
  std::ranges::sort(paths);
  return paths;
}

std::vector<std::byte> table_of(Compilation& compilation, const std::string& path) {
  CompileOptions options;
  options.paths = {path};
  options.for_comparison = true;
  compile(options, true, compilation);
  return compilation.sink.error_count() == 0 ? compilation.table : std::vector<std::byte>{};
}

}  // namespace

TEST_CASE("publish: real documents promise the same afterwards", "[real]") {
  u32 count = 0;
  for (const auto& path : real_documents()) {
    Compilation before;
    const std::vector<std::byte> old_table = table_of(before, path.string());
    if (old_table.empty()) continue;
    CAPTURE(path.string());
    const std::string text = published({}, {}, path.string()).text;
    Compilation after;
    after.files.add("public.json", text);
    const std::vector<std::byte> new_table = table_of(after, "public.json");
    INFO(render(after.files, after.sink.sorted(), {.limit = 3}));
    CHECK_FALSE(new_table.empty());
    if (new_table.empty()) continue;
    ++count;
    const auto one = table::TableFile::from_bytes(old_table);
    const auto two = table::TableFile::from_bytes(new_table);
    REQUIRE(one.has_value());
    REQUIRE(two.has_value());
    const diff::Comparison comparison =
        diff::compare({.name = "old", .file = *one, .contracts_only = true},
                      {.name = "new", .file = *two, .contracts_only = true});
    CAPTURE(comparison.problem);
    for (const diff::Finding& finding : comparison.findings) {
      INFO(finding.id);
      INFO(finding.message);
      CHECK(false);
    }
  }
  if (count == 0) WARN("skipped: no real documents beside the repository");
}

}  // namespace gw::compiler
