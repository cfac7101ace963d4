// Operations in words for those who call them, from documents.
#include "runtime/admin/docs.h"

#include <xxhash.h>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <catch2/catch.hpp>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "golden-tests/engine/compiled_table.h"
#include "runtime/admin/promises.h"
#include "runtime/admin/schema_outline.h"
#include "runtime/table/contracts.h"
#include "runtime/table/fuzz/exercise_table.h"

namespace gw {
namespace {

namespace json = boost::json;

std::string document(const std::string& paths) {
  return R"(
openapi: 3.1.0
info: {title: Shop, version: '1'}
x-gw:
  clients: {mobile: {when: {header: {x-client: mobile}}}, iot: {when: {header: {x-client: iot}}}, web: {}}
paths:
)" + paths;
}

std::string operation(const std::string& name, const std::string& x_gw) {
  return "  /" + name + ": {get: {operationId: " + name + ", x-gw: {public: test, respond: 204" +
         (x_gw.empty() ? "" : ", " + x_gw) + "}}}\n";
}

std::string ids(const json::object& docs) {
  std::string all;
  for (const json::value& one : docs.at("operations").as_array()) {
    if (!all.empty()) all += ' ';
    all += one.at("id").as_string();
  }
  return all;
}

// A line for each line of an outline: indentation, name, and what is known of it.
std::string lines_of(const json::object& line, size_t depth = 0) {
  std::string text(depth * 2, ' ');
  for (const auto& [key, value] : line) {
    if (key == "children" || key == "property") continue;
    if (value == json::value(false)) continue;
    if (text.find_last_not_of(' ') != text.npos) text += ' ';
    text += value.is_string()   ? std::string(value.as_string())
            : key == "required" ? "required"
                                : json::serialize(value);
  }
  text += '\n';
  const json::value* children = line.if_contains("children");
  if (children == nullptr) return text;
  for (const json::value& child : children->as_array()) {
    text += lines_of(child.as_object(), depth + 1);
  }
  return text;
}

const std::string kAnswers = "responses: {'204': {description: done}}";

std::string posting(const std::string& schema, const std::string& x_gw = "") {
  return "  /things: {post: {operationId: add, x-gw: {public: test, respond: 204" + x_gw +
         "}, requestBody: {required: true, content: {application/json: {schema: " + schema +
         "}}}, " + kAnswers + "}}\n";
}

json::object only_operation(const table::TableFile& table, const std::string& client = "") {
  const json::object docs = admin::docs_json(table, {.client = client});
  REQUIRE(docs.at("operations").as_array().size() == 1);
  return docs.at("operations").as_array()[0].as_object();
}

std::string body_lines(const std::string& schema, const std::string& components = "") {
  const auto table = compiled_file(document(posting(schema)) + components);
  const json::object operation = only_operation(*table);
  return lines_of(operation.at("requestBody").at("content").as_array()[0].at("schema").as_object());
}

std::string words_of(const json::object& operation, std::string_view policy) {
  for (const json::value& one : operation.at("policies").as_array()) {
    if (one.at("name").as_string() == policy) return std::string(one.at("words").as_string());
  }
  return "";
}

}  // namespace

TEST_CASE("docs: a request body has media types and schemas", "[docs]") {
  const auto table = compiled_file(document(
      "  /things: {post: {operationId: add, x-gw: {public: test, respond: 204}, requestBody: "
      "{required: true, description: A thing, content: {application/json: {schema: {type: object, "
      "required: [name], properties: {name: {type: string}}}}, text/plain: {}}}, " +
      kAnswers + "}}\n"));
  const json::object body = only_operation(*table).at("requestBody").as_object();
  CHECK(body.at("required").as_bool());
  CHECK(body.at("description").as_string() == "A thing");
  const json::array& content = body.at("content").as_array();
  REQUIRE(content.size() == 2);
  CHECK(content[0].at("type").as_string() == "application/json");
  CHECK(lines_of(content[0].at("schema").as_object()) == "object\n  name required string\n");
  CHECK(content[1].at("type").as_string() == "text/plain");
  CHECK(content[1].at("schema").is_null());
  const auto without = compiled_file(document(operation("none", "")));
  CHECK(only_operation(*without).at("requestBody").is_null());
}

TEST_CASE("docs: answers have headers, media types and schemas", "[docs]") {
  const auto table = compiled_file(document(R"(
  /things:
    get:
      operationId: things
      x-gw: {public: test, respond: 204}
      responses:
        '200':
          description: All of them
          headers: {X-Count: {required: true, description: How many, schema: {type: integer}}}
          content: {application/json: {schema: {type: array, maxItems: 9, items: {type: string}}}}
        '204': {$ref: '#/components/responses/None'}
components: {responses: {None: {description: No thing}}}
)"));
  const json::object operation = only_operation(*table);
  const json::array& responses = operation.at("responses").as_array();
  REQUIRE(responses.size() == 2);
  const json::object& first = responses[0].as_object();
  CHECK(first.at("status").as_string() == "200");
  CHECK_FALSE(first.at("view").as_bool());
  const json::object& header = first.at("headers").as_array()[0].as_object();
  CHECK(header.at("name").as_string() == "X-Count");
  CHECK(header.at("required").as_bool());
  CHECK(lines_of(header.at("schema").as_object()) == "integer\n");
  CHECK(lines_of(first.at("content").as_array()[0].at("schema").as_object()) ==
        "array [\"9 items at most\"]\n  each item string\n");
  CHECK(responses[1].at("description").as_string() == "No thing");
  CHECK(responses[1].at("content").as_array().empty());
}

TEST_CASE("docs: a schema is told line by line", "[docs]") {
  CHECK(body_lines("{type: integer, format: int32, minimum: 1, exclusiveMaximum: 9, default: 2}") ==
        "integer int32 [\"at least 1\",\"less than 9\",\"`2` when absent\"]\n");
  CHECK(body_lines("{type: [string, 'null'], enum: [new, paid, null], description: Its state}") ==
        "string or null [\"new\",\"paid\",\"null\"] Its state\n");
  CHECK(body_lines("{type: object, required: [a, b], additionalProperties: false, properties: "
                   "{a: {type: string, minLength: 2, pattern: '^x'}, b: true, c: {readOnly: true, "
                   "type: boolean}}}") ==
        "object [\"no other members\"]\n"
        "  a required string [\"2 characters at least\",\"like `^x`\"]\n"
        "  b required anything\n"
        "  c boolean [\"in answers only\"]\n");
  CHECK(body_lines("{oneOf: [{type: string}, {$ref: '#/components/schemas/A'}]}",
                   "components: {schemas: {A: {type: integer}}}\n") ==
        "\n  one of these: 1 string\n  one of these: 2 integer A\n");
}

TEST_CASE("docs: what references and allOf add is one object", "[docs]") {
  CHECK(body_lines("{$ref: '#/components/schemas/Dog'}", R"(
components:
  schemas:
    Animal: {type: object, required: [name], properties: {name: {type: string}}}
    Dog:
      allOf: [{$ref: '#/components/schemas/Animal'}, {properties: {barks: {type: boolean}}}]
)") == "object Dog\n  name required string\n  barks boolean\n");
}

TEST_CASE("docs: a schema that leads back to itself ends there", "[docs]") {
  CHECK(body_lines("{$ref: '#/components/schemas/Node'}", R"(
components:
  schemas:
    Node:
      type: object
      properties:
        id: {type: integer}
        next: {$ref: '#/components/schemas/Node'}
        all: {type: array, items: {$ref: '#/components/schemas/Node'}}
)") == "object Node\n"
       "  id integer\n"
       "  next Node As it is above.\n"
       "  all array\n"
       "    each item Node As it is above.\n");
}

TEST_CASE("docs: outlines are bounded in depth and in lines", "[docs]") {
  std::string deep = "{type: string}";
  for (u32 i = 0; i < 2 * admin::SchemaOutliner::kMostDepth; ++i) {
    deep = "{type: object, properties: {p: " + deep + "}}";
  }
  const std::string lines = body_lines(deep);
  CHECK(std::ranges::count(lines, '\n') == admin::SchemaOutliner::kMostDepth + 1);
  CHECK(lines.ends_with("p object More is too deep to be shown.\n"));
  std::string wide;
  for (u32 i = 0; i < 2 * admin::SchemaOutliner::kMostLines; ++i) {
    wide += (wide.empty() ? "p" : ", p") + std::to_string(i) + ": {type: string}";
  }
  const std::string many = body_lines("{type: object, properties: {" + wide + "}}");
  CHECK(std::ranges::count(many, '\n') == admin::SchemaOutliner::kMostLines + 2);
  CHECK(many.ends_with("  The rest is too much to be shown.\n"));
}

TEST_CASE("docs: each class has the schemas that its view leaves", "[docs]") {
  const auto table = compiled_file(document(R"(
  /user:
    get:
      operationId: getUser
      x-gw:
        public: test
        respond: {status: 200, body: {id: 1, name: Ada, mail: a, pet: {name: Rex, age: 3}}}
        views: {mobile: {omit: [mail]}, iot: {pick: [id, pet/name]}}
      responses:
        '200': {description: A user, content: {application/json: {schema: {$ref: '#/components/schemas/User'}}}}
        '404': {description: None, content: {application/json: {schema: {$ref: '#/components/schemas/User'}}}}
components:
  schemas:
    User:
      type: object
      required: [id, mail]
      properties:
        id: {type: integer}
        name: {type: string}
        mail: {type: string}
        pet: {$ref: '#/components/schemas/Pet'}
    Pet: {type: object, properties: {name: {type: string}, age: {type: integer}}}
)"));
  const auto shown = [&](const std::string& client, size_t answer) {
    const json::object operation = only_operation(*table, client);
    const json::object& one = operation.at("responses").as_array()[answer].as_object();
    return (one.at("view").as_bool() ? "view " : "") +
           lines_of(one.at("content").as_array()[0].at("schema").as_object());
  };
  const std::string pet = "  pet object Pet\n    name string\n    age integer\n";
  const std::string all =
      "object User\n  id required integer\n  name string\n"
      "  mail required string\n" +
      pet;
  CHECK(shown("", 0) == all);
  CHECK(shown("web", 0) == all);
  CHECK(shown("mobile", 0) == "view object\n  id required integer\n  name string\n" + pet);
  CHECK(shown("iot", 0) == "view object\n  id required integer\n  pet object\n    name string\n");
  for (const std::string client : {"", "mobile", "iot"}) CHECK(shown(client, 1) == all);
  CHECK(words_of(only_operation(*table, "mobile"), "views.mobile") ==
        "For mobile, answers are without `mail`.");
  CHECK(words_of(only_operation(*table, "iot"), "views.iot") ==
        "For iot, answers have nothing but `id` and `pet/name`.");
}

// What the operation itself does is seen by everybody, and a view comes behind it.
TEST_CASE("docs: answers are shown as the operation's own changes leave them", "[docs]") {
  const auto table = compiled_file(document(R"(
  /user:
    get:
      operationId: getUser
      x-gw:
        public: test
        respond: {status: 200, body: {id: 1, name: Ada, mail: a}}
        response: {status: {'202': 200}, body: {omit: [mail]}, errors: {'404': {body: {why: text, status: $response.status}, type: application/json}}}
        views: {mobile: {omit: [name]}}
      responses:
        '202': {description: A user, content: {application/json: {schema: {$ref: '#/components/schemas/User'}}}}
        default: {description: Not one, content: {application/json: {schema: {$ref: '#/components/schemas/User'}}}}
components:
  schemas:
    User: {type: object, properties: {id: {type: integer}, name: {type: string}, mail: {type: string}}}
)"));
  const auto shown = [&](const std::string& client) {
    const json::object operation = only_operation(*table, client);
    std::string all;
    for (const json::value& one : operation.at("responses").as_array()) {
      const json::object& media = one.at("content").as_array()[0].as_object();
      all += std::string(one.at("status").as_string()) + (one.at("view").as_bool() ? " view" : "") +
             " " + std::string(media.at("type").as_string()) + " " +
             lines_of(media.at("schema").as_object());
    }
    return all;
  };
  const std::string errors =
      "default application/json object User\n  id integer\n  name string\n  mail string\n"
      "404 application/json object\n  why required string\n  status required integer\n";
  const std::string all = "200 application/json object\n  id integer\n  name string\n" + errors;
  CHECK(shown("") == all);
  CHECK(shown("web") == all);
  CHECK(shown("mobile") == "200 view application/json object\n  id integer\n" + errors);
}

TEST_CASE("docs: validation is a policy in words, as it is configured", "[docs]") {
  const std::string schema = "{type: object}";
  const auto words = [&](const std::string& x_gw) {
    return words_of(only_operation(*compiled_file(document(posting(schema, x_gw)))), "validate");
  };
  CHECK(words("") ==
        "Requests without a body get 400. Bodies that break the schema get 400, those of other "
        "media types 415.");
  CHECK(words(", validate: log") ==
        "Requests that are not as described are let through, and noted in the log.");
  CHECK(words(", validate: off") == "Requests are not held to this description.");
  CHECK(words(", validate: {unknown: {query: reject, headers: drop}, response: log}") ==
        "Requests without a body get 400. Bodies that break the schema get 400, those of other "
        "media types 415. Query parameters that are not declared get 400. Header fields that are "
        "not declared are not sent on. Answers that are not as described are noted in the log.");
  const auto of_parameter = compiled_file(document(
      "  /{id}: {get: {operationId: one, x-gw: {public: test, respond: 204}, parameters: [{name: "
      "id, in: path, required: true, schema: {type: integer}}], " +
      kAnswers + "}}\n"));
  CHECK(words_of(only_operation(*of_parameter), "validate") ==
        "Parameters that break their schema, or are missing though needed, get 400.");
}

// A table whose section of contracts is changed, with the digests that it should have then.
class ContractsOf {
 public:
  explicit ContractsOf(const table::TableFile& file)
      : bytes_(file.bytes().begin(), file.bytes().end()),
        section_(table::TableView(file.bytes()).sections().back()),
        header_(static_cast<size_t>(
            reinterpret_cast<const std::byte*>(&table::TableView(file.bytes()).sections().back()) -
            file.bytes().data())) {
    REQUIRE(section_.kind == table::SectionKind::Contracts);
  }

  size_t size() const { return section_.bytes; }
  std::byte* data() { return bytes_.data() + section_.offset; }

  std::shared_ptr<const table::TableFile> file() {
    section_.digest = static_cast<u32>(XXH3_64bits(data(), size()));
    std::memcpy(bytes_.data() + header_, &section_, sizeof section_);
    table::repair_digest(bytes_);
    const auto file = table::TableFile::from_bytes(bytes_);
    REQUIRE(file.has_value());
    return *file;
  }

 private:
  std::vector<std::byte> bytes_;
  table::Section section_;
  size_t header_;  // where the section is described
};

// Whatever the section holds, there is an answer, and it is no larger than it may be.
TEST_CASE("docs: contracts that anybody may have written do no harm", "[docs]") {
  const auto good = compiled_file(document(R"(
  /things:
    post:
      operationId: add
      x-gw: {public: test, respond: {status: 200, body: {a: 1}}, views: {mobile: {omit: [b]}}}
      requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/Node'}}}}
      responses: {'200': {description: ok, content: {application/json: {schema: {$ref: '#/components/schemas/Node'}}}}}
components:
  schemas:
    Node:
      oneOf: [{$ref: '#/components/schemas/Other'}, {type: [object, 'null'], required: [a]}]
      properties: {a: {enum: [1, a, null]}, b: {items: {$ref: '#/components/schemas/Node'}}}
    Other: {anyOf: [{type: object}], additionalProperties: {minimum: 2}}
)"));
  std::mt19937 random(7);
  constexpr std::string_view kBytes = R"({}[]",:$0123456789)";
  u32 read = 0;
  for (u32 round = 0; round < 2000; ++round) {
    ContractsOf contracts(*good);
    const u32 changes = 1 + random() % 4;
    for (u32 i = 0; i < changes; ++i) {
      const u32 byte =
          random() % 2 == 0 ? random() % 256 : static_cast<u8>(kBytes[random() % kBytes.size()]);
      contracts.data()[random() % contracts.size()] = static_cast<std::byte>(byte);
    }
    const auto file = contracts.file();
    if (table::Contracts::open(table::TableView(file->bytes()))) ++read;
    for (const std::string client : {"", "mobile"}) {
      const std::string text = json::serialize(admin::docs_json(*file, {.client = client}));
      if (text.size() > 100'000) FAIL("round " << round << ": " << text.size());
    }
  }
  CHECK(read > 100);
}

TEST_CASE("docs: a view that is too large for the table does not show what others get", "[docs]") {
  const auto good = compiled_file(document(R"(
  /things:
    get:
      operationId: things
      x-gw: {public: test, respond: {status: 200, body: {a: 1}}, views: {mobile: {omit: [b]}}}
      responses: {'200': {description: ok, content: {application/json: {schema: {type: object, properties: {b: {}}}}}}}
)"));
  const auto views = table::Contracts::open(table::TableView(good->bytes()))->views();
  REQUIRE(views.size() == 1);
  ContractsOf contracts(*good);
  const auto* record = reinterpret_cast<const std::byte*>(&views[0].fragment);
  const Bytes section = table::TableView(good->bytes()).section(table::SectionKind::Contracts);
  const u32 none = table::kNone;
  std::memcpy(contracts.data() + (record - section.data()), &none, sizeof none);
  const auto shown = [&](const std::string& client) {
    const json::object operation = only_operation(*contracts.file(), client);
    const json::object& answer = operation.at("responses").as_array()[0].as_object();
    return lines_of(answer.at("content").as_array()[0].at("schema").as_object());
  };
  CHECK(shown("mobile") == "What callers get is too large to be kept in the table.\n");
  CHECK(shown("iot") == "object\n  b anything\n");
}

TEST_CASE("docs: what is too much for a page is not passed over in silence", "[docs]") {
  const std::string text(admin::Promises::kMostParsedBytes, 'x');
  const auto table =
      compiled_file(document(posting("{$ref: '#/components/schemas/Large'}")) +
                    "components: {schemas: {Large: {description: '" + text + "'}}}\n");
  const json::object operation = only_operation(*table);
  CHECK(operation.at("cut").as_string().starts_with("Not all of it is shown"));
  const json::array& content = operation.at("requestBody").at("content").as_array();
  CHECK(lines_of(content[0].at("schema").as_object()) == "Large It cannot be shown here.\n");
  CHECK_FALSE(only_operation(*compiled_file(document(posting("{}")))).contains("cut"));
}

// Each level refers twice to the next: written out it would be a million million lines.
TEST_CASE("docs: schemas that unfold without measure share one bound", "[docs]") {
  std::string components = "components:\n  schemas:\n    S40: {type: string}\n";
  for (u32 i = 0; i < 40; ++i) {
    const std::string next = "{$ref: '#/components/schemas/S" + std::to_string(i + 1) + "'}";
    components += "    S" + std::to_string(i) + ": {type: object, properties: {a: " + next +
                  ", b: " + next + "}}\n";
  }
  std::string paths;
  for (u32 i = 0; i < 150; ++i) {
    paths += "  /" + std::to_string(i) + ": {get: {operationId: o" + std::to_string(i) +
             ", x-gw: {public: test, respond: 204}, responses: {'200': {description: ok, content: "
             "{application/json: {schema: {$ref: '#/components/schemas/S0'}}}}}}}\n";
  }
  const auto table = compiled_file(document(paths) + components);
  const std::string text = json::serialize(admin::docs_json(*table, {}));
  CHECK(text.size() < 16u << 20);
  CHECK(text.find("The rest is too much to be shown.") != text.npos);
}

TEST_CASE("docs: an operation that refuses a class is not for it", "[docs]") {
  const auto table = compiled_file(
      document(operation("all", "") + operation("allowed", "allow: {client: mobile}") +
               operation("denied", "deny: {client: [mobile, iot]}") +
               operation("others", "allow: {client: {not: mobile}}") +
               operation("prefix", "deny: {client: {prefix: mo}}") +
               operation("pattern", "deny: {client: {matches: 'm.*'}}") +
               operation("either", "allow: [{client: iot}, {header: {x-a: '1'}}]") +
               operation("both", "deny: {client: mobile, header: {x-a: '1'}}") +
               operation("viewed", "deny: {client: iot}, views: {mobile: {omit: [secret]}}")));
  const auto shown = [&](const std::string& client) {
    return ids(admin::docs_json(*table, {.client = client}));
  };
  CHECK(shown("mobile") == "all allowed either both viewed");
  CHECK(shown("iot") == "all others prefix pattern either both");
  CHECK(shown("web") == "all denied others prefix pattern either both viewed");
  CHECK(shown("") == "all allowed denied others prefix pattern either both viewed");
  CHECK(admin::docs_json(*table, {.client = "nobody"}).empty());
}

TEST_CASE("docs: pages lead to every operation, both ways", "[docs]") {
  constexpr size_t kOperations = 2 * admin::kOperationsOfPage + 7;
  std::string paths;
  for (size_t i = 0; i < kOperations; ++i) {
    // Every other one refuses mobile clients.
    paths += operation("o" + std::to_string(1000 + i), i % 2 == 0 ? "" : "deny: {client: mobile}");
  }
  const auto table = compiled_file(document(paths));
  const std::string client = GENERATE("", "mobile");
  const size_t expected = client.empty() ? kOperations : (kOperations + 1) / 2;
  size_t seen = 0;
  size_t pages = 0;
  json::object page = admin::docs_json(*table, {.client = client});
  while (true) {
    ++pages;
    CHECK(page.at("total").to_number<size_t>() == expected);
    CHECK(page.at("first").to_number<size_t>() == seen);
    seen += page.at("operations").as_array().size();
    if (page.at("next").is_null()) break;
    CHECK(page.at("operations").as_array().size() == admin::kOperationsOfPage);
    page =
        admin::docs_json(*table, {.client = client, .from = page.at("next").to_number<size_t>()});
  }
  CHECK(seen == expected);
  for (; !page.at("previous").is_null(); --pages) {
    page = admin::docs_json(*table,
                            {.client = client, .from = page.at("previous").to_number<size_t>()});
    CHECK(page.at("operations").as_array().size() == admin::kOperationsOfPage);
  }
  CHECK(pages == 1);
  CHECK(page.at("first").to_number<size_t>() == 0);
}

TEST_CASE("docs: a search looks at ids, methods and paths, whatever the case", "[docs]") {
  const auto table = compiled_file(document(
      operation("listOrders", "") + operation("getUser", "deny: {client: mobile}") +
      "  /users/{id}/orders: {post: {operationId: add, x-gw: {public: test, respond: 204}, "
      "parameters: [{name: id, in: path, required: true, schema: {type: integer}}]}}\n"));
  const auto found = [&](const std::string& search, const std::string& client = "") {
    return ids(admin::docs_json(*table, {.client = client, .search = search}));
  };
  CHECK(found("ORDERS") == "listOrders add");
  CHECK(found("post /users") == "add");
  CHECK(found("user", "mobile") == "add");
  CHECK(found("nothing").empty());
  CHECK(admin::docs_json(*table, {.from = 1'000'000}).at("operations").as_array().empty());
}

}  // namespace gw
