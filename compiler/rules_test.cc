// The pages of all rules, through the whole compiler: each wrong example breaks its rule and no
// other, each right one is clean. The pages are what users read, so they had better be true.
//
// The first block after "Wrong:" or "Right:" is the gateway document; a block that begins with
// "# NAME.yaml" is that file.
#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "compiler/compile.h"
#include "compiler/diag/render.h"
#include "compiler/diag/rules.h"

namespace gw::compiler {
namespace {

struct ExampleFile {
  std::string name;
  std::string text;
};

std::vector<ExampleFile> example(std::string_view page, std::string_view heading) {
  std::vector<ExampleFile> files;
  size_t at = page.find("\n" + std::string(heading) + ":\n");
  if (at == page.npos) return files;
  const size_t end = std::min(page.find("\nRight:\n", at + 1), page.find("\n## ", at));
  constexpr std::string_view kOpen = "```yaml\n";
  while ((at = page.find(kOpen, at)) < end) {
    at += kOpen.size();
    const size_t close = page.find("```", at);
    std::string text(page.substr(at, close - at));
    std::string name = "gateway.yaml";
    const std::string first = text.substr(0, text.find('\n'));
    if (first.starts_with("# ") && first.ends_with(".yaml")) name = first.substr(2);
    files.push_back({std::move(name), std::move(text)});
    at = close + 3;
  }
  return files;
}

struct Outcome {
  std::vector<std::string_view> rules;
  std::string text;
};

// What the examples of the overlay rules are laid over.
constexpr std::string_view kOverlaid =
    "openapi: 3.1.0\n"
    "info: {title: Shop, version: 1.0.0}\n"
    "paths: {/orders: {get: {operationId: orders, responses: {'200': {description: ok}}}}}\n";

Outcome run(std::vector<ExampleFile> files) {
  Compilation compilation;
  CompileOptions options;
  if (files.at(0).text.starts_with("overlay:")) {
    files[0].name = "overlay.yaml";
    options.overlays = {"overlay.yaml"};
    files.push_back({"gateway.yaml", std::string(kOverlaid)});
  }
  bool has_x_gw = false;
  for (const ExampleFile& file : files) {
    compilation.files.add(file.name, file.text);
    has_x_gw = has_x_gw || file.text.find("x-gw:") != file.text.npos;
  }
  options.paths = {"gateway.yaml"};
  options.mock = !has_x_gw;  // plain OpenAPI says nothing about upstreams
  options.today = "2026-06-01";
  compile(options, true, compilation);
  Outcome outcome;
  for (const Diagnostic& finding : compilation.sink.sorted()) {
    outcome.rules.push_back(finding.rule);
  }
  outcome.text = render(compilation.files, compilation.sink.sorted(), {});
  if (compilation.sink.error_count() == 0) CHECK_FALSE(compilation.table.empty());
  return outcome;
}

// Findings that an example may have besides its own.
bool is_allowed_too(std::string_view rule, std::string_view found) {
  if (rule == "syntax") return true;  // what follows from half a document
  // It is the finding that the expired waiver no longer covers.
  if (rule == "waiver-expired") return found == "upstream-unused";
  return rule == "file-unreadable" && found == "upstream-unused";  // by what could not be read
}

}  // namespace

TEST_CASE("rules: the wrong example of a page breaks its rule only", "[rules]") {
  for (const Rule& rule : all_rules()) {
    CAPTURE(rule.id);
    const auto files = example(explain_page(rule.id), "Wrong");
    REQUIRE_FALSE(files.empty());
    const Outcome outcome = run(files);
    INFO(outcome.text);
    CHECK(std::ranges::find(outcome.rules, rule.id) != outcome.rules.end());
    for (const std::string_view found : outcome.rules) {
      CAPTURE(found);
      CHECK((found == rule.id || is_allowed_too(rule.id, found)));
    }
  }
}

TEST_CASE("rules: the right example of a page is clean", "[rules]") {
  for (const Rule& rule : all_rules()) {
    CAPTURE(rule.id);
    const auto files = example(explain_page(rule.id), "Right");
    REQUIRE_FALSE(files.empty());
    const Outcome outcome = run(files);
    INFO(outcome.text);
    CHECK(outcome.rules.empty());
  }
}

TEST_CASE("rules: a nearer level may shorten an inherited deadline", "[rules]") {
  const auto lint = [](std::string_view defaults, std::string_view operation) {
    return run({{"gateway.yaml",
                 "openapi: 3.1.0\n"
                 "info: {title: Shop, version: 1.0.0}\n"
                 "x-gw:\n"
                 "  upstreams: {shop: {targets: ['http://127.0.0.1:9001']}}\n"
                 "  defaults: {upstream: shop, timeout: {" +
                     std::string(defaults) +
                     "}}\n"
                     "paths:\n"
                     "  /orders:\n"
                     "    get:\n"
                     "      operationId: listOrders\n"
                     "      x-gw: {timeout: {" +
                     std::string(operation) +
                     "}}\n"
                     "      responses: {'200': {description: ok}}\n"}});
  };
  CHECK(lint("try: 4s, total: 5s", "total: 2s").rules.empty());
  CHECK(lint("try: 4s, total: 5s", "try: 6s").rules ==
        std::vector<std::string_view>{"timeout-chain"});
  CHECK(lint("connect: 1s, try: 2s, total: 5s", "connect: 3s").rules ==
        std::vector<std::string_view>{"timeout-chain"});
  // A late value is known only when the table is loaded.
  CHECK(lint("try: '{$env.TRY:-9s}', total: 5s", "idle: 9s").rules.empty());
  // The default of `total` is 15s: the try cannot last longer.
  CHECK(lint("try: 20s", "idle: 9s").rules == std::vector<std::string_view>{"timeout-chain"});
}

}  // namespace gw::compiler
