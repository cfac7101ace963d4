// What views make of schemas: case by case, and that nothing is shown which they take away.
#include "compiler/publish/schema_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>

#include "compiler/publish/write_public.h"
#include "compiler/syntax/read.h"
#include "compiler/xgw/node_json.h"

namespace gw::compiler {
namespace {

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

}  // namespace

TEST_CASE("publish: views of schemas", "[compiler][publish]") {
  struct Case {
    std::string name, schema, body, expected;
  };
  const std::string pair =
      R"({"type":"object","required":["a","b"],"properties":{"a":{"type":"string"},"b":{"type":"object","properties":{"c":{},"d":{}}}}})";
  const std::string kAnything = R"({"description":"Any value: no schema is declared of it."})";
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
      {"set knows literals", R"({"type":"object","properties":{}})",
       "set: {a/b: 1, c: $request.path.id}",
       R"({"type":"object","properties":{"a":{"type":"object","required":["b"],"properties":{"b":{"type":"integer"}}},"c":)" +
           kAnything + R"(},"required":["a"]})"},
      {"set takes the place of what branches say",
       R"({"allOf":[{"type":"object","required":["a"],"properties":{"a":{"type":"string"}}}]})",
       "set: {a: 1}",
       R"({"allOf":[{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]}]})"},
      {"set of what may be absent leaves what is there",
       R"({"type":"object","properties":{"a":{"type":"string"},"b":{"type":"integer"}}})",
       "set: {a: '$response.body#/b'}",
       R"({"type":"object","properties":{"b":{"type":"integer"},"a":{"anyOf":[{"type":"integer"},{"type":"string"}]}}})"},
      {"wrap", R"({"type":"string"})", "wrap: data/value",
       R"({"type":"object","required":["data"],"properties":{"data":{"type":"object","required":["value"],"properties":{"value":{"type":"string"}}}}})"},
      {"a template of literals", R"({"type":"string"})", "template: {a: 1, b: [x, y], c: null}",
       R"({"type":"object","required":["a","b","c"],"properties":{"a":{"type":"integer"},"b":{"type":"array","items":{"type":"string"},"minItems":2,"maxItems":2},"c":{"type":"null"}}})"},
      {"a template takes parts of what was declared", R"({"$ref":"User"})",
       "template: {n: '$response.body#/id', s: '$response.body#/secret', t: "
       "'a{$response.body#/id}', all: $response.body}",
       R"({"type":"object","required":["n","all"],"properties":{"n":{"type":"integer"},"s":{"type":"string"},"t":{"type":"string"},"all":{"$ref":"#/components/schemas/User"}}})"},
      {"a template reaches items, alternatives and unnamed members",
       R"({"type":"object","properties":{"l":{"type":"array","items":{"$ref":"User"}},"e":{"oneOf":[{"$ref":"User"},{"properties":{"id":{"type":"string"}}}]},"o":{"oneOf":[{"$ref":"User"},{}]}},"additionalProperties":{"type":"boolean"}})",
       "template: ['$response.body#/l/3/name', '$response.body#/e/id', '$response.body#/x']",
       R"({"type":"array","items":{"anyOf":[{"type":"string"},{"anyOf":[{"type":"integer"},{"type":"string"}]},{"type":"boolean"}]},"maxItems":3})"},
      {"what an alternative leaves open is anything",
       R"({"type":"object","properties":{"o":{"oneOf":[{"$ref":"User"},{}]}}})",
       "template: {x: '$response.body#/o/id'}",
       R"({"type":"object","properties":{"x":)" + kAnything + "}}"},
      {"a template that is nothing but an absent value is null", R"({"$ref":"User"})",
       "template: '$response.body#/secret'", R"({"anyOf":[{"type":"string"},{"type":"null"}]})"},
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

}  // namespace gw::compiler
