// What the printed document says of answers against what callers get: whatever an operation, or the
// view of a class, makes of an answer satisfies the schema that is shown for it.
#include <fmt/format.h>

#include <array>
#include <catch2/catch.hpp>
#include <random>
#include <string>
#include <vector>

#include "compiler/compile.h"
#include "compiler/publish/public_document.h"
#include "compiler/publish/write_public.h"
#include "compiler/syntax/read.h"
#include "compiler/xgw/node_json.h"
#include "golden-tests/engine/compiled_table.h"
#include "golden-tests/engine/trip.h"

namespace gw {
namespace {

using Dice = std::mt19937;
constexpr size_t kValues = 3;

// A schema, and values that satisfy it.
struct Made {
  std::string schema;
  std::array<std::string, kValues> values;
};

Made random_scalar(Dice& random) {
  switch (random() % 5) {
    case 0:
      return {"{type: integer}", {"7", "8", "-1"}};
    case 1:
      return {"{type: string, maxLength: 3}", {"\"s\"", "\"\"", "\"abc\""}};
    case 2:
      return {"{type: boolean}", {"true", "false", "true"}};
    case 3:
      return {"{type: [number, 'null']}", {"1.5", "null", "2"}};
    default:
      return {"{}", {"{\"a\":1}", "[1]", "\"x\""}};
  }
}

Made random_made(Dice& random, u32 depth);

Made random_object(Dice& random, u32 depth) {
  Made out;
  std::string named;
  std::string required;
  for (const char letter : {'a', 'b', 'c'}) {
    if (random() % 5 == 0) continue;
    const Made member = random_made(random, depth - 1);
    const bool always = random() % 2 == 0;
    named += fmt::format("{}{}: {}", named.empty() ? "" : ", ", letter, member.schema);
    if (always) required += fmt::format("{}{}", required.empty() ? "" : ", ", letter);
    for (size_t i = 0; i < kValues; ++i) {
      if (!always && random() % 2 == 0) continue;
      std::string& value = out.values[i];
      value += fmt::format("{}\"{}\":{}", value.empty() ? "" : ",", letter, member.values[i]);
    }
  }
  const bool more = random() % 4 == 0;
  for (std::string& value : out.values) {
    if (more) value += value.empty() ? "\"z\":true" : ",\"z\":true";
    value = "{" + value + "}";
  }
  const std::string_view others = more ? "{type: boolean}" : "false";
  out.schema =
      fmt::format("{{type: object, required: [{}], properties: {{{}}}, additionalProperties: {}}}",
                  required, named, others);
  return out;
}

Made random_made(Dice& random, u32 depth) {
  if (depth == 0) return random_scalar(random);
  switch (random() % 6) {
    case 0:
      return random_scalar(random);
    case 1: {
      const Made item = random_made(random, depth - 1);
      return {
          "{type: array, items: " + item.schema + "}",
          {"[" + item.values[0] + "]", "[]", "[" + item.values[1] + "," + item.values[2] + "]"}};
    }
    case 2: {
      const Made one = random_made(random, depth - 1);
      const Made two = random_object(random, depth);
      return {"{anyOf: [" + one.schema + ", " + two.schema + "]}",
              {one.values[0], two.values[1], two.values[2]}};
    }
    case 3: {
      // One that is put together allows what another part names.
      const Made own = random_object(random, depth);
      return {"{allOf: [" + own.schema + ", {type: object}]}", own.values};
    }
    default:
      return random_object(random, depth);
  }
}

std::string random_path(Dice& random) {
  static constexpr const char* kPaths[] = {"a",   "b",   "c",     "a/b", "b/a",
                                           "c/a", "*/a", "a/*/b", "b/*"};
  return kPaths[random() % std::size(kPaths)];
}

std::string random_expression(Dice& random, const std::string& body) {
  static constexpr const char* kPointers[] = {"",    "#/a",   "#/b",   "#/c",   "#/a/b",
                                              "#/0", "#/a/0", "#/0/a", "#/b/c", "#/z"};
  return "'" + body + kPointers[random() % std::size(kPointers)] + "'";
}

std::string random_template(Dice& random, const std::vector<std::string>& bodies, u32 depth) {
  const std::string& body = bodies[random() % bodies.size()];
  switch (depth == 0 ? 2 + random() % 4 : random() % 6) {
    case 0:
      return fmt::format("{{p: {}, q: {}}}", random_template(random, bodies, depth - 1),
                         random_template(random, bodies, depth - 1));
    case 1:
      return fmt::format("[{}, {}]", random_template(random, bodies, depth - 1),
                         random_template(random, bodies, depth - 1));
    case 2:
      return random() % 2 == 0 ? "1" : "null";
    case 3:
      return "'{" + body + "#/a}-x'";
    default:
      return random_expression(random, body);
  }
}

std::string random_change(Dice& random) {
  const std::string path = random_path(random);
  const std::string name = path.substr(path.rfind('/') + 1);
  switch (random() % 9) {
    case 0:
      return fmt::format("pick: ['{}', '{}']", path, random_path(random));
    case 1:
      return fmt::format("omit: ['{}']", path);
    case 2:
      return name == "*" ? "wrap: w" : fmt::format("rename: {{'{}': n}}", path);
    case 3:
      return "move: {a: m/n}";
    case 4:
      return fmt::format("flatten: ['{}']", path);
    case 5:
      return fmt::format("first: ['{}']", path);
    case 6:
      return fmt::format("limit: {{'{}': 1}}", path);
    case 7:
      return name == "*" ? "wrap: w/v"
                         : fmt::format("set: {{'{}': {}}}", path,
                                       random_expression(random, "$response.body"));
    default:
      return "template: " + random_template(random, {"$response.body"}, 2);
  }
}

std::string document(Dice& random, const Made& part) {
  const std::string own =
      random() % 2 == 0 ? "response: {body: {" + random_change(random) + "}}, " : "";
  const std::string waive =
      "waive: {body-path-unknown: &why {reason: tried, until: 2999-01-01}, compose-field-unknown: "
      "*why, compose-shape: *why, view-adds-undeclared: *why}, ";
  const std::string composed = random_template(
      random, {"$calls.part.body", "$calls.maybe.body", "$calls.each.body", "$calls.part.body"}, 2);
  return R"(
openapi: 3.1.0
info: {title: Shop, version: '1'}
x-gw:
  upstreams: {shop: {targets: ['http://127.0.0.1:9001']}}
  clients: {iot: {when: {header: {x-client: iot}}}, web: {}}
  defaults: {upstream: shop, timeout: 5s}
components: {schemas: {Part: )" +
         part.schema + R"(}}
paths:
  /part:
    get:
      operationId: part
      x-gw: {)" +
         waive + own + "views: {iot: {response: {body: {" + random_change(random) + R"(}}}}}
      responses: {'200': {description: ok, content: {application/json: {schema: {$ref: '#/components/schemas/Part'}}}}}
  /list:
    get:
      operationId: list
      responses: {'200': {description: ok, content: {application/json: {schema: {type: array, items: {type: integer}}}}}}
  /whole:
    get:
      operationId: whole
      x-gw:
        )" +
         waive.substr(0, waive.size() - 2) + R"(
        compose: {calls: {part: {operation: part}}, body: {x: $calls.part.body}}
        views:
          iot:
            compose:
              calls:
                part: {operation: part}
                maybe: {operation: part, optional: true, fallback: {a: 1, b: [true]}}
                list: {operation: list}
                each: {operation: part, headers: {x-i: $item}, forEach: $calls.list.body, optional: true, fallback: {a: $item}}
              body: )" +
         composed + R"(
      responses: {'200': {description: ok}}
)";
}

// The printed document for `client`; "": the gateway's does not compile.
std::string shown(const std::string& text, const std::string& client) {
  compiler::FileSet files;
  files.add("gateway.yaml", text);
  compiler::CompileOptions options;
  options.paths = {"gateway.yaml"};
  compiler::DiagnosticSink sink;
  compiler::Module module(files, options, sink);
  module.gateway = compiler::read_gateway(options, files, sink);
  std::string problem;
  const auto document = compiler::publish(module, {.client = client}, problem);
  REQUIRE(document);
  return write_json(document->root, document->components);
}

bool compiles(const std::string& text) {
  compiler::Compilation compilation;
  compilation.files.add("gateway.yaml", text);
  compiler::CompileOptions options;
  options.paths = {"gateway.yaml"};
  compiler::compile(options, false, compilation);
  return compilation.sink.error_count() == 0;
}

// A gateway that answers 204 to bodies which the schema of this path's answer in `printed` allows.
std::shared_ptr<const BoundTable> judge_of(const std::string& printed, const std::string& path) {
  compiler::FileSet files;
  compiler::DiagnosticSink sink;
  const auto tree = compiler::read_tree(files, files.add("a.json", printed), sink);
  const compiler::NodeRef root = tree->root();
  const compiler::NodeRef schema = root.get("paths")
                                       .get(path)
                                       .get("get")
                                       .get("responses")
                                       .get("200")
                                       .get("content")
                                       .get("application/json")
                                       .get("schema");
  const compiler::NodeRef components = root.get("components");
  return compiled_table(fmt::format(
      R"({{"openapi":"3.1.0","info":{{"title":"J","version":"1"}},"components":{},"paths":{{"/judge":{{"post":{{
"operationId":"judge","x-gw":{{"respond":{{"status":204}}}},"requestBody":{{"required":true,"content":
{{"application/json":{{"schema":{}}}}}}},"responses":{{"204":{{"description":"fine"}}}}}}}}}}}})",
      components ? to_json(components) : "{}", to_json(schema)));
}

bool allows(const std::shared_ptr<const BoundTable>& judge, const std::string& body) {
  Trip trip(judge);
  trip.start("POST", "/judge", {{"host", "a"}, {"content-type", "application/json"}}, body);
  REQUIRE(trip.done());
  return trip.responder.status == 204;
}

engine::ScriptedAnswer json(const std::string& body, u16 status = 200) {
  return {.status = status, .fields = {{"content-type", "application/json"}}, .body = body};
}

// What a class gets of `path`; "": no answer.
std::string answer(const std::shared_ptr<const BoundTable>& table, const std::string& path,
                   const std::string& client, std::vector<engine::ScriptedAnswer> script) {
  Trip trip(table);
  trip.fetcher.script = std::move(script);
  trip.start("GET", path.c_str(), {{"host", "a"}, {"x-client", client}});
  REQUIRE(trip.done());
  return trip.responder.status == 200 ? trip.responder.body : "";
}

}  // namespace

TEST_CASE("publish: what is shown of an answer is true of it", "[publish]") {
  Dice random(5);
  int judged = 0;
  int telling = 0;
  for (int round = 0; round < 400; ++round) {
    const Made part = random_made(random, 2);
    const std::string text = document(random, part);
    if (!compiles(text)) continue;
    const auto table = compiled_table(text);
    for (const std::string client : {"web", "iot"}) {
      const std::string printed = shown(text, client);
      const auto single = judge_of(printed, "/part");
      for (const std::string& value : part.values) {
        const std::string body = answer(table, "/part", client, {json(value)});
        CAPTURE(round, client, text, printed, value, body);
        if (!body.empty()) CHECK(allows(single, body));
        judged += body.empty() ? 0 : 1;
      }
      telling += allows(single, R"("none of them")") ? 0 : 1;
      if (client != "iot") continue;
      const auto whole = judge_of(printed, "/whole");
      for (const u16 status : {u16{200}, u16{500}}) {
        const std::string body =
            answer(table, "/whole", client,
                   {json(part.values[0]), json(part.values[1], status), json("[1,2]"),
                    json(part.values[2], status), json(part.values[1])});
        CAPTURE(round, text, printed, body);
        if (!body.empty()) CHECK(allows(whole, body));
        judged += body.empty() ? 0 : 1;
      }
      telling += allows(whole, R"("none of them")") ? 0 : 1;
    }
  }
  CHECK(judged > 900);
  CHECK(telling > 300);
}

}  // namespace gw
