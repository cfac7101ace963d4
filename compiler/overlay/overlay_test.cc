#include "compiler/overlay/overlay.h"

#include <catch2/catch.hpp>

#include "compiler/compile.h"
#include "compiler/diag/render.h"
#include "compiler/diag/rules.h"
#include "compiler/overlay/tree_editor.h"
#include "compiler/syntax/read.h"

namespace gw::compiler {
namespace {

/// Flow style, everything in its order.
std::string shown(NodeRef node) {
  std::string text;
  if (node.is_map()) {
    for (const auto [key, value] : node.entries()) {
      text += (text.empty() ? "" : ", ") + std::string(key.text()) + ": " + shown(value);
    }
    return "{" + text + "}";
  }
  if (node.is_seq()) {
    for (const NodeRef item : node.items()) text += (text.empty() ? "" : ", ") + shown(item);
    return "[" + text + "]";
  }
  return std::string(node.text());
}

struct Applied {
  std::string tree;
  std::string findings;
};

Applied overlaid(const std::string& document, const std::string& actions) {
  FileSet files;
  DiagnosticSink sink;
  files.add("staging.yaml", "overlay: 1.0.0\nactions:\n" + actions);
  Overlays overlays(files, {"./api.yaml"}, sink);
  overlays.read("staging.yaml");
  const auto tree = read_tree(files, files.add("api.yaml", document), sink);
  overlays.apply(*tree, "api.yaml");
  overlays.report_unused();
  return {shown(tree->root()), render(files, sink.sorted(), {})};
}

constexpr std::string_view kShop =
    "openapi: 3.1.0\n"
    "info: {title: Shop, version: 1.0.0}\n"
    "x-gw:\n"
    "  upstreams: {shop: {targets: [{url: 'http://127.0.0.1:9001'}]}}\n"
    "  defaults: {upstream: shop, timeout: {connect: 1s, try: 2s, total: 5s}}\n"
    "paths:\n"
    "  /orders:\n"
    "    get: {operationId: listOrders, responses: {'200': {description: ok}}}\n";

struct Compiled {
  std::vector<std::string_view> rules;
  std::string text;
  bool made = false;
};

Compiled compile_shop(const std::string& overlay) {
  Compilation compilation;
  compilation.files.add("shop.yaml", std::string(kShop));
  compilation.files.add("staging.yaml", overlay);
  CompileOptions options;
  options.paths = {"shop.yaml"};
  options.overlays = {"staging.yaml"};
  compile(options, true, compilation);
  Compiled out;
  for (const Diagnostic& finding : compilation.sink.sorted()) out.rules.push_back(finding.rule);
  out.text = render(compilation.files, compilation.sink.sorted(), {});
  out.made = !compilation.table.empty();
  return out;
}

std::string example(std::string_view page, std::string_view heading) {
  const size_t at = page.find("\n" + std::string(heading) + ":\n");
  const size_t begin = page.find("```yaml\n", at) + 8;
  return std::string(page.substr(begin, page.find("```", begin) - begin));
}

}  // namespace

TEST_CASE("overlay: maps merge, lists grow, scalars are replaced", "[overlay]") {
  const Applied applied = overlaid("a: {x: 1, l: [1], m: {p: q}}\n",
                                   "- target: $.a\n"
                                   "  update: {x: 2, l: [3, 4], m: {r: s}, n: {new: [1]}}\n");
  CHECK(applied.tree == "{a: {x: 2, l: [1, 3, 4], m: {p: q, r: s}, n: {new: [1]}}}");
  CHECK(applied.findings.empty());
}

TEST_CASE("overlay: an update of a list is its next item", "[overlay]") {
  CHECK(overlaid("a: [1]\n", "- {target: $.a, update: {b: 2}}\n").tree == "{a: [1, {b: 2}]}");
  CHECK(overlaid("a: [1]\n", "- {target: $.a, update: [2, 3]}\n").tree == "{a: [1, 2, 3]}");
  CHECK(overlaid("a: []\n", "- {target: $.a, update: x}\n").tree == "{a: [x]}");
}

TEST_CASE("overlay: removes keys and items, first, middle and last", "[overlay]") {
  CHECK(overlaid("a: {x: 1, y: 2, z: 3}\n", "- {target: $.a.x, remove: true}\n").tree ==
        "{a: {y: 2, z: 3}}");
  CHECK(overlaid("a: {x: 1, y: 2, z: 3}\n", "- {target: \"$.a['x','z']\", remove: true}\n").tree ==
        "{a: {y: 2}}");
  CHECK(overlaid("a: [1, 2, 3]\n", "- {target: '$.a[-1]', remove: true}\n").tree == "{a: [1, 2]}");
  CHECK(overlaid("a: [1, 2, 3]\n", "- {target: '$.a.*', remove: true}\n").tree == "{a: []}");
}

TEST_CASE("overlay: a filter chooses by value", "[overlay]") {
  const std::string parameters = "p: [{name: a, in: query}, {name: b, in: header}, {name: c}]\n";
  CHECK(overlaid(parameters, "- {target: \"$.p[?@.in == 'header']\", remove: true}\n").tree ==
        "{p: [{name: a, in: query}, {name: c}]}");
  CHECK(overlaid(parameters, "- {target: \"$.p[?(@.in)]\", remove: true}\n").tree ==
        "{p: [{name: c}]}");
  CHECK(overlaid(parameters, "- {target: \"$.p[?@.in != 'query']\", update: {d: 1}}\n").tree ==
        "{p: [{name: a, in: query}, {name: b, in: header, d: 1}, {name: c, d: 1}]}");
}

TEST_CASE("overlay: actions see what earlier ones did", "[overlay]") {
  CHECK(overlaid("a: {}\n",
                 "- {target: $, update: {b: {c: 1}}}\n"
                 "- {target: $.b, update: {d: 2}}\n"
                 "- {target: $.a, remove: true}\n")
            .tree == "{b: {c: 1, d: 2}}");
}

TEST_CASE("overlay: a change at an alias leaves its anchor alone", "[overlay]") {
  CHECK(overlaid("a: &x {k: [1]}\nb: *x\nc: {<<: *x}\n",
                 "- {target: $.b.k, update: [2]}\n"
                 "- {target: $.c.k, update: [3]}\n")
            .tree == "{a: {k: [1]}, b: {k: [1, 2]}, c: {k: [1, 3]}}");
}

TEST_CASE("overlay: large maps can be looked up afterwards", "[overlay]") {
  std::string document = "m:\n";
  std::string actions = "- target: $.m\n  update:\n";
  for (int i = 0; i < 50; ++i) {
    document += "  k" + std::to_string(i) + ": " + std::to_string(i) + "\n";
    actions += "    n" + std::to_string(i) + ": " + std::to_string(i) + "\n";
  }
  FileSet files;
  DiagnosticSink sink;
  files.add("o.yaml",
            "overlay: 1.0.0\nactions:\n" + actions + "- {target: $.m.k7, remove: true}\n");
  Overlays overlays(files, {"api.yaml"}, sink);
  overlays.read("o.yaml");
  const auto tree = read_tree(files, files.add("api.yaml", document), sink);
  overlays.apply(*tree, "api.yaml");
  const NodeRef map = tree->root().get("m");
  CHECK(map.size() == 99);
  CHECK(map.get("n49").text() == "49");
  CHECK(map.get("k49").text() == "49");
  CHECK_FALSE(map.get("k7"));
  CHECK(files.name(map.get("n49").span().file) == "o.yaml");
  CHECK(files.name(map.get("k49").span().file) == "api.yaml");
  CHECK(tree->pointer(map.get("n49").index()) == "/m/n49");
}

TEST_CASE("overlay: many updates at the same place stay linear", "[overlay]") {
  std::string actions;
  for (int i = 0; i < 2000; ++i) {
    actions += "- {target: $.a, update: {k" + std::to_string(i) + ": {v: 1}}}\n";
  }
  CHECK(overlaid("a: {}\n", actions).findings.empty());
}

TEST_CASE("overlay: what it cannot do is refused", "[overlay]") {
  const auto finding = [](const std::string& action) {
    return overlaid("a: {b: 1}\n", action).findings;
  };
  CHECK_THAT(finding("- {target: $..b, remove: true}\n"),
             Catch::Contains("error[overlay-value]: cannot read the target `$..b`") &&
                 Catch::Contains("staging.yaml:3:13"));
  CHECK_THAT(finding("- {target: $.a.b, update: 2}\n"),
             Catch::Contains("neither a map nor a list"));
  CHECK_THAT(finding("- {target: $, remove: true}\n"), Catch::Contains("cannot be removed"));
  CHECK_THAT(finding("- {target: $.a}\n"), Catch::Contains("does nothing"));
  CHECK_THAT(finding("- {taget: $.a}\n"), Catch::Contains("did you mean `target`?"));
  CHECK_THAT(finding("- {target: $.c, remove: true}\n"),
             Catch::Contains("warning[overlay-no-match]: the target matches nothing"));
}

TEST_CASE("overlay: findings in what it adds point into it", "[overlay]") {
  const Compiled compiled = compile_shop(
      "overlay: 1.0.0\n"
      "info: {title: Staging, version: 1.0.0}\n"
      "actions:\n"
      "  - target: $.paths['/orders'].get\n"
      "    update: {x-gw: {timeot: {total: 3s}}}\n");
  CHECK_FALSE(compiled.made);
  CHECK_THAT(compiled.text,
             Catch::Contains("extension-unknown") && Catch::Contains("--> staging.yaml:5:21"));
}

TEST_CASE("overlay: what compiles is the changed document", "[overlay]") {
  const Compiled compiled = compile_shop(
      "overlay: 1.0.0\n"
      "info: {title: Staging, version: 1.0.0}\n"
      "actions:\n"
      "  - {target: $.x-gw.upstreams.shop.targets, remove: true}\n");
  CHECK_FALSE(compiled.made);  // an upstream without targets
}

TEST_CASE("overlay: one that extends a document not read is an error", "[overlay]") {
  const Compiled compiled = compile_shop(
      "overlay: 1.0.0\nextends: ./other.yaml\nactions: [{target: $.info, update: {a: b}}]\n");
  CHECK_FALSE(compiled.made);
  CHECK_THAT(compiled.text, Catch::Contains("error[overlay-no-match]"));
}

TEST_CASE("overlay: the pages of its rules are true", "[overlay]") {
  for (const std::string_view rule : {"overlay-value", "overlay-no-match"}) {
    CAPTURE(rule);
    const std::string_view page = explain_page(rule);
    REQUIRE_FALSE(page.empty());
    const Compiled wrong = compile_shop(example(page, "Wrong"));
    CHECK(std::ranges::find(wrong.rules, rule) != wrong.rules.end());
    const Compiled right = compile_shop(example(page, "Right"));
    CHECK(std::ranges::find(right.rules, rule) == right.rules.end());
    CHECK(right.made);
  }
}

}  // namespace gw::compiler
