// Each keyword by a schema of its own; what draft 2020-12 and OpenAPI 3.0 say about it.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "compiler/diag/render.h"
#include "compiler/schema/testing/program.h"

namespace gw::compiler::schema {
namespace {

using gw::schema::Direction;
using gw::schema::ErrorList;
using gw::schema::kNone;

struct Case {
  std::string_view schema;
  std::vector<std::string> valid;
  std::vector<std::string> invalid;
};

void check(const Case& c, Dialect dialect) {
  CAPTURE(c.schema);
  TestProgram program;
  const u32 root = program.compile(c.schema, dialect);
  INFO(render(program.files, program.sink.sorted(), {}));
  REQUIRE(root != kNone);
  REQUIRE(program.verify());
  for (const bool expected : {true, false}) {
    for (const std::string& instance : expected ? c.valid : c.invalid) {
      CAPTURE(instance);
      ErrorList errors;
      CHECK(program.accepts(root, instance) == expected);
      CHECK(program.accepts(root, instance, &errors) == expected);
      CHECK(errors.all().empty() == expected);
    }
  }
}

// "POINTER keyword: message", one per line.
std::string faults(std::string_view schema, std::string_view instance, u32 limit = 16) {
  TestProgram program;
  const u32 root = program.compile(schema);
  REQUIRE(root != kNone);
  ErrorList errors(limit);
  const bool accepted = program.accepts(root, instance, &errors);
  CHECK(accepted == errors.all().empty());
  std::string text;
  for (const auto& error : errors.all()) {
    text += error.pointer + " " + std::string(error.keyword) + ": " + error.message + "\n";
  }
  return text;
}

std::string finding(std::string_view schema, Dialect dialect = Dialect::Draft202012) {
  TestProgram program;
  const u32 root = program.compile(schema, dialect);
  const auto& all = program.sink.sorted();
  if (all.empty()) return root == kNone ? "nothing said" : "";
  CHECK((all.front().severity == Severity::Error) == (root == kNone));
  CHECK(all.front().primary.span.valid());
  return std::string(all.front().rule) + ": " + all.front().message;
}

}  // namespace

TEST_CASE("schema: keywords of 2020-12", "[schema]") {
  const Case cases[] = {
      {"true", {"1", "null", "{}"}, {}},
      {"false", {}, {"1", "null"}},
      {"{}", {"1", "[]"}, {}},
      {"type: integer",
       {"1", "-3", "1.0", "1e3", "12345678901234567890"},
       {"1.5", "\"1\"", "true"}},
      {"type: number", {"1", "1.5"}, {"\"1\"", "null"}},
      {"type: [string, 'null']", {"\"\"", "null"}, {"1", "[]"}},
      {"type: array", {"[]"}, {"{}"}},
      {"type: object", {"{}"}, {"[]"}},
      {"type: boolean", {"true", "false"}, {"0"}},
      {"enum: [a, b]", {"\"a\"", "\"\\u0062\""}, {"\"c\"", "1", "null"}},
      {"enum: [1, null, [1, {x: 2.0}], true]",
       {"1.0", "1e0", "null", "[1.00,{\"x\":2}]", "true"},
       {"2", "false", "[1]", "[1,{\"x\":2,\"y\":3}]", "0", "[]"}},
      {"const: {a: [1, 2], b: x}",
       {R"({"b":"x","a":[1,2.0]})"},
       {R"({"b":"x","a":[2,1]})", R"({"a":[1,2]})", R"({"b":"x","a":[1,2],"c":0})"}},
      {"{minimum: 1.5, maximum: 10}",
       {"1.5", "10", "10.0", "\"x\""},
       {"1.4", "10.01", "-2", "1e9"}},
      {"{exclusiveMinimum: 0, exclusiveMaximum: 1}", {"0.5"}, {"0", "1", "0.0", "1e0"}},
      {"minimum: 9007199254740993",
       {"9007199254740993"},
       {"9007199254740992", "9007199254740992.9"}},
      {"multipleOf: 0.01", {"4.35", "0", "1e10", "-0.07"}, {"4.355"}},
      {"{minLength: 2, maxLength: 3}",
       {"\"ab\"", "\"\\ud83d\\ude00\\u00e9\"", "1", "\"\U0001f600\U0001f600\""},
       {"\"a\"", "\"abcd\"", "\"\\ud83d\\ude00\"", "\"\U0001f600\""}},
      {"pattern: '^a+\\d'", {"\"aa1xx\"", "1"}, {"\"xa1\"", "\"a\""}},
      {"format: date", {"\"2024-02-29\"", "1"}, {"\"2023-02-29\""}},
      {"format: int32", {"2147483647", "\"x\"", "1.0"}, {"2147483648", "0.5"}},
      {"{minItems: 1, maxItems: 2}", {"[1]", "[1,2]", "{}"}, {"[]", "[1,2,3]"}},
      {"uniqueItems: true",
       {"[]", "[1,2,\"1\",true,null,[1],{\"a\":1}]", "[[1,2],[2,1]]", "[0,false]", "[\"\",[],{}]"},
       {"[1,1.0]", "[\"a\",\"\\u0061\"]", R"([{"a":1,"b":2},{"b":2.0,"a":1}])", "[[[]],[[]]]"}},
      {"{prefixItems: [{type: string}, false], items: {type: integer}}",
       {"[]", "[\"a\"]"},
       {"[1]", "[\"a\",1]"}},
      {"{prefixItems: [{type: string}], items: {type: integer}}",
       {"[\"a\",1,2]"},
       {"[\"a\",\"b\"]"}},
      {"items: false", {"[]", "{}"}, {"[1]"}},
      {"{contains: {type: integer}, minContains: 2, maxContains: 3}",
       {"[1,2]", "[1,\"a\",2,3]", "1"},
       {"[1]", "[1,2,3,4]", "[]"}},
      {"{contains: {const: 1}, minContains: 0}", {"[]", "[2]"}, {}},
      {"{properties: {a: {type: integer}, b: false}, required: [a, c]}",
       {R"({"a":1,"c":null})", R"({"\u0061":1,"c":0})", "1"},
       {R"({"a":1})", R"({"a":"x","c":1})", R"({"a":1,"b":1,"c":1})", "{}"}},
      {"{properties: {a: {}}, patternProperties: {'^x': {type: string}}, "
       "additionalProperties: {type: boolean}}",
       {R"({"a":1,"x1":"","z":true})"},
       {R"({"x":1})", R"({"z":1})"}},
      {"{properties: {a: true}, additionalProperties: false}",
       {"{}", R"({"a":1})"},
       {R"({"b":1})"}},
      {"{required: [a], additionalProperties: false}", {}, {"{}", R"({"a":1})"}},
      {"{minProperties: 1, maxProperties: 2}", {R"({"a":1})"}, {"{}", R"({"a":1,"b":1,"c":1})"}},
      {"propertyNames: {maxLength: 2}", {R"({"ab":1})", "{}"}, {R"({"abc":1})"}},
      {"dependentRequired: {a: [b, c]}",
       {"{}", R"({"b":1})", R"({"a":1,"b":1,"c":1})"},
       {R"({"a":1,"b":1})"}},
      {"dependentSchemas: {a: {required: [b]}}",
       {R"({"b":1})", R"({"a":1,"b":1})"},
       {R"({"a":1})"}},
      {"allOf: [{minimum: 1}, {maximum: 2}]", {"1", "2"}, {"0", "3"}},
      {"anyOf: [{type: string}, {minimum: 2}]", {"\"a\"", "2"}, {"1"}},
      {"oneOf: [{multipleOf: 2}, {multipleOf: 3}]", {"2", "3"}, {"6", "1"}},
      {"not: {type: string}", {"1"}, {"\"a\""}},
      {"{if: {required: [a]}, then: {required: [b]}, else: {required: [c]}}",
       {R"({"a":1,"b":1})", R"({"c":1})"},
       {R"({"a":1})", R"({"b":1})"}},
      {"then: {const: 1}", {"2"}, {}},
      {"{allOf: [{properties: {a: true}}], properties: {b: true}, unevaluatedProperties: false}",
       {R"({"a":1,"b":1})"},
       {R"({"c":1})"}},
      {"{anyOf: [{properties: {a: {const: 1}}, required: [a]}, {properties: {b: true}, required: "
       "[b]}], unevaluatedProperties: false}",
       {R"({"a":1})", R"({"a":1,"b":1})"},
       {R"({"a":2,"b":1})", R"({"a":1,"c":1})"}},
      {"{not: {not: {properties: {a: true}}}, unevaluatedProperties: false}",
       {"{}"},
       {R"({"a":1})"}},
      {"{prefixItems: [true], contains: {const: x}, unevaluatedItems: {type: integer}}",
       {R"([0,"x",1])"},
       {R"([0,"x","y"])"}},
      {"{$defs: {node: {type: object, properties: {next: {$ref: '#/$defs/node'}}}}, $ref: "
       "'#/$defs/node'}",
       {R"({"next":{"next":{}}})"},
       {R"({"next":{"next":1}})"}},
      {"{$defs: {a: {$anchor: here, type: string}}, $ref: '#here'}", {"\"x\""}, {"1"}},
      {"{$id: 'http://h/a/b', $defs: {x: {$id: c, type: string}}, $ref: '/a/c'}", {"\"x\""}, {"1"}},
      {"{$id: 'http://h/t', $dynamicAnchor: n, type: object, properties: {c: {items: {$dynamicRef: "
       "'#n'}}}}",
       {R"({"c":[{"c":[]}]})"},
       {R"({"c":[1]})"}},
  };
  for (const Case& c : cases) check(c, Dialect::Draft202012);
}

TEST_CASE("schema: the dialect of OpenAPI 3.0", "[schema]") {
  const Case cases[] = {
      {"{type: string, nullable: true}", {"null", "\"a\""}, {"1"}},
      {"{nullable: true}", {"1", "null"}, {}},
      {"{minimum: 1, exclusiveMinimum: true, maximum: 3, exclusiveMaximum: false}",
       {"2", "3", "1.1"},
       {"1", "3.1"}},
      {"{$defs: {}, definitions: {a: {type: string}}, $ref: '#/definitions/a', type: integer}",
       {"\"x\""},
       {"1"}},
      {"{type: array, items: {type: integer}}", {"[1]"}, {"[\"a\"]"}},
  };
  for (const Case& c : cases) check(c, Dialect::OpenApi30);
}

TEST_CASE("schema: all faults are found, with their places", "[schema]") {
  constexpr std::string_view kSchema =
      "{type: object, required: [id, name], properties: {id: {type: integer, minimum: 1}, tags: "
      "{items: {type: string, maxLength: 3}, uniqueItems: true}}, additionalProperties: false}";
  CHECK(faults(kSchema, R"({"id":0,"tags":["abcd",1,"a~/b"],"x/y":1})") ==
        "/id minimum: must be at least 1\n"
        "/tags/0 maxLength: must have at most 3 characters\n"
        "/tags/1 type: must be a string\n"
        "/tags/2 maxLength: must have at most 3 characters\n"
        "/x~1y additionalProperties: is not allowed\n"
        " required: `name` is missing\n");
  CHECK(faults(kSchema, "[]") == " type: must be an object\n");
  CHECK(faults(kSchema, R"({"id":0,"tags":[1,2,3]})", 2) ==
        "/id minimum: must be at least 1\n"
        "/tags/0 type: must be a string\n");
}

TEST_CASE("schema: an alternative that is alone in its type says what is wrong", "[schema]") {
  CHECK(faults("anyOf: [{type: 'null'}, {type: object, required: [a]}]", "{}") ==
        " required: `a` is missing\n");
  CHECK(faults("oneOf: [{type: string}, {type: integer}]", "true") ==
        " oneOf: matches none of the alternatives\n");
  CHECK(faults("oneOf: [{type: number}, {type: integer}]", "1") ==
        " oneOf: matches more than one of the alternatives\n");
}

TEST_CASE("schema: messages hold nothing of the instance", "[schema]") {
  constexpr std::string_view kSecret = "hunter2";
  constexpr std::string_view kSchemas[] = {
      "type: integer",
      "enum: [a]",
      "const: 1",
      "maxLength: 2",
      "pattern: '^x$'",
      "format: uuid",
      "not: {}",
      "false",
      "anyOf: [{type: integer}, {const: q}]",
      "oneOf: [true, true]",
  };
  for (const std::string_view schema : kSchemas) {
    CAPTURE(schema);
    const std::string text = faults(schema, "\"" + std::string(kSecret) + "\"");
    CHECK_FALSE(text.empty());
    CHECK(text.find(kSecret) == std::string::npos);
  }
}

TEST_CASE("schema: equal schemas are stored once", "[schema]") {
  TestProgram program;
  const u32 first =
      program.compile("{type: object, properties: {a: {type: string, maxLength: 5}}}");
  const size_t words = program.pools.schema_programs.size();
  const u32 again =
      program.compile("{properties: {a: {maxLength: 5, type: string}}, type: object}");
  CHECK(first == again);
  CHECK(program.pools.schema_programs.size() == words);
  const u32 inside =
      program.compile("items: {type: object, properties: {a: {type: string, maxLength: 5}}}");
  CHECK(inside != first);
  CHECK(program.pools.schema_programs.size() < words + 10);
  REQUIRE(program.verify());
  CHECK(program.accepts(inside, R"([{"a":"x"}])"));
  CHECK_FALSE(program.accepts(inside, R"([{"a":"xxxxxx"}])"));
}

TEST_CASE("schema: what cannot be enforced is a finding", "[schema]") {
  CHECK(finding("$ref: '#/nowhere'") == "ref-unresolved: `#/nowhere` leads nowhere");
  CHECK(finding("{$ref: '#'}") ==
        "ref-unresolved: the schema leads back to itself without looking into the value");
  CHECK(finding("{allOf: [{anyOf: [{$ref: '#'}]}]}") ==
        "ref-unresolved: the schema leads back to itself without looking into the value");
  CHECK(finding("pattern: '(?=a)b'").starts_with("regex-unsupported: "));
  CHECK(finding("type: strin") == "field-value: there is no type `strin`");
  CHECK(finding("multipleOf: 0") == "field-value: `multipleOf` is more than zero");
  CHECK(finding("minLength: -1").starts_with("field-value: `minLength` is an integer"));
  CHECK(finding("minimum: .nan") == "field-type: a number of JSON is expected here");
  CHECK(finding("allOf: 1").starts_with("field-type: "));
  CHECK(finding("{$schema: 'http://h/own', type: string}").starts_with("keyword-unknown: "));
  CHECK(finding("format: datetime") == "format-unknown: the format `datetime` is not checked");
  CHECK(finding("format: password").empty());
}

TEST_CASE("schema: evaluation ends whatever the schema is", "[schema]") {
  // Each level doubles the number of ways; the steps are bounded by the size of the instance.
  std::string schema = "{$defs: {d0: {type: string}";
  for (int i = 1; i <= 40; ++i) {
    const std::string below = "{$ref: '#/$defs/d" + std::to_string(i - 1) + "'}";
    schema += ", d" + std::to_string(i) + ": {anyOf: [{not: " + below + "}, " + below +
              ", {not: " + below + "}]}";
  }
  schema += "}, allOf: [{$ref: '#/$defs/d40'}, {not: {$ref: '#/$defs/d39'}}]}";
  TestProgram program;
  const u32 root = program.compile(schema);
  REQUIRE(root != kNone);
  ErrorList errors;
  CHECK_FALSE(program.accepts(root, "1"));
  CHECK_FALSE(program.accepts(root, "1", &errors));
  CHECK_FALSE(errors.all().empty());
}

TEST_CASE("schema: what nests too deeply is refused, even where it is negated", "[schema]") {
  std::string chain = "{$defs: {d0: {minimum: 0}";
  for (int i = 1; i <= 1500; ++i) {
    chain += ", d" + std::to_string(i) + ": {maximum: 9, allOf: [{$ref: '#/$defs/d" +
             std::to_string(i - 1) + "'}, true]}";
  }
  TestProgram program;
  const u32 shallow = program.compile(chain + "}, $ref: '#/$defs/d400'}");
  const u32 deep = program.compile(chain + "}, $ref: '#/$defs/d1500'}");
  const u32 negated = program.compile(chain + "}, not: {$ref: '#/$defs/d1500'}}");
  REQUIRE(shallow != kNone);
  REQUIRE(deep != kNone);
  REQUIRE(negated != kNone);
  CHECK(program.accepts(shallow, "1"));
  CHECK_FALSE(program.accepts(deep, "1"));
  CHECK_FALSE(program.accepts(negated, "1"));
  const u32 list = program.compile("{items: {$ref: '#'}, type: array}");
  CHECK(program.accepts(list, std::string(128, '[') + std::string(128, ']')));
}

TEST_CASE("schema: large arrays and objects cost no more than their size", "[schema]") {
  TestProgram program;
  const u32 root = program.compile(
      "{properties: {unique: {uniqueItems: true}, any: {items: {enum: [a, b]}}}, "
      "patternProperties: {'^k': {type: integer}}}");
  REQUIRE(root != kNone);
  std::string text = R"({"unique":[0)";
  for (int i = 1; i < 100'000; ++i) text += "," + std::to_string(i);
  text += "]";
  for (int i = 0; i < 50'000; ++i) text += ",\"k" + std::to_string(i) + "\":1";
  text += "}";
  CHECK(program.accepts(root, text));
  // Members in other orders: compared by sorting, not each with each.
  std::string one = "{";
  std::string other = "{";
  for (int i = 0; i < 20'000; ++i) {
    one += (i > 0 ? ",\"" : "\"") + std::to_string(i) + "\":1";
    other += (i > 0 ? ",\"" : "\"") + std::to_string(19'999 - i) + "\":1";
  }
  CHECK_FALSE(program.accepts(root, "{\"unique\":[" + one + "}," + other + "}]}"));
}

}  // namespace gw::compiler::schema
