#include <catch2/catch.hpp>

#include "compiler/diag/render.h"
#include "compiler/openapi/load.h"
#include "compiler/openapi/path_template.h"

namespace gw::compiler::openapi {
namespace {

struct Loaded {
  FileSet files = {};
  DiagnosticSink sink = {};
  std::unique_ptr<Document> document = {};
  std::string text() { return render(files, sink.sorted(), {}); }
  std::vector<std::string> rules() {
    std::vector<std::string> rules;
    for (const Diagnostic& finding : sink.sorted()) rules.emplace_back(finding.rule);
    return rules;
  }
};

struct Source {
  std::string name;
  std::string text;
};

std::unique_ptr<Loaded> load(const std::vector<Source>& sources, const LoadOptions& options = {}) {
  auto loaded = std::make_unique<Loaded>();
  for (const Source& source : sources) loaded->files.add(source.name, source.text);
  loaded->document = load_document(loaded->files, sources[0].name, options, loaded->sink);
  return loaded;
}

const std::string kHead = "openapi: 3.1.0\ninfo: {title: Shop, version: 1.4.0}\n";

}  // namespace

TEST_CASE("load: the whole model of a document", "[openapi][model]") {
  const auto loaded = load({{"api.yaml", kHead + R"(
servers:
  - url: https://{host}/{stage}/v1/
    variables: {host: {default: shop.example}, stage: {default: live, enum: [live, test]}}
security: [{key: []}, {idp: ['orders:read'], key: []}, {}]
x-gw: {version: 1}
paths:
  /orders/{id}:
    x-gw: {upstream: orders}
    parameters:
      - {name: id, in: path, required: true, schema: {type: integer}}
      - {name: limit, in: query, schema: {type: integer}}
    get:
      operationId: getOrder
      deprecated: true
      security: []
      parameters:
        - {name: limit, in: query, required: true, style: pipeDelimited, schema: {type: array}}
        - $ref: '#/components/parameters/trace'
      responses:
        200: {description: ok, content: {application/json: {schema: {type: object}}}}
        '4XX': {$ref: '#/components/responses/Bad'}
        default: {description: else, x-gw: {a: 1}}
    put:
      operationId: putOrder
      servers: [{url: /other/}]
      x-gw: {cache: off}
      requestBody: {required: true, content: {application/json: {schema: {$ref: '#/components/schemas/Order'}}}}
      responses: {'204': {description: done}}
webhooks:
  created: {post: {operationId: created, responses: {'200': {description: ok}}}}
components:
  parameters: {trace: {name: X-Trace, in: header, content: {text/plain: {schema: {type: string}}}}}
  responses: {Bad: {description: bad}}
  schemas: {Order: {type: object}}
  securitySchemes:
    key: {type: apiKey, in: header, name: X-API-Key}
    idp: {type: openIdConnect, openIdConnectUrl: https://idp.example/c, x-gw: {audiences: [shop]}}
)"}});
  INFO(loaded->text());
  REQUIRE(loaded->document != nullptr);
  REQUIRE(loaded->sink.all().empty());
  const Document& document = *loaded->document;
  CHECK(document.version == Version::V31);
  CHECK(document.title.value == "Shop");
  CHECK(document.api_version.value == "1.4.0");
  CHECK(document.x_gw.get("version").text() == "1");
  REQUIRE(document.servers.size() == 1);
  CHECK(document.servers[0].url.value == "https://shop.example/live/v1/");
  CHECK(document.servers[0].base_path == "/live/v1");

  REQUIRE(document.security.alternatives.size() == 3);
  CHECK(document.security.alternatives[1].schemes[0].name.value == "idp");
  CHECK(document.security.alternatives[1].schemes[0].scopes[0].value == "orders:read");
  CHECK(document.security.alternatives[2].schemes.empty());
  REQUIRE(document.schemes.size() == 2);
  CHECK(document.find_scheme("idp")->type == SchemeType::OpenIdConnect);
  CHECK(document.find_scheme("idp")->x_gw.get("audiences").size() == 1);
  CHECK(document.find_scheme("none") == nullptr);

  REQUIRE(document.paths.size() == 1);
  const PathItem& item = document.paths[0];
  CHECK(item.path.value == "/orders/{id}");
  CHECK(item.x_gw.get("upstream").text() == "orders");
  REQUIRE(item.operations.size() == 2);
  const Operation& get = item.operations[0];
  CHECK(get.method.value == "GET");
  CHECK(get.operation_id.value == "getOrder");
  CHECK(get.deprecated);
  CHECK(document.effective_security(get).alternatives.empty());
  REQUIRE(get.parameters.size() == 3);
  CHECK(get.parameters[0].name.value == "limit");  // the operation's replaces the path's
  CHECK(get.parameters[0].required);
  CHECK(get.parameters[0].style == Style::PipeDelimited);
  CHECK_FALSE(get.parameters[0].explode);
  CHECK(get.parameters[1].in == ParameterIn::Header);
  CHECK(get.parameters[1].media_type.value == "text/plain");
  CHECK(get.parameters[1].schema.get("type").text() == "string");
  CHECK(get.parameters[2].name.value == "id");
  CHECK(get.parameters[2].from_path_item);
  CHECK(get.parameters[2].style == Style::Simple);
  REQUIRE(get.responses.size() == 3);
  CHECK(get.responses[0].status.value == "200");
  CHECK(get.responses[0].content[0].name.value == "application/json");
  CHECK(get.responses[1].node.get("description").text() == "bad");
  CHECK(get.responses[2].x_gw.get("a").text() == "1");

  const Operation& put = item.operations[1];
  CHECK(put.method.value == "PUT");
  CHECK(&document.effective_security(put) == &document.security);
  CHECK(put.servers[0].base_path == "/other");
  CHECK(put.request_body.required);
  const NodeRef schema = put.request_body.content[0].schema;
  CHECK(document.resolve(schema).get("type").text() == "object");
  CHECK(put.x_gw.get("cache").text() == "off");
  REQUIRE(document.webhooks.size() == 1);
  CHECK(document.webhooks[0].path.value == "created");
}

TEST_CASE("load: references lead into other files, each read once", "[openapi][references]") {
  const auto loaded =
      load({{"/v/api.yaml", kHead + R"(
paths:
  /a: {$ref: 'paths/a.yaml'}
  /b: {$ref: 'paths/a.yaml#/x-y~1z/%7Bz%7D'}
)"},
            {"/v/paths/a.yaml", R"(
get: {operationId: a, responses: {'200': {$ref: '../common.json#/ok'}}}
x-y/z: {'{z}': {get: {operationId: b, responses: {'200': {$ref: '../common.json#/again'}}}}}
)"},
            {"/v/common.json", R"({"ok": {"description": "fine"}, "again": {"$ref": "#/ok"}})"}});
  INFO(loaded->text());
  REQUIRE(loaded->sink.all().empty());
  const Document& document = *loaded->document;
  CHECK(document.paths[0].operations[0].responses[0].node.get("description").text() == "fine");
  CHECK(document.paths[1].operations[0].responses[0].node.get("description").text() == "fine");
  CHECK(loaded->files.size() == 3);
}

TEST_CASE("load: fields beside the $ref of a path item count as well", "[openapi][references]") {
  const auto loaded = load({{"a.yaml", kHead + R"(
paths:
  /a:
    $ref: '#/components/pathItems/base'
    x-gw: {upstream: u}
    get: {operationId: own, responses: {'200': {description: ok}}}
components:
  pathItems:
    base:
      get: {operationId: hidden, responses: {'200': {description: ok}}}
      post: {operationId: added, responses: {'200': {description: ok}}}
)"}});
  INFO(loaded->text());
  const PathItem& item = loaded->document->paths[0];
  REQUIRE(item.operations.size() == 2);
  CHECK(item.operations[0].operation_id.value == "own");
  CHECK(item.operations[1].operation_id.value == "added");
  CHECK(item.x_gw.get("upstream").text() == "u");
}

TEST_CASE("load: what is wrong with a reference", "[openapi][references]") {
  struct Case {
    const char* reference;
    const char* rule;
    const char* said;
  };
  const auto row =
      GENERATE(Case{"#/components/schemas/Ordr", "ref-unresolved", "did you mean `Order`?"},
               Case{"#/components/schemas/Order/nothing", "ref-unresolved", "no `nothing` in"},
               Case{"#/components/schemas/Loop", "ref-unresolved", "leads back to itself"},
               Case{"#/components/schemas/Loop/deeper", "ref-unresolved", "leads"},
               Case{"#name", "ref-unresolved", "no such anchor"},
               Case{"missing.yaml", "ref-unresolved", "no such file or directory"},
               Case{"https://other.example/a.yaml", "ref-remote", "another machine"},
               Case{"//other.example/a.yaml", "ref-remote", "another machine"},
               Case{"file:///etc/passwd", "ref-remote", "another machine"},
               Case{"../../../etc/passwd", "ref-outside-root", "outside the document's folder"},
               Case{"/etc/passwd", "ref-outside-root", "outside the document's folder"},
               Case{"%2e%2e/secret.yaml", "ref-outside-root", "outside the document's folder"});
  const auto loaded = load({{"/v/w/api.yaml", kHead +
                                                  "paths: {}\ncomponents:\n  schemas:\n"
                                                  "    Order: {type: object}\n"
                                                  "    Loop: {$ref: '#/components/schemas/Pool'}\n"
                                                  "    Pool: {$ref: '#/components/schemas/Loop'}\n"
                                                  "    User: {properties: {order: {$ref: '" +
                                                  row.reference + "'}}}\n"}});
  CAPTURE(row.reference, loaded->text());
  const auto rules = loaded->rules();
  CHECK(std::count(rules.begin(), rules.end(), row.rule) >= 1);
  CHECK(loaded->text().find(row.said) != std::string::npos);
}

TEST_CASE("load: anchors, identifiers and allowed addresses", "[openapi][references]") {
  LoadOptions options;
  options.fetch = [](const std::string& url) -> Result<std::string> {
    if (url != "https://specs.example/common.yaml") return fail(Errc::FileUnreadable, "no");
    return std::string("schemas: {Id: {type: string}}\n");
  };
  const auto loaded = load({{"api.yaml", kHead + R"(
paths: {}
components:
  schemas:
    A: {$anchor: here, type: object}
    B: {$id: 'https://shop.example/b', type: array}
    C: {properties: {a: {$ref: '#here'}, b: {$ref: 'https://shop.example/b'}}}
    D: {$ref: 'https://specs.example/common.yaml#/schemas/Id'}
)"}},
                           options);
  INFO(loaded->text());
  CHECK(loaded->sink.all().empty());
  const NodeRef schemas = loaded->document->root.get("components").get("schemas");
  const NodeRef c = schemas.get("C").get("properties");
  CHECK(loaded->document->resolve(c.get("a")).get("type").text() == "object");
  CHECK(loaded->document->resolve(c.get("b")).get("type").text() == "array");
  CHECK(loaded->document->resolve(schemas.get("D")).get("type").text() == "string");
}

TEST_CASE("load: schemas in cycles and shared ones are looked at once", "[openapi][structure]") {
  const auto loaded = load({{"api.yaml", kHead + R"(
paths: {}
components:
  schemas:
    Tree: {type: object, properties: {left: {$ref: '#/components/schemas/Tree'}, right: &n {typ: x}}}
    Same: *n
)"}});
  CHECK(loaded->rules() == std::vector<std::string>{"keyword-unknown"});
}

TEST_CASE("load: operations of OpenAPI 3.2", "[openapi][model]") {
  const std::string text =
      "info: {title: a, version: '1'}\npaths:\n  /a:\n"
      "    query: {operationId: q, responses: {'200': {description: ok}}}\n"
      "    additionalOperations: {COPY: {operationId: c, responses: {'200': {description: ok}}}}\n";
  const auto loaded = load({{"a.yaml", "openapi: 3.2.0\n" + text}});
  INFO(loaded->text());
  REQUIRE(loaded->sink.all().empty());
  const auto& operations = loaded->document->paths[0].operations;
  REQUIRE(operations.size() == 2);
  CHECK(operations[0].method.value == "QUERY");
  CHECK(operations[1].method.value == "COPY");
  const auto older = load({{"a.yaml", "openapi: 3.1.0\n" + text}});
  CHECK(older->rules() == std::vector<std::string>{"field-unknown", "field-unknown"});
  CHECK(older->text().find("it exists since OpenAPI 3.2") != std::string::npos);
}

TEST_CASE("load: base paths", "[openapi][servers]") {
  struct Case {
    const char* url;
    const char* base_path;
  };
  const auto row =
      GENERATE(Case{"https://a.example", ""}, Case{"https://a.example/", ""},
               Case{"https://a.example/v1/", "/v1"}, Case{"//a.example/v1", "/v1"}, Case{"/", ""},
               Case{"/v1", "/v1"}, Case{"v1/x", "/v1/x"}, Case{"./", ""}, Case{".", ""});
  const auto loaded =
      load({{"a.yaml", kHead + "paths: {}\nservers: [{url: '" + row.url + "'}]\n"}});
  CAPTURE(row.url);
  REQUIRE(loaded->document->servers.size() == 1);
  CHECK(loaded->document->servers[0].base_path == row.base_path);
}

TEST_CASE("load: what is no OpenAPI document is refused", "[openapi]") {
  struct Case {
    const char* text;
    const char* rule;
  };
  const auto row =
      GENERATE(Case{"", "openapi-version"}, Case{"- a", "openapi-version"},
               Case{"a: 1", "openapi-version"}, Case{"openapi: 4.0.0", "openapi-version"},
               Case{"openapi: [3]", "openapi-version"}, Case{"openapi: 3.10.0", "openapi-version"},
               Case{"swagger: '2.0'", "swagger-2"}, Case{"a: [", "syntax"});
  const auto loaded = load({{"a.yaml", row.text}});
  CAPTURE(row.text, loaded->text());
  CHECK(loaded->document == nullptr);
  CHECK(loaded->rules() == std::vector<std::string>{row.rule});
  const auto missing = std::make_unique<Loaded>();
  CHECK(load_document(missing->files, "/no/such/file.yaml", {}, missing->sink) == nullptr);
  CHECK(missing->rules() == std::vector<std::string>{"file-unreadable"});
}

TEST_CASE("load: the gateway's own path form needs no declaration", "[openapi][parameters]") {
  const auto loaded =
      load({{"a.yaml", kHead + "paths:\n  /{rest+}: {x-gw: {anyMethod: true}}\n"
                               "  /a/{rest+}: {get: {operationId: a, responses: {'200': "
                               "{description: ok}}}}\n"
                               "  /b/{m}: {x-gw: {anyMethod: {security: [], x-gw: {c: 1}}}}\n"}});
  INFO(loaded->text());
  CHECK(loaded->sink.all().empty());
  const auto& paths = loaded->document->paths;
  REQUIRE(paths[0].any_method.size() == 1);
  CHECK_FALSE(paths[0].any_method[0].node);
  CHECK(paths[1].any_method.empty());
  REQUIRE(paths[2].any_method.size() == 1);
  CHECK(paths[2].any_method[0].method.value == "*");
  CHECK(paths[2].any_method[0].security.declared);
  CHECK(paths[2].any_method[0].x_gw.get("c").text() == "1");
}

TEST_CASE("load: a path parameter under two names is one finding", "[openapi][parameters]") {
  const auto loaded = load({{"a.yaml", kHead + R"(
paths:
  /users/{userId}:
    parameters: [{name: user_id, in: path, required: true, schema: {type: string}}]
    get: {operationId: a, responses: {'200': {description: ok}}}
    put: {operationId: b, responses: {'200': {description: ok}}}
)"}});
  CHECK(loaded->rules() == std::vector<std::string>{"path-parameter-undeclared"});
  CHECK(loaded->text().find("use one name: `userId` or `user_id`") != std::string::npos);
}

TEST_CASE("template: names and their places", "[openapi][template]") {
  std::vector<TemplateName> names;
  CHECK(parse_template("/a/{id}.json/{rest+}", names).message.empty());
  REQUIRE(names.size() == 2);
  CHECK(names[0].name == "id");
  CHECK(names[0].begin == 3);
  CHECK(names[0].end == 7);
  CHECK(names[1].name == "rest");
  CHECK(names[1].greedy);
  for (const char* wrong : {"/{", "/}", "/{}", "/{+}", "/{a{b}", "/{a/b}", "/{a}/{a}"}) {
    CAPTURE(wrong);
    std::vector<TemplateName> found;
    CHECK_FALSE(parse_template(wrong, found).message.empty());
  }
}

}  // namespace gw::compiler::openapi
