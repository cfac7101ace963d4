// What counts as which change, as a specification: two documents, and what is found.
#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <random>

#include "compiler/compile.h"
#include "compiler/diag/render.h"
#include "compiler/diff/classify.h"
#include "compiler/diff/diff.h"
#include "compiler/diff/witness.h"
#include "runtime/table/digest.h"
#include "runtime/table/verify.h"

namespace gw::compiler::diff {
namespace {

std::vector<std::byte> compiled(const std::string& text, const std::string& name = "api.yaml") {
  Compilation compilation;
  compilation.files.add(name, text);
  CompileOptions options;
  options.paths = {name};
  options.for_comparison = true;
  compile(options, true, compilation);
  INFO(render(compilation.files, compilation.sink.sorted(), {}));
  REQUIRE_FALSE(compilation.table.empty());
  return compilation.table;
}

Input input(const std::vector<std::byte>& table, bool contracts_only = true) {
  const auto file = table::TableFile::from_bytes(table);
  REQUIRE(file.has_value());
  return {.name = "api.yaml", .file = *file, .contracts_only = contracts_only};
}

std::vector<Finding> findings(const std::string& before, const std::string& after,
                              bool contracts_only = true) {
  Comparison comparison = compare(input(compiled(before), contracts_only),
                                  input(compiled(after), contracts_only), "2026-06-01");
  CAPTURE(comparison.problem);
  REQUIRE(comparison.problem.empty());
  return std::move(comparison.findings);
}

std::vector<std::string> ids(const std::vector<Finding>& all) {
  std::vector<std::string> out;
  for (const Finding& finding : all) out.emplace_back(finding.id);
  std::ranges::sort(out);
  return out;
}

// One schema, sent by clients and by the API.
std::string with_schema(const std::string& schema) {
  return fmt::format(R"(openapi: 3.1.0
info: {{title: T, version: '1'}}
paths:
  /things:
    post:
      operationId: send
      requestBody: {{content: {{application/json: {{schema: {0}}}}}}}
      responses: {{'204': {{description: done}}}}
    get:
      operationId: receive
      responses: {{'200': {{description: ok, content: {{application/json: {{schema: {0}}}}}}}}}
components:
  schemas:
    Name: {{type: string, maxLength: 10}}
    Tree: {{type: object, properties: {{child: {{$ref: '#/components/schemas/Tree'}}}}}}
)",
                     schema);
}

}  // namespace

TEST_CASE("schemas: what narrows breaks senders, what widens breaks receivers", "[diff]") {
  struct Case {
    const char* before;
    const char* after;
    std::vector<std::string> expected;  // sorted
  };
  const std::vector<Case> cases{
      {"{type: string}", "{type: string}", {}},
      {"{type: string}", "{type: integer}", {"request-type-changed", "response-type-changed"}},
      {"{type: integer}", "{type: number}", {"request-type-widened", "response-type-widened"}},
      {"{type: number}", "{type: integer}", {"request-type-narrowed", "response-type-narrowed"}},
      {"{type: string}",
       "{type: [string, 'null']}",
       {"request-became-nullable", "response-became-nullable"}},
      {"{$ref: '#/components/schemas/Name'}",
       "{oneOf: [{$ref: '#/components/schemas/Name'}, {type: 'null'}]}",
       {"request-became-nullable", "response-became-nullable"}},
      {"{type: string}",
       "{enum: [a, b], type: string}",
       {"request-enum-added", "response-enum-added"}},
      {"{enum: [a, b]}",
       "{enum: [b, c]}",
       {"request-enum-value-added", "request-enum-value-removed", "response-enum-value-added",
        "response-enum-value-removed"}},
      {"{enum: [1]}", "{enum: [1.0]}", {}},
      {"{const: 1}", "{const: 2}", {"request-const-changed", "response-const-changed"}},
      {"{minimum: 1}", "{minimum: 1.0}", {}},
      {"{minimum: 1}", "{minimum: 2}", {"request-bound-tightened", "response-bound-tightened"}},
      {"{minimum: 1}",
       "{exclusiveMinimum: 1}",
       {"request-bound-tightened", "response-bound-tightened"}},
      {"{maximum: 1}",
       "{exclusiveMaximum: 1}",
       {"request-bound-tightened", "response-bound-tightened"}},
      {"{maxItems: 1}", "{}", {"request-bound-removed", "response-bound-removed"}},
      {"{}", "{minLength: 0}", {}},
      {"{pattern: 'a+'}", "{pattern: 'aa*'}", {}},
      {"{pattern: '^a$'}",
       "{pattern: '^[ab]$'}",
       {"request-pattern-widened", "response-pattern-widened"}},
      {"{pattern: '^[ab]$'}",
       "{pattern: '^[bc]$'}",
       {"request-pattern-changed", "response-pattern-changed"}},
      {"{format: int32}", "{format: int64}", {"request-format-widened", "response-format-widened"}},
      {"{format: uuid}", "{format: date}", {"request-format-changed", "response-format-changed"}},
      {"{properties: {a: {}}}",
       "{properties: {a: {}, b: {}}}",
       {"request-property-added", "response-property-added"}},
      {"{properties: {a: {}}}",
       "{properties: {a: {}, b: {}}, required: [b]}",
       {"request-property-required-added", "response-property-added"}},
      {"{properties: {a: {}}, required: [a]}",
       "{properties: {b: {}}}",
       {"request-property-added", "request-property-removed", "response-property-added",
        "response-property-required-removed"}},
      {"{properties: {a: {}}}",
       "{additionalProperties: false}",
       {"request-additional-properties-refused", "request-property-removed-refused",
        "response-additional-properties-refused", "response-property-removed"}},
      {"{properties: {a: {}}}",
       "{properties: {a: {}}, required: [a]}",
       {"request-became-required", "response-became-required"}},
      {"{properties: {a: {readOnly: true}}}",
       "{properties: {a: {readOnly: true, maxLength: 1}}, required: [a]}",
       {"response-became-required", "response-bound-added"}},
      {"{additionalProperties: {type: string}}",
       "{additionalProperties: {type: integer}}",
       {"request-type-changed", "response-type-changed"}},
      {"{items: {type: string}}",
       "{items: {type: string}, prefixItems: [{type: integer}]}",
       {"request-type-changed", "response-type-changed"}},
      {"{items: false, prefixItems: [{}]}",
       "{items: false, prefixItems: [{}, {}]}",
       {"request-prefix-item-allowed", "response-prefix-item-allowed"}},
      {"{anyOf: [{title: A}, {title: B}]}",
       "{anyOf: [{title: B}, {title: C}, {title: D}]}",
       {"request-alternative-added", "request-alternative-added", "request-alternative-removed",
        "response-alternative-added", "response-alternative-added",
        "response-alternative-removed"}},
      {"{type: [string, integer]}", "{oneOf: [{type: string}, {type: integer}]}", {}},
      {"{type: string, enum: [a]}",
       "{oneOf: [{type: string}, {title: A number, type: integer}]}",
       {"request-enum-removed", "request-type-widened", "response-enum-removed",
        "response-type-widened"}},
      {"{anyOf: [{type: string}, {type: integer}]}",
       "{type: integer}",
       {"request-type-narrowed", "response-type-narrowed"}},
      // An integer fits both alternatives, which `oneOf` refuses.
      {"{type: number}",
       "{oneOf: [{type: number}, {type: integer}]}",
       {"request-alternatives-added", "response-alternatives-added"}},
      {"{type: string}",
       "{oneOf: [{type: string, maxLength: 3}, {type: integer}]}",
       {"request-alternatives-added", "request-type-widened", "response-alternatives-added",
        "response-type-widened"}},
      {"{allOf: [{type: string}, {maxLength: 3}]}", "{type: string, maxLength: 3}", {}},
      {"{$ref: '#/components/schemas/Name'}", "{type: string, maxLength: 10}", {}},
      {"{$ref: '#/components/schemas/Name', maxLength: 5}", "{type: string, maxLength: 5}", {}},
      {"{$ref: '#/components/schemas/Tree'}", "{$ref: '#/components/schemas/Tree'}", {}},
      {"{dependentRequired: {a: [b]}}",
       "{dependentRequired: {a: [b, c]}}",
       {"request-dependent-required-added", "response-dependent-required-added"}},
      {"{if: {required: [a]}, then: {required: [b]}}",
       "{}",
       {"request-condition-removed", "response-condition-removed"}},
      {"{if: {required: [a]}, then: {maxProperties: 2}}",
       "{if: {required: [a]}, then: {maxProperties: 1}}",
       {"request-bound-tightened", "response-bound-tightened"}},
      {"{not: {type: string}}", "{}", {"request-not-removed", "response-not-removed"}},
      {"{unevaluatedProperties: false}",
       "{}",
       {"request-unevaluated-allowed", "response-unevaluated-allowed"}},
      {"{default: 1}", "{default: 2}", {"request-default-changed", "response-default-changed"}},
      {"{description: a}", "{description: b}", {"documentation-changed"}},
  };
  for (const Case& example : cases) {
    DYNAMIC_SECTION(example.before << " -> " << example.after) {
      CHECK(ids(findings(with_schema(example.before), with_schema(example.after))) ==
            example.expected);
    }
  }
}

TEST_CASE("schemas: the numbers of a parameter are texts", "[diff]") {
  const auto changes = [](std::string_view before, std::string_view after) {
    const auto document = [](std::string_view schema) {
      return fmt::format(R"(openapi: 3.1.0
info: {{title: T, version: '1'}}
paths:
  /a:
    get:
      operationId: a
      parameters: [{{name: q, in: query, schema: {}}}]
      responses: {{'200': {{description: ok}}}}
)",
                         schema);
    };
    return ids(findings(document(before), document(after)));
  };
  using Ids = std::vector<std::string>;
  CHECK(changes("{type: integer}", "{type: string}") == Ids{"request-type-widened"});
  CHECK(changes("{type: integer}", "{type: string, minLength: 2}") ==
        Ids{"request-bound-added", "request-type-widened"});
  CHECK(changes("{type: [integer, string]}", "{type: string}") == Ids{"request-type-widened"});
  CHECK(changes("{items: {type: integer}}", "{items: {type: string}}") ==
        Ids{"request-type-widened"});
  CHECK(changes("{type: string}", "{type: integer}") == Ids{"request-type-changed"});
  CHECK(changes("{type: array}", "{type: string}") == Ids{"request-type-changed"});
  CHECK(changes("{}", "{type: string}").empty());
  CHECK(changes("{type: string}", "{}").empty());
  CHECK(changes("{}", "{type: integer}") == Ids{"request-type-narrowed"});
}

TEST_CASE("findings: say where in both documents", "[diff]") {
  const auto all = findings(with_schema("{properties: {a: {type: object, properties: {b: {}}}}}"),
                            with_schema("{properties: {a: {type: object}}}"));
  REQUIRE(all.size() == 2);
  CHECK(all[0].where == "request body.a");
  CHECK(all[0].old_place.line == 7);
  CHECK(all[0].old_place.file == "api.yaml");
  CHECK(all[0].new_place.line == 7);
  CHECK(all[0].operations.size() == 1);
  CHECK(all[0].operations[0]->id == "send");
}

TEST_CASE("findings: a fingerprint survives lines that move, not another change", "[diff]") {
  const std::string before = with_schema("{maxLength: 9}");
  const std::string moved = "# a comment\n\n" + with_schema("{maxLength: 8}");
  const auto first = findings(before, with_schema("{maxLength: 8}"));
  const auto second = findings(before, moved);
  const auto third = findings(before, with_schema("{maxLength: 7}"));
  REQUIRE(first.size() == second.size());
  REQUIRE(first.size() == third.size());
  for (size_t i = 0; i < first.size(); ++i) {
    CHECK(first[i].fingerprint == second[i].fingerprint);
    CHECK(first[i].fingerprint != third[i].fingerprint);
  }
}

TEST_CASE("changes: every id stands once, in lower case with dashes", "[diff]") {
  std::string_view last;
  for (const ChangeInfo& change : change_list()) {
    CAPTURE(change.id);
    CHECK(change.id > last);
    CHECK(change.id.find_first_not_of("abcdefghijklmnopqrstuvwxyz-") == change.id.npos);
    CHECK_FALSE(change.reason.empty());
    last = change.id;
  }
  CHECK(find_change("no-such-change") == nullptr);
}

TEST_CASE("traffic: a constrained parameter still has a witness", "[diff]") {
  const auto document = [](std::string_view more) {
    return fmt::format(R"(openapi: 3.1.0
info: {{title: T, version: '1'}}
paths:
  /users/{{id}}/posts/{{post}}:
    get:
      operationId: post
      parameters:
      - {{name: id, in: path, required: true, schema: {{type: integer, minimum: 1000}}}}
      - {{name: post, in: path, required: true, schema: {{enum: [first, last]}}}}
      responses: {{'200': {{description: ok}}}}
{})",
                       more);
  };
  const auto all = findings(document(""), document(R"(  /users/{id}/posts/last:
    get:
      operationId: lastPost
      parameters: [{name: id, in: path, required: true, schema: {type: integer}}]
      responses: {'200': {description: ok}}
)"));
  const auto moved = std::ranges::find(all, "traffic-moved", &Finding::id);
  REQUIRE(moved != all.end());
  CHECK(moved->witness.ends_with("/posts/last"));
}

namespace {

// Two operations of one shape and what else there is; `id` and `any` are schemas.
std::string shaped(std::string_view id, std::string_view any, std::string_view more = "") {
  std::string out = "openapi: 3.1.0\ninfo: {title: T, version: '1'}\npaths:\n";
  const auto add = [&out](std::string_view path, std::string_view operation,
                          std::string_view schema) {
    const size_t open = path.find('{') + 1;
    out += fmt::format(
        "  {}:\n    get:\n      operationId: {}\n      parameters: [{{name: {}, in: path, "
        "required: true, schema: {}}}]\n      responses: {{'200': {{description: ok}}}}\n",
        path, operation, path.substr(open, path.find('}') - open), schema);
  };
  if (!id.empty()) add("/orders/{id}", "byId", id);
  if (!any.empty()) add("/orders/{any}", "byAny", any);
  return out + std::string(more);
}

constexpr std::string_view kAnyPath = R"(  /{kind}/{name}:
    get:
      operationId: wide
      parameters:
      - {name: kind, in: path, required: true, schema: {type: string}}
      - {name: name, in: path, required: true, schema: {type: string}}
      responses: {'200': {description: ok}}
)";
constexpr std::string_view kPlainPath = R"(  /orders/x:
    get: {operationId: plain, responses: {'200': {description: ok}}}
)";

}  // namespace

// Each was found by a router that knew no more than values which parameters often take.
TEST_CASE("traffic: a witness goes where it is said to go, and to the runtime", "[diff]") {
  struct Case {
    const char* what;
    std::string before;
    std::string after;
    std::vector<std::string> expected;  // witnesses
  };
  const std::string wide(kAnyPath);
  const std::string plain(kPlainPath);
  const std::vector<Case> cases{
      {"the example is refused, since it holds a slash",
       shaped("{type: string, example: a/b}", "", wide),
       shaped("", "", wide),
       {"GET /orders/1"}},
      {"the example is read as another path by many servers",
       shaped("{type: string, example: x;v=2}", "", wide + plain),
       shaped("", "", wide + plain),
       {"GET /orders/1"}},
      {"the example is a dot segment",
       shaped("{type: string, example: ..}", "", wide),
       shaped("", "", wide),
       {"GET /orders/1"}},
      {"no common value fits the pattern",
       shaped("{type: string, pattern: '^ord-[0-9]{4}$'}", "", wide),
       shaped("", "", wide),
       {"GET /orders/ord-0000"}},
      {"common values stay, others move: patterns",
       shaped("{type: string, pattern: '^[a-m]+$'}", "{type: string}"),
       shaped("{type: string, pattern: '^[a-f]+$'}", "{type: string}"),
       {"GET /orders/g"}},
      {"common values stay, others move: the other way round",
       shaped("{type: string, pattern: '^[a-f]+$'}", "{type: string}"),
       shaped("{type: string, pattern: '^[a-m]+$'}", "{type: string}"),
       {"GET /orders/g"}},
      {"common values stay, others move: types",
       shaped("{type: number}", "{type: string}"),
       shaped("{type: integer}", "{type: string}"),
       {"GET /orders/1.5"}},
      {"common values stay, others move: lists",
       shaped("{enum: [a, b, c]}", "{type: string}"),
       shaped("{enum: [a, b]}", "{type: string}"),
       {"GET /orders/c"}},
      {"what nobody else takes is refused where it was",
       shaped("{enum: [a, b]}", ""),
       shaped("{enum: [a]}", ""),
       {}},
  };
  for (const Case& example : cases) {
    DYNAMIC_SECTION(example.what) {
      const Input before = input(compiled(example.before));
      const Input after = input(compiled(example.after));
      std::string problem;
      const auto old_side = Side::open(before, problem);
      const auto new_side = Side::open(after, problem);
      REQUIRE(old_side != nullptr);
      REQUIRE(new_side != nullptr);
      std::vector<std::string> witnesses;
      for (const Finding& finding : compare(before, after).findings) {
        CHECK(finding.id != "traffic-lost");
        if (finding.id != "traffic-moved") continue;
        witnesses.push_back(finding.witness);
        const Witness witness{"GET", "", finding.witness.substr(4)};
        const auto was = routed(*old_side, witness);
        const auto is = routed(*new_side, witness);
        REQUIRE(was);
        REQUIRE(is);
        CHECK(was->accepted);
        CHECK(old_side->subject(was->route)->id == finding.before);
        CHECK(new_side->subject(is->route)->id == finding.after);
      }
      CHECK(witnesses == example.expected);
    }
  }
}

namespace {

// An operation with these fields, or none; another one is always there.
std::string with_operation(const std::string& fields) {
  const std::string get = fmt::format(
      "    get: {{operationId: old, {} responses: {{'200': {{description: ok}}}}}}\n", fields);
  return fmt::format(R"(openapi: 3.1.0
info: {{title: T, version: '1'}}
paths:
  /things:
    post: {{operationId: other, responses: {{'200': {{description: ok}}}}}}
{})",
                     fields == "none" ? "" : get);
}

std::string with_parameter(const std::string& fields) {
  return with_operation(
      fields == "none"
          ? ""
          : fmt::format("parameters: [{{name: q, in: query, schema: {{type: string}}, {}}}],",
                        fields));
}

}  // namespace

TEST_CASE("sunsets: what was announced holds until its day", "[diff]") {
  struct Case {
    const char* before;
    const char* after;
    std::vector<std::string> expected;  // sorted; `X-` stands for the kind of thing
  };
  // Today is 2026-06-01.
  const std::vector<Case> cases{
      {"deprecated: true, x-sunset: 2026-06-02,", "none", {"X-removed-before-sunset"}},
      {"deprecated: true, x-sunset: '2026-06-02T00:00:00Z',", "none", {"X-removed-before-sunset"}},
      // Taking a date back is no way around it.
      {"deprecated: true, x-sunset: 2026-06-02,", "deprecated: true,", {"X-sunset-removed"}},
      {"deprecated: true, x-sunset: soon,", "deprecated: true,", {"X-sunset-removed"}},
      {"deprecated: true, x-sunset: 2026-06-02,",
       "deprecated: true, x-sunset: 2026-06-01,",
       {"X-sunset-earlier"}},
      {"deprecated: true, x-sunset: 2026-06-02,",
       "deprecated: true, x-sunset: soon,",
       {"X-sunset-unreadable"}},
      {"deprecated: true, x-sunset: soon,",
       "deprecated: true, x-sunset: 2026-06-01,",
       {"X-sunset-unreadable"}},
      {"deprecated: true, x-sunset: soon,",
       "deprecated: true, x-sunset: later,",
       {"X-sunset-unreadable"}},
      {"deprecated: true,", "deprecated: true, x-sunset: 20260601,", {"X-sunset-unreadable"}},
      {"deprecated: true,", "deprecated: true, x-sunset: 2026-02-30,", {"X-sunset-unreadable"}},
      {"deprecated: true,", "deprecated: true, x-sunset: [2026-06-02],", {"X-sunset-unreadable"}},
      {"deprecated: true,", "deprecated: true, x-sunset: ,", {"X-sunset-unreadable"}},
      {"", "deprecated: true, x-sunset: soon,", {"X-deprecated", "X-sunset-unreadable"}},
      // What clients lose nothing by.
      {"", "deprecated: true, x-sunset: 2026-06-02,", {"X-deprecated"}},
      {"deprecated: true,", "deprecated: true, x-sunset: 2026-06-02,", {"X-sunset-added"}},
      {"deprecated: true, x-sunset: 2026-06-02,",
       "deprecated: true, x-sunset: 2026-06-03,",
       {"X-sunset-later"}},
      {"deprecated: true, x-sunset: 2026-06-02,",
       "deprecated: true, x-sunset: '2026-06-02T12:00:00Z',",
       {}},
      {"deprecated: true, x-sunset: soon,", "deprecated: true, x-sunset: soon,", {}},
      {"deprecated: true, x-sunset: 2026-06-02,", "", {"X-undeprecated"}},
      // Without `deprecated: true` nothing is announced.
      {"x-sunset: 2026-06-02,", "x-sunset: 2026-06-01,", {}},
      {"x-sunset: 2026-06-02,", "", {}},
  };
  for (const Case& example : cases) {
    DYNAMIC_SECTION(example.before << " -> " << example.after) {
      const auto named = [&](const std::string& kind) {
        std::vector<std::string> out;
        for (const std::string& id : example.expected) out.push_back(kind + id.substr(1));
        return out;
      };
      CHECK(ids(findings(with_operation(example.before), with_operation(example.after))) ==
            named("operation"));
      CHECK(ids(findings(with_parameter(example.before), with_parameter(example.after))) ==
            named("parameter"));
    }
  }
  // Where the two differ: servers ignore parameters that they do not know.
  const auto removed = [](const std::string& fields) {
    return ids(findings(with_operation(fields), with_operation("none"))).at(0) + ' ' +
           ids(findings(with_parameter(fields), with_parameter("none"))).at(0);
  };
  CHECK(removed("deprecated: true, x-sunset: 2026-06-01,") ==
        "operation-removed-deprecated parameter-removed");
  CHECK(removed("deprecated: true,") == "operation-removed-deprecated parameter-removed");
  CHECK(removed("deprecated: true, x-sunset: soon,") == "operation-removed parameter-removed");
  CHECK(removed("x-sunset: 2020-01-01,") == "operation-removed parameter-removed");
  // Who does not say what day it is gets no sunset for free.
  const Input before = input(compiled(with_operation("deprecated: true, x-sunset: 2020-01-01,")));
  const Input after = input(compiled(with_operation("none")));
  CHECK(ids(compare(before, after).findings) ==
        std::vector<std::string>{"operation-removed-before-sunset"});
  // Of a schema it says nothing about values.
  CHECK(ids(findings(with_schema("{type: string, deprecated: true}"),
                     with_schema("{type: string, deprecated: true, x-sunset: 2026-06-02}")))
            .empty());
}

TEST_CASE("contracts: hold no extensions but `x-sunset`, and are the same every time", "[diff]") {
  const std::string text = R"(openapi: 3.1.0
info: {title: T, version: '1', x-team: secret-team}
x-gw:
  upstreams: {a: {targets: ['http://127.0.0.1:1']}}
  defaults: {upstream: a, request: {headers: {set: {x-token: secret-token}}}}
paths:
  /a:
    get:
      operationId: a
      x-internal: secret-note
      x-sunset: 2026-06-02
      x-gw: {public: yes it is}
      security: []
      parameters: [{name: x-kept, in: header, schema: {type: string, x-hint: secret-hint}}]
      responses:
        '200':
          description: ok
          headers: {x-also-kept: {schema: {properties: {x-kept-too: {}}}}}
)";
  const auto table = compiled(text);
  CHECK(table == compiled(text));
  const table::TableView view{Bytes(table)};
  const std::string_view section = as_text(view.section(table::SectionKind::Contracts));
  CHECK(section.find("secret") == section.npos);
  CHECK(section.find("x-gw") == section.npos);
  for (const std::string_view kept : {"x-kept", "x-also-kept", "x-kept-too", "x-sunset"}) {
    CHECK(section.find(kept) != section.npos);
  }
}

// Whoever reads a table that somebody else made must survive its contracts.
TEST_CASE("contracts: damage is refused or compared, and ends", "[diff]") {
  const auto table =
      compiled(with_schema("{allOf: [{$ref: '#/components/schemas/Tree'}, "
                           "{oneOf: [{$ref: '#/components/schemas/Name'}]}]}"));
  const Input whole = input(table);
  const table::TableView view{Bytes(table)};
  const Bytes section = view.section(table::SectionKind::Contracts);
  const size_t begin = static_cast<size_t>(section.data() - table.data());
  const auto sections = view.sections();
  const auto entry =
      std::ranges::find(sections, table::SectionKind::Contracts, &table::Section::kind);
  REQUIRE(entry != sections.end());
  CHECK(entry->flags == table::kSectionOptional);
  const size_t digest_at =
      static_cast<size_t>(reinterpret_cast<const std::byte*>(&entry->digest) - table.data());
  std::mt19937 random(7);
  u32 compared = 0;
  for (u32 round = 0; round < 3000; ++round) {
    std::vector<std::byte> damaged = table;
    for (u32 i = 0; i < 1 + round % 4; ++i) {
      // Mostly digits and brackets: other references, other nesting.
      static constexpr std::string_view kBytes = "0123456789{}[],:\"$";
      const std::byte value =
          round % 3 == 0 ? std::byte(random()) : std::byte(kBytes[random() % kBytes.size()]);
      damaged[begin + random() % section.size()] = value;
    }
    const u32 digest = static_cast<u32>(XXH3_64bits(damaged.data() + begin, section.size()));
    std::memcpy(damaged.data() + digest_at, &digest, sizeof digest);
    const u64 trailer = table::digest_of(damaged);
    std::memcpy(damaged.data() + damaged.size() - 8, &trailer, sizeof trailer);
    const auto file = table::TableFile::from_bytes(damaged);
    REQUIRE(file.has_value());
    const Input broken{.name = "broken", .file = *file, .contracts_only = true};
    compared += compare(whole, broken).problem.empty() ? 1u : 0u;
    compared += compare(broken, broken).problem.empty() ? 1u : 0u;
  }
  CHECK(compared > 1000);
}

}  // namespace gw::compiler::diff
