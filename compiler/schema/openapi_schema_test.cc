// Schemas where they stand in OpenAPI documents: references over files, directions, discriminators.
#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "compiler/diag/render.h"
#include "compiler/openapi/load.h"
#include "compiler/schema/testing/program.h"

namespace gw::compiler::schema {
namespace {

using gw::schema::Direction;
using gw::schema::ErrorList;
using gw::schema::kNone;

class OpenApi {
 public:
  OpenApi(std::string_view version, std::string_view schemas) {
    std::string text = "openapi: " + std::string(version) +
                       "\ninfo: {title: T, version: '1'}\npaths: {}\ncomponents:\n  schemas:\n";
    text += schemas;
    program.files.add("api.yaml", text);
    program.files.add("other.yaml",
                      "Size: {type: integer, maximum: 9}\n"
                      "Box: {type: object, properties: {size: {$ref: '#/Size'}}}\n");
    document_ = openapi::load_document(program.files, "api.yaml", {}, program.sink);
    INFO(render(program.files, program.sink.sorted(), {}));
    REQUIRE(document_ != nullptr);
    set_ = std::make_unique<SchemaSet>(*document_, program.sink);
  }
  u32 compile(std::string_view name, std::span<const std::string_view> unenforced = {}) {
    const NodeRef schemas = document_->root.get("components").get("schemas");
    return program.compiler.compile_schema(*set_, schemas.get(name), unenforced);
  }
  bool accepts(u32 root, std::string_view instance, Direction direction = Direction::Neither) {
    return program.accepts(root, instance, nullptr, {direction});
  }
  std::string first_fault(u32 root, std::string_view instance,
                          Direction direction = Direction::Neither) {
    ErrorList errors;
    program.accepts(root, instance, &errors, {direction});
    if (errors.all().empty()) return {};
    const auto& error = errors.all().front();
    return error.pointer + " " + std::string(error.keyword) + ": " + error.message;
  }
  TestProgram program;

 private:
  std::unique_ptr<openapi::Document> document_;
  std::unique_ptr<SchemaSet> set_;
};

}  // namespace

TEST_CASE("openapi schema: references lead within the document and to other files", "[schema]") {
  OpenApi api(
      "3.1.0",
      "    A: {$ref: '#/components/schemas/B', maxLength: 3}\n"
      "    B: {$ref: '#/components/schemas/C', minLength: 1}\n"
      "    C: {type: string}\n"
      "    Far: {$ref: 'other.yaml#/Box'}\n"
      "    Named: {$ref: 'https://h.example/n'}\n"
      "    Target: {$id: 'https://h.example/n', $defs: {x: {const: 1}}, $ref: '#/$defs/x'}\n");
  const u32 a = api.compile("A");
  REQUIRE(a != kNone);
  CHECK(api.accepts(a, "\"abc\""));
  CHECK_FALSE(api.accepts(a, "\"abcd\""));  // siblings count in 3.1, of every step
  CHECK_FALSE(api.accepts(a, "\"\""));
  const u32 far = api.compile("Far");
  REQUIRE(far != kNone);
  CHECK(api.accepts(far, R"({"size":9})"));
  CHECK_FALSE(api.accepts(far, R"({"size":10})"));
  const u32 named = api.compile("Named");
  REQUIRE(named != kNone);
  CHECK(api.accepts(named, "1"));
  CHECK_FALSE(api.accepts(named, "2"));
  CHECK(api.program.verify());
}

TEST_CASE("openapi schema: readOnly and writeOnly go by the direction", "[schema]") {
  OpenApi api("3.0.3",
              "    User:\n"
              "      type: object\n"
              "      required: [id, name, password]\n"
              "      properties:\n"
              "        id: {$ref: '#/components/schemas/Id'}\n"
              "        name: {type: string}\n"
              "        password: {type: string, writeOnly: true}\n"
              "    Id: {type: integer, readOnly: true}\n");
  const u32 user = api.compile("User");
  REQUIRE(user != kNone);
  const std::string request = R"({"name":"a","password":"b"})";
  const std::string response = R"({"id":1,"name":"a"})";
  CHECK(api.accepts(user, request, Direction::Request));
  CHECK_FALSE(api.accepts(user, request, Direction::Response));
  CHECK(api.accepts(user, response, Direction::Response));
  CHECK_FALSE(api.accepts(user, response, Direction::Request));
  CHECK_FALSE(api.accepts(user, request));
  CHECK(api.accepts(user, R"({"id":1,"name":"a","password":"b"})"));
  CHECK(api.first_fault(user, R"({"id":1,"name":"a","password":"b"})", Direction::Request) ==
        "/id readOnly: must not be sent");
  CHECK(api.first_fault(user, R"({"id":1,"name":"a","password":"b"})", Direction::Response) ==
        "/password writeOnly: must not be sent");
  CHECK(api.first_fault(user, R"({"name":"a"})", Direction::Request) ==
        " required: `password` is missing");
}

TEST_CASE("openapi schema: a discriminator chooses the alternative", "[schema]") {
  OpenApi api(
      "3.0.3",
      "    Pet:\n"
      "      oneOf: [{$ref: '#/components/schemas/Cat'}, {$ref: '#/components/schemas/Dog'}]\n"
      "      discriminator:\n"
      "        propertyName: kind\n"
      "        mapping: {hound: '#/components/schemas/Dog', puss: Cat}\n"
      "    Cat: {type: object, required: [lives], properties: {lives: {type: integer}}}\n"
      "    Dog: {type: object, required: [bark], properties: {bark: {type: string}}}\n");
  const u32 pet = api.compile("Pet");
  REQUIRE(pet != kNone);
  CHECK(api.accepts(pet, R"({"kind":"Cat","lives":9})"));
  CHECK(api.accepts(pet, R"({"kind":"puss","lives":9,"bark":"both"})"));
  CHECK(api.accepts(pet, R"({"kind":"hound","bark":"w"})"));
  CHECK(api.first_fault(pet, R"({"kind":"Dog","lives":9})") == " required: `bark` is missing");
  CHECK(api.first_fault(pet, R"({"kind":"Fish"})") ==
        "/kind discriminator: is none of the values that are known");
  CHECK(api.first_fault(pet, R"({"lives":9})") == " discriminator: `kind` is missing");
  CHECK_FALSE(api.accepts(pet, R"({"kind":1,"lives":9})"));
  CHECK_FALSE(api.accepts(pet, "1") == api.accepts(pet, "{}"));
}

TEST_CASE("openapi schema: keywords of another dialect are refused unless left out", "[schema]") {
  OpenApi api("3.0.3", "    A: {type: object, patternProperties: {'^a': {type: string}}}\n");
  CHECK(api.compile("A") == kNone);
  CHECK(api.program.sink.error_count() == 1);
  const std::string_view unenforced[] = {"patternProperties"};
  const u32 a = api.compile("A", unenforced);
  REQUIRE(a != kNone);
  CHECK(api.accepts(a, R"({"a":1})"));
  CHECK(api.compile("A") == kNone);
}

TEST_CASE("openapi schema: a document of an unknown dialect is not enforced in part", "[schema]") {
  OpenApi known("3.1.0\njsonSchemaDialect: https://json-schema.org/draft/2020-12/schema",
                "    A: {type: string}\n");
  CHECK(known.compile("A") != kNone);
  OpenApi other("3.1.0\njsonSchemaDialect: https://h.example/own", "    A: {type: string}\n");
  CHECK(other.compile("A") == kNone);
  CHECK(other.program.sink.error_count() == 1);
}

}  // namespace gw::compiler::schema
