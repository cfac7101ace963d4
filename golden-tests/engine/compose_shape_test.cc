// What the compiler says of compositions against what they answer: what is proved holds for every
// answer of the parts, and what is wrong is wrong for all that say everything.
#include <catch2/catch.hpp>
#include <random>
#include <string>

#include "compiler/compile.h"
#include "golden-tests/engine/compiled_table.h"
#include "golden-tests/engine/trip.h"

namespace gw {
namespace {

// What a part answers, and what is declared in its place. Mostly they fit.
struct Pair {
  std::string part;
  std::string declared;
  std::string full;    // an answer with all that the part names
  std::string sparse;  // one with what it requires
};

Pair random_scalar(std::mt19937& random) {
  static constexpr const char* kTypes[] = {"integer", "string", "boolean", "number"};
  static constexpr const char* kValues[] = {"7", "\"s\"", "true", "7"};
  const u32 type = random() % 4;
  const u32 other = random() % 12 == 0 ? random() % 4 : type;
  const std::string nullable = random() % 12 == 0 ? ", 'null'" : "";
  return {std::string("{type: [") + kTypes[type] + nullable + "]}",
          std::string("{type: ") + kTypes[other] + "}", kValues[type],
          nullable.empty() ? kValues[type] : "null"};
}

Pair random_pair(std::mt19937& random, u32 depth) {
  const u32 kind = depth == 0 ? 0 : random() % 4;
  if (kind == 0) return random_scalar(random);
  if (kind == 1) {
    const Pair item = random_pair(random, depth - 1);
    return {"{type: array, items: " + item.part + "}",
            "{type: array, items: " + item.declared + "}", "[" + item.full + "]",
            "[" + item.sparse + "]"};
  }
  Pair out;
  std::string required;
  std::string wanted;
  std::string part;
  std::string declared;
  const auto add = [](std::string& list, const std::string& text, const char* between = ", ") {
    list += (list.empty() ? "" : between) + text;
  };
  for (const char letter : {'a', 'b', 'c'}) {
    const std::string name(1, letter);
    const Pair member = random_pair(random, depth - 1);
    const bool is_required = random() % 4 != 0;
    if (random() % 8 != 0) {
      add(part, name + ": " + member.part);
      add(out.full, "\"" + name + "\":" + member.full, ",");
      if (is_required) add(required, name);
      if (is_required) add(out.sparse, "\"" + name + "\":" + member.sparse, ",");
    }
    if (random() % 8 != 0) add(declared, name + ": " + member.declared);
    if (is_required && random() % 8 != 0) add(wanted, name);
  }
  const std::string closed = random() % 2 == 0 ? ", additionalProperties: false" : "";
  out.part = "{type: object, additionalProperties: false, required: [" + required +
             "], properties: {" + part + "}}";
  out.declared =
      "{type: object" + closed + ", required: [" + wanted + "], properties: {" + declared + "}}";
  out.full = "{" + out.full + "}";
  out.sparse = "{" + out.sparse + "}";
  return out;
}

std::string document(const Pair& pair) {
  return R"(
openapi: 3.1.0
info: {title: Shop, version: '1'}
x-gw:
  public: an example
  upstreams: {shop: {targets: ['http://127.0.0.1:9001']}}
  defaults: {upstream: shop, timeout: 5s}
components: {schemas: {Declared: )" +
         pair.declared + R"(}}
paths:
  /part:
    get:
      operationId: part
      responses: {'200': {description: ok, content: {application/json: {schema: )" +
         pair.part + R"(}}}}
  /whole:
    get:
      operationId: whole
      x-gw:
        waive: {compose-shape: {reason: tried, until: 2999-01-01}}
        compose: {calls: {part: {operation: part}}, body: {x: $calls.part.body, n: [1]}}
      responses:
        '200':
          description: ok
          content:
            application/json:
              schema: &whole
                type: object
                additionalProperties: false
                required: [x]
                properties: {x: {$ref: '#/components/schemas/Declared'}, n: {type: array, items: {type: integer}}}
  /judge:
    post:
      operationId: judge
      x-gw: {validate: {request: enforce}, respond: {status: 204}}
      requestBody: {required: true, content: {application/json: {schema: *whole}}}
      responses: {'204': {description: fine}}
)";
}

struct Said {
  bool wrong = false;
  bool anything = false;
};
Said said_of(std::string text) {
  const std::string waiver = "waive: {compose-shape: {reason: tried, until: 2999-01-01}}";
  text.replace(text.find(waiver), waiver.size(), "id: whole");
  compiler::Compilation compilation;
  compilation.files.add("gateway.yaml", text);
  compiler::CompileOptions options;
  options.paths = {"gateway.yaml"};
  compiler::compile(options, false, compilation);
  Said said;
  for (const compiler::Diagnostic& finding : compilation.sink.sorted()) {
    if (finding.rule != "compose-shape") continue;
    said.anything = true;
    said.wrong = said.wrong || finding.severity == compiler::Severity::Error;
  }
  return said;
}

// Whether the composition of this answer is what it declares.
bool fits(const std::shared_ptr<const BoundTable>& table, const std::string& answer) {
  Trip trip(table);
  trip.fetcher.script = {
      {.status = 200, .fields = {{"content-type", "application/json"}}, .body = answer}};
  trip.start("GET", "/whole", {{"host", "a"}});
  REQUIRE(trip.done());
  REQUIRE(trip.responder.status == 200);
  Trip judge(table);
  judge.start("POST", "/judge", {{"host", "a"}, {"content-type", "application/json"}},
              trip.responder.body);
  REQUIRE(judge.done());
  return judge.responder.status == 204;
}

}  // namespace

TEST_CASE("compose: what is proved of an answer holds, and what is wrong is", "[compose]") {
  std::mt19937 random(3);
  int proved = 0;
  int wrong = 0;
  constexpr int kRounds = 1500;
  for (int round = 0; round < kRounds; ++round) {
    const Pair pair = random_pair(random, 2);
    const std::string text = document(pair);
    const Said said = said_of(text);
    const auto table = compiled_table(text);
    CAPTURE(round, pair.part, pair.declared, pair.full, pair.sparse);
    const bool full = fits(table, pair.full);
    if (!said.anything) CHECK((full && fits(table, pair.sparse)));
    if (said.wrong) CHECK_FALSE(full);
    proved += said.anything ? 0 : 1;
    wrong += said.wrong ? 1 : 0;
  }
  CHECK(proved > kRounds / 10);
  CHECK(wrong > kRounds / 10);
}

}  // namespace gw
