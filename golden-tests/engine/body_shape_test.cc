// What the compiler says of paths into bodies against what the runtime does with them: a path that
// is reported changes no answer that the schema allows, and one that is not reported changes those
// in which everything is there. The same of pointers in expressions.
#include <catch2/catch.hpp>
#include <random>
#include <string>
#include <vector>

#include "compiler/compile.h"
#include "golden-tests/engine/compiled_table.h"
#include "golden-tests/engine/trip.h"

namespace gw {
namespace {

// A schema that leaves nothing open, and a value with all that it names.
struct Contract {
  std::string schema;
  std::string value;
};

Contract random_contract(std::mt19937& random, u32 depth) {
  const u32 kind = depth == 0 ? 0 : random() % 4;
  if (kind == 0) return {"{type: integer}", std::to_string(random() % 10)};
  if (kind == 1) {
    const Contract item = random_contract(random, depth - 1);
    return {"{type: array, items: " + item.schema + "}", "[" + item.value + "]"};
  }
  Contract out{"{type: object, additionalProperties: false, properties: {", "{"};
  bool first = true;
  for (const char name : {'a', 'b', 'c'}) {
    if (random() % 4 == 0 && !(first && name == 'c')) continue;
    const Contract member = random_contract(random, depth - 1);
    out.schema += std::string(first ? "" : ", ") + name + ": " + member.schema;
    out.value += std::string(first ? "" : ",") + '"' + name + "\":" + member.value;
    first = false;
  }
  out.schema += "}}";
  out.value += "}";
  return out;
}

std::string random_path(std::mt19937& random) {
  std::string path;
  for (u32 i = 0; i < 1 + random() % 3; ++i) {
    if (!path.empty()) path += '/';
    path += "abc*w"[random() % 5];
  }
  return path;
}

std::string random_name(std::mt19937& random) { return std::string(1, "abcd"[random() % 4]); }

// One to three changes, each of another kind.
std::string random_changes(std::mt19937& random) {
  std::string out;
  const auto add = [&](const std::string& change) { out += (out.empty() ? "" : ", ") + change; };
  if (random() % 3 == 0)
    add("pick: ['" + random_path(random) + "', '" + random_path(random) + "']");
  if (random() % 3 == 0) add("omit: ['" + random_path(random) + "']");
  if (random() % 4 == 0) add("move: {" + random_name(random) + ": d/" + random_name(random) + "}");
  if (random() % 3 == 0) {
    add("rename: {'" + random_path(random) + "/" + random_name(random) +
        "': " + random_name(random) + "}");
  }
  if (random() % 4 == 0) add("flatten: ['" + random_path(random) + "']");
  if (random() % 4 == 0) add("map: {'" + random_path(random) + "': " + random_name(random) + "}");
  if (random() % 4 == 0) add("first: ['" + random_path(random) + "']");
  if (random() % 4 == 0) add("set: {" + random_name(random) + "/d: 1}");
  if (random() % 4 == 0) add("wrap: w");
  return out;
}

std::string document(const std::string& changes, const std::string& path,
                     const std::string& content, const std::string& waive = "{}") {
  const std::string own = changes.empty() ? "" : "response: {body: {" + changes + "}}, ";
  return R"(
openapi: 3.1.0
info: {title: Shop, version: '1'}
x-gw:
  upstreams: {shop: {targets: ['http://127.0.0.1:9001']}}
  defaults: {upstream: shop, timeout: 5s}
  clients: {mobile: {when: {header: {x-client: mobile}}}}
paths:
  /a:
    get:
      operationId: a
      x-gw: {)" +
         own + "waive: " + waive + ", views: {mobile: {omit: ['" + path + R"(']}}}
      responses: {'200': {description: ok)" +
         content + "}}\n";
}

// Changes that contradict each other are tried all the same.
constexpr const char* kAccepted = "{body-path-unknown: {reason: tried, until: 2999-01-01}}";

// Whether the compiler says so by a rule, in a message that has these words.
bool is_reported(const std::string& text, std::string_view rule, std::string_view words) {
  compiler::Compilation compilation;
  compilation.files.add("gateway.yaml", text);
  compiler::CompileOptions options;
  options.paths = {"gateway.yaml"};
  compiler::compile(options, false, compilation);
  bool found = false;
  for (const compiler::Diagnostic& finding : compilation.sink.sorted()) {
    const bool speaks = finding.message.find(words) != std::string::npos;
    if (finding.rule == rule && speaks) found = true;
  }
  return found;
}

std::string answer(const std::shared_ptr<const BoundTable>& table, const std::string& client,
                   const std::string& body) {
  Trip trip(table);
  trip.fetcher.script = {
      {.status = 200, .fields = {{"content-type", "application/json"}}, .body = body}};
  trip.start("GET", "/a", {{"host", "a"}, {"x-client", client}});
  REQUIRE(trip.done());
  REQUIRE(trip.responder.status == 200);
  return trip.responder.body;
}

}  // namespace

TEST_CASE("body paths: those that are reported change nothing, the others something",
          "[transform]") {
  std::mt19937 random(11);
  int reported = 0;
  constexpr int kRounds = 2000;
  for (int round = 0; round < kRounds; ++round) {
    const Contract contract = random_contract(random, 3);
    const std::string changes = random_changes(random);
    const std::string path = random_path(random);
    const std::string content = ", content: {application/json: {schema: " + contract.schema + "}}";
    const bool says =
        is_reported(document(changes, path, content), "body-path-unknown", "is a view");
    const auto table = compiled_table(document(changes, path, "", kAccepted));
    const bool same =
        answer(table, "mobile", contract.value) == answer(table, "web", contract.value);
    CAPTURE(round, changes, path, contract.schema, contract.value,
            answer(table, "web", contract.value), answer(table, "mobile", contract.value));
    CHECK(says == same);
    reported += says ? 1 : 0;
  }
  CHECK(reported > kRounds / 10);
  CHECK(reported < kRounds * 9 / 10);
}

TEST_CASE("body fields: pointers that are reported are absent, the others are there",
          "[transform]") {
  std::mt19937 random(12);
  int reported = 0;
  constexpr int kRounds = 1000;
  for (int round = 0; round < kRounds; ++round) {
    const Contract contract = random_contract(random, 3);
    std::string pointer;
    for (u32 i = 0; i < 1 + random() % 3; ++i) pointer += std::string("/") + "abc0"[random() % 4];
    const std::string changes = "template: {x: '$response.body#" + pointer + "'}";
    const std::string content = ", content: {application/json: {schema: " + contract.schema + "}}";
    const bool says =
        is_reported(document(changes, "y", content), "body-field-unknown", "is not in the answers");
    const auto table = compiled_table(document(changes, "y", "", kAccepted));
    CAPTURE(round, pointer, contract.schema, contract.value);
    CHECK(says == (answer(table, "web", contract.value) == "{}"));
    reported += says ? 1 : 0;
  }
  CHECK(reported > kRounds / 10);
  CHECK(reported < kRounds * 9 / 10);
}

}  // namespace gw
