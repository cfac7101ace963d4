// The small languages inside values, and how levels meet.
#include <algorithm>
#include <catch2/catch.hpp>

#include "compiler/syntax/read.h"
#include "compiler/xgw/effective.h"
#include "compiler/xgw/language.h"
#include "compiler/xgw/value.h"

namespace gw::compiler {
namespace {

using table::ExpressionSource;
using table::LatePartKind;

struct Tree1 {
  FileSet files;
  DiagnosticSink sink;
  std::unique_ptr<Tree> tree;
  explicit Tree1(std::string yaml) {
    const FileId file = files.add("value.yaml", std::move(yaml));
    tree = read_yaml(files, file, sink);
    REQUIRE(tree != nullptr);
  }
};

std::vector<ExpressionSource> sources_of(std::string_view text, bool is_path) {
  EncodeScope scope;
  scope.parameters = {"id", "rest"};
  scope.greedy = {false, true};
  StringPool strings;
  std::vector<table::ExpressionPart> parts;
  ValueError error;
  INFO(text);
  const bool ok = parse_expression(
      text, is_path, scope, strings, [](const auto&) { return u32{0}; }, parts, error);
  INFO(error.message);
  REQUIRE(ok);
  std::vector<ExpressionSource> sources;
  for (const table::ExpressionPart& part : parts) sources.push_back(part.source);
  return sources;
}

bool is_refused(std::string_view text, bool is_path) {
  EncodeScope scope;
  scope.parameters = {"id"};
  scope.greedy = {false};
  StringPool strings;
  std::vector<table::ExpressionPart> parts;
  ValueError error;
  const bool ok = parse_expression(
      text, is_path, scope, strings, [](const auto&) { return u32{0}; }, parts, error);
  return !ok && !error.message.empty();
}

// The effective `timeout` or `request` after each level in turn.
std::string laid(const OperationField& field, const std::vector<std::string>& levels) {
  Effective value;
  std::vector<Removal> removals;
  std::vector<std::unique_ptr<Tree1>> trees;
  for (const std::string& level : levels) {
    trees.push_back(std::make_unique<Tree1>(level));
    overlay(field.spec, field.merge, trees.back()->tree->root(), level, "f", value, removals);
  }
  std::string out;
  const auto show = [&](const auto& self, const Effective& at) -> void {
    if (!at.is_map) {
      out += at.node ? std::string(at.node.text()) : "absent";
      return;
    }
    out += '{';
    for (const Effective::Entry& entry : at.entries) {
      if (out.back() != '{') out += ' ';
      out += std::string(entry.name) + '=';
      self(self, entry.value);
    }
    out += '}';
  };
  show(show, value);
  return out;
}

const OperationField& operation_field(std::string_view name) {
  return *std::ranges::find_if(kOperationFields,
                               [&](const OperationField& f) { return f.spec.name == name; });
}

}  // namespace

TEST_CASE("expressions: text with values of the request", "[xgw]") {
  using Source = ExpressionSource;
  CHECK(sources_of("plain", false) == std::vector{Source::Literal});
  CHECK(sources_of("$request.path.id", false) == std::vector{Source::PathParameter});
  CHECK(sources_of("a {$request.query.q} b", false) ==
        std::vector{Source::Literal, Source::Query, Source::Literal});
  CHECK(sources_of("{$request.header.x-a}{$request.cookie.s}", false) ==
        std::vector{Source::Header, Source::Cookie});
  CHECK(sources_of("{$method} {$client.ip}", false) ==
        std::vector{Source::Method, Source::Literal, Source::ClientIp});
  CHECK(sources_of("/a/{id}/{rest}", true) == std::vector{Source::Literal, Source::PathParameter,
                                                          Source::Literal, Source::PathParameter});
}

TEST_CASE("expressions: what cannot be is refused", "[xgw]") {
  for (const char* text :
       {"{$request.path.nope}", "{$nonsense}", "{$request.path.id", "{$}", "{$calls.a.body}",
        "$request.body#/a", "$response.status", "$item", "$request.bodyguard"}) {
    CAPTURE(text);
    CHECK(is_refused(text, false));
  }
  CHECK(is_refused("/{nope}", true));
}

TEST_CASE("late references: parts, defaults, mistakes", "[xgw]") {
  const auto kinds = [](std::string_view text) {
    StringPool strings;
    std::vector<table::LatePart> parts;
    ValueError error;
    std::vector<LatePartKind> out;
    if (!parse_late(text, strings, parts, error)) return out;
    for (const table::LatePart& part : parts) out.push_back(part.kind);
    return out;
  };
  using Kind = LatePartKind;
  CHECK(kinds("$env.NAME") == std::vector{Kind::Env});
  CHECK(kinds("{$env.NAME:-5s}") == std::vector{Kind::Env});
  CHECK(kinds("$file./etc/gw/name") == std::vector{Kind::File});
  CHECK(kinds("http://{$env.HOST}:{$env.PORT:-80}/x") ==
        std::vector{Kind::Literal, Kind::Env, Kind::Literal, Kind::Env, Kind::Literal});
  for (const char* text : {"{$env.}", "$env.1a b", "$file.relative", "{$env.NAME"}) {
    CAPTURE(text);
    CHECK(kinds(text).empty());
  }
  CHECK(has_late_reference("a {$env.B}"));
  CHECK_FALSE(has_late_reference("a {$request.path.b}"));
}

TEST_CASE("conditions: alternatives, tests and their values", "[xgw]") {
  struct Case {
    std::string yaml;
    u32 alternatives;
    u32 tests;
  };
  const Case cases[] = {
      {"{header: {x-a: '1'}}", 1, 1},
      {"{header: {x-a: ['1', '2']}, method: GET}", 1, 2},
      {"[{header: {x-a: '1'}}, {query: {b: {prefix: x}}}]", 2, 2},
      {"{ip: [10.0.0.0/8, '::1']}", 1, 1},
      {"{cookie: {s: {present: true}}, host: {not: a.example}}", 1, 2},
      {"{path: {matches: '^/a/.*$'}}", 1, 1},
  };
  for (const Case& one : cases) {
    CAPTURE(one.yaml);
    Tree1 tree(one.yaml);
    Pools pools;
    CHECK(encode_condition(tree.tree->root(), EncodeScope{}, pools, tree.sink) != table::kNone);
    CHECK(tree.sink.error_count() == 0);
    CHECK(pools.conditions.records().size() == one.alternatives);
    CHECK(pools.conditions.records().back().last == 1);
    CHECK(pools.condition_tests.records().size() == one.tests);
  }
  for (const char* yaml : {"{heder: {a: b}}", "{ip: nowhere}", "{header: {a: {matches: '('}}}",
                           "{header: {a: {presnt: true}}}", "text", "{}", "[]"}) {
    CAPTURE(yaml);
    Tree1 tree(yaml);
    Pools pools;
    encode_condition(tree.tree->root(), EncodeScope{}, pools, tree.sink);
    CHECK(tree.sink.error_count() == 1);
  }
}

TEST_CASE("levels: merged by key, replaced, switched off", "[xgw]") {
  const OperationField& timeout = operation_field("timeout");
  CHECK(laid(timeout, {"{connect: 1s, total: 5s}", "{total: 2s}"}) == "{connect=1s total=2s}");
  CHECK(laid(timeout, {"{connect: 1s}", "3s"}) == "{connect=1s total=3s}");
  CHECK(laid(timeout, {"{connect: 1s, total: 5s}", "{total: off}"}) == "{connect=1s}");
  CHECK(laid(timeout, {"{connect: 1s}", "off"}) == "absent");
  CHECK(laid(timeout, {"{connect: 1s}", "off", "{idle: 4s}"}) == "{idle=4s}");
  const OperationField& request = operation_field("request");
  CHECK(laid(request, {"{headers: {set: {a: x, b: y}}}", "{headers: {set: {b: z}}}"}) ==
        "{headers={set={a=x b=z}}}");
  CHECK(laid(request, {"{headers: {set: {a: x, b: y}}}", "{headers: {set: {a: off}}}"}) ==
        "{headers={set={b=y}}}");
  CHECK(laid(request, {"{headers: {set: {a: x}}}", "{headers: {set: {a: 'off'}}}"}) ==
        "{headers={set={a=off}}}");  // quoted, it is a text
  const OperationField& respond = operation_field("respond");
  CHECK(laid(respond, {"{status: 200, body: a}", "{status: 503}"}) == "{status=503}");
  CHECK(laid(respond, {"{status: 200, body: a}", "204"}) == "{status=204}");
}

}  // namespace gw::compiler
