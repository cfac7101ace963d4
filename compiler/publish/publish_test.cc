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
#include "compiler/publish/schema_view.h"
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

// A JSON value as a schema; keys of `$ref` are texts.
PublicValue value_from(const std::string& json) {
  FileSet files;
  DiagnosticSink sink;
  const auto tree = read_tree(files, files.add("a.json", json), sink);
  REQUIRE(tree != nullptr);
  u64 budget = 1'000'000;
  return value_of(tree->root(), budget);
}

// `schema` as a view with this body sees it.
std::string seen(const std::string& schema, const std::string& body, bool has_null_type = true) {
  FileSet files;
  DiagnosticSink sink;
  const auto tree = read_tree(files, files.add("body.yaml", body), sink);
  REQUIRE(tree != nullptr);
  Effective fields;
  fields.is_map = true;
  for (const auto [key, value] : tree->root().entries()) {
    Effective::Entry& entry = fields.entries.emplace_back();
    entry.key = key;
    entry.name = key.text();
    entry.value.node = value;
    if (!value.is_map()) continue;
    entry.value.is_map = true;
    for (const auto [name, inner] : value.entries()) {
      Effective::Entry& part = entry.value.entries.emplace_back();
      part.key = name;
      part.name = name.text();
      part.value.node = inner;
    }
  }
  const PublicValue user = value_from(
      R"({"type":"object","required":["id","name"],"properties":{"id":{"type":"integer"},)"
      R"("name":{"type":"string"},"secret":{"type":"string"}}})");
  PublicValue value = value_from(schema);
  const SchemaViewOptions options{.component = [&](u32) -> const PublicValue& { return user; },
                                  .has_null_type = has_null_type};
  const std::function<void(PublicValue&)> refer = [&](PublicValue& at_value) {
    for (PublicMember& member : at_value.members) {
      if (member.key == "$ref") member.value = PublicValue::reference(0);
      refer(member.value);
    }
    for (PublicValue& item : at_value.items) refer(item);
  };
  refer(value);
  change_schema(fields, options, value);
  Components components;
  const Unit unit;
  components.add(unit, {}, openapi::ObjectKind::Schema, tree->root(), "User");
  components.give_names({0});
  FileSet texts;
  const auto written = read_tree(texts, texts.add("a.json", write_json(value, components)), sink);
  return to_json(written->root());
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

TEST_CASE("publish: one document cannot have two operations of one place", "[compiler][publish]") {
  Files files = shop();
  std::string& text = files["gateway.yaml"];
  text.replace(text.find("mount: /stock"), 13, "mount: /orders");
  CHECK(published(files).problem.find("--host") != std::string::npos);
  CHECK(published(files, {.host = "stock.shop.example"}).problem.empty());
}

TEST_CASE("publish: views of schemas", "[compiler][publish]") {
  struct Case {
    std::string name, schema, body, expected;
  };
  const std::string pair =
      R"({"type":"object","required":["a","b"],"properties":{"a":{"type":"string"},"b":{"type":"object","properties":{"c":{},"d":{}}}}})";
  const Case cases[] = {
      {"a component is written out", R"({"$ref":"User"})", "pick: [id]",
       R"({"type":"object","required":["id"],"properties":{"id":{"type":"integer"}}})"},
      {"one that no path leads into stays", R"({"type":"array","items":{"$ref":"User"}})",
       "limit: {'': 3}",
       R"({"type":"array","items":{"$ref":"#/components/schemas/User"},"maxItems":3})"},
      {"items are picked from", R"({"type":"array","items":{"$ref":"User"},"minItems":1})",
       "pick: ['*/id']",
       R"({"type":"array","items":{"type":"object","required":["id"],"properties":{"id":{"type":"integer"}}}})"},
      {"omit reaches all branches",
       R"({"oneOf":[{"$ref":"User"},{"allOf":[{"properties":{"secret":{},"x":{}}}]}]})",
       "omit: [secret]",
       R"({"oneOf":[{"type":"object","required":["id","name"],"properties":{"id":{"type":"integer"},"name":{"type":"string"}}},{"allOf":[{"properties":{"x":{}}}]}]})"},
      {"no example, condition or discriminator names what is gone",
       R"({"properties":{"a":{},"b":{}},"example":{"b":1},"if":{"required":["b"]},"dependentRequired":{"a":["b"]}})",
       "omit: [b]", R"({"properties":{"a":{}}})"},
      {"rename keeps the place and that it is required", pair, "rename: {a: z, b/c: y}",
       R"({"type":"object","required":["z","b"],"properties":{"z":{"type":"string"},"b":{"type":"object","properties":{"y":{},"d":{}}}}})"},
      {"move makes objects", pair, "move: {a: n/m}",
       R"({"type":"object","required":["b"],"properties":{"b":{"type":"object","properties":{"c":{},"d":{}}},"n":{"type":"object","properties":{"m":{"type":"string"}}}}})"},
      {"flatten lifts members", pair, "flatten: [b]",
       R"({"type":"object","required":["a"],"properties":{"a":{"type":"string"},"c":{},"d":{}}})"},
      {"flatten of lists",
       R"({"properties":{"l":{"type":"array","items":{"type":"array","items":{"type":"integer"}}}}})",
       "flatten: [l]", R"({"properties":{"l":{"type":"array","items":{"type":"integer"}}}})"},
      {"map takes what items hold",
       R"({"properties":{"l":{"type":"array","items":{"$ref":"User"}}}})", "map: {l: name}",
       R"({"properties":{"l":{"type":"array","items":{"type":"string"}}}})"},
      {"first may be null", R"({"properties":{"l":{"type":"array","items":{"type":"integer"}}}})",
       "first: [l]", R"({"properties":{"l":{"anyOf":[{"type":"integer"},{"type":"null"}]}}})"},
      {"first of what is never empty",
       R"({"properties":{"l":{"type":"array","minItems":1,"items":{"type":"integer"}}}})",
       "first: [l]", R"({"properties":{"l":{"type":"integer"}}})"},
      {"limit keeps a lower one",
       R"({"properties":{"l":{"type":"array","items":{},"maxItems":2,"minItems":5}}})",
       "limit: {l: 3}",
       R"({"properties":{"l":{"type":"array","items":{},"maxItems":2,"minItems":3}}})"},
      {"set knows literals", R"({"type":"object"})", "set: {a/b: 1, c: $request.path.id}",
       R"({"type":"object","properties":{"a":{"type":"object","properties":{"b":{"type":"integer"}}},"c":{}}})"},
      {"wrap", R"({"type":"string"})", "wrap: data/value",
       R"({"type":"object","required":["data"],"properties":{"data":{"type":"object","required":["value"],"properties":{"value":{"type":"string"}}}}})"},
      {"a template is what was declared", R"({"type":"string"})", "template: {a: 1}",
       R"({"type":"string"})"},
      {"picking through a text takes it away", pair, "pick: [a/x, b/c]",
       R"({"type":"object","required":["b"],"properties":{"b":{"type":"object","properties":{"c":{}}}}})"},
      {"picking from a list without its items empties it",
       R"({"type":"array","items":{"$ref":"User"}})", "pick: [id]",
       R"({"type":"array","items":{},"maxItems":0})"},
      {"what is not named is picked by additionalProperties",
       R"({"properties":{"a":{}},"additionalProperties":{"type":"integer"}})", "pick: [b]",
       R"({"properties":{"b":{"type":"integer"}}})"},
  };
  for (const Case& one : cases) {
    DYNAMIC_SECTION(one.name) { CHECK(seen(one.schema, one.body) == one.expected); }
  }
  CHECK(
      seen(R"({"properties":{"l":{"type":"array","items":{"$ref":"User"}}}})", "first: [l]", false)
          .find(R"("nullable":true)") != std::string::npos);
}

namespace {

// A schema of nested objects and lists, with names of three letters.
std::string random_schema(std::mt19937& random, u32 depth) {
  if (depth == 0 || random() % 5 == 0) return R"({"type":"string"})";
  if (random() % 4 == 0) {
    return fmt::format(R"({{"type":"array","items":{}}})", random_schema(random, depth - 1));
  }
  if (random() % 6 == 0) {
    return fmt::format(R"({{"allOf":[{},{}]}})", random_schema(random, depth - 1),
                       random_schema(random, depth - 1));
  }
  std::string members;
  for (const char name : {'a', 'b', 'c'}) {
    if (random() % 3 == 0) continue;
    members += fmt::format(R"({}"{}":{})", members.empty() ? "" : ",", name,
                           random_schema(random, depth - 1));
  }
  return fmt::format(R"({{"type":"object","properties":{{{}}},"required":["a","b"]}})", members);
}

// All paths that a schema names.
void paths_of(NodeRef schema, const std::string& prefix, std::vector<std::string>& out) {
  if (const NodeRef named = schema.get("properties")) {
    for (const auto [key, value] : named.entries()) {
      out.push_back(prefix + std::string(key.text()));
      paths_of(value, out.back() + "/", out);
    }
  }
  if (const NodeRef items = schema.get("items")) paths_of(items, prefix + "*/", out);
  if (const NodeRef parts = schema.get("allOf")) {
    for (const NodeRef part : parts.items()) paths_of(part, prefix, out);
  }
}

std::vector<std::string> paths_of(const std::string& json) {
  FileSet files;
  DiagnosticSink sink;
  const auto tree = read_tree(files, files.add("a.json", json), sink);
  std::vector<std::string> out;
  paths_of(tree->root(), "", out);
  return out;
}

// Whether one path leads to the other; `*` of a pick is every member or item.
bool meet(std::string_view pick, std::string_view shown) {
  while (!pick.empty() && !shown.empty()) {
    const std::string_view want = pick.substr(0, pick.find('/'));
    const std::string_view have = shown.substr(0, shown.find('/'));
    if (want != "*" && want != have) return false;
    pick.remove_prefix(std::min(pick.size(), want.size() + 1));
    shown.remove_prefix(std::min(shown.size(), have.size() + 1));
  }
  return true;
}

}  // namespace

TEST_CASE("publish: a view shows no field that it does not pick, nor one that it omits",
          "[compiler][publish]") {
  std::mt19937 random(7);
  for (u32 round = 0; round < 500; ++round) {
    const std::string schema = random_schema(random, 4);
    std::vector<std::string> all = paths_of(schema);
    if (all.empty()) continue;
    std::vector<std::string> some;
    for (u32 i = 0; i < 2; ++i) some.push_back(all[random() % all.size()]);
    CAPTURE(schema, some);
    for (const std::string& shown :
         paths_of(seen(schema, fmt::format("pick: ['{}', '{}']", some[0], some[1])))) {
      const bool picked =
          std::ranges::any_of(some, [&](const std::string& path) { return meet(path, shown); });
      CAPTURE(shown);
      CHECK(picked);
    }
    const auto left = paths_of(seen(schema, fmt::format("omit: ['{}']", some[0])));
    CHECK(std::ranges::find(left, some[0]) == left.end());
  }
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
