// The pages of the rules of this folder: each wrong example breaks its rule, each right one is
// clean. The pages are what users read, so they had better be true.
#include <algorithm>
#include <catch2/catch.hpp>

#include "compiler/diag/render.h"
#include "compiler/diag/rules.h"
#include "compiler/openapi/load.h"

namespace gw::compiler::openapi {
namespace {

constexpr std::string_view kRules[] = {"syntax",
                                       "duplicate-key",
                                       "swagger-2",
                                       "openapi-version",
                                       "ref-unresolved",
                                       "ref-remote",
                                       "ref-outside-root",
                                       "field-unknown",
                                       "field-missing",
                                       "field-type",
                                       "field-value",
                                       "field-conflict",
                                       "keyword-unknown",
                                       "path-template-syntax",
                                       "path-parameter-undeclared",
                                       "path-parameter-unused",
                                       "path-parameter-not-required",
                                       "parameter-duplicate",
                                       "operation-id-missing",
                                       "operation-id-duplicate",
                                       "security-scheme-unknown",
                                       "server-url"};

/// The fenced text after a line such as "Wrong:".
std::string example(std::string_view page, std::string_view heading) {
  const size_t at = page.find("\n" + std::string(heading) + ":\n");
  if (at == std::string_view::npos) return {};
  const size_t fence = page.find("```yaml\n", at);
  if (fence == std::string_view::npos) return {};
  const size_t begin = fence + 8;
  return std::string(page.substr(begin, page.find("```", begin) - begin));
}

struct Outcome {
  std::vector<std::string_view> rules;
  std::string text;
};

Outcome lint(std::string text) {
  FileSet files;
  DiagnosticSink sink;
  files.add("api.yaml", std::move(text));
  load_document(files, "api.yaml", {}, sink);
  Outcome outcome;
  for (const Diagnostic& finding : sink.sorted()) outcome.rules.push_back(finding.rule);
  outcome.text = render(files, sink.sorted(), {});
  return outcome;
}

}  // namespace

TEST_CASE("rules: each has a page, in one shape", "[diag][rules]") {
  for (const Rule& rule : all_rules()) {
    CAPTURE(rule.id);
    const std::string_view page = explain_page(rule.id);
    CHECK(page.starts_with("# " + std::string(rule.id) + "\n"));
    for (const char* part :
         {"\n## Why\n", "\nWrong:\n", "\nRight:\n", "\n## How to silence it\n"}) {
      CHECK(page.find(part) != std::string_view::npos);
    }
    CHECK(find_rule(rule.id)->summary == rule.summary);
  }
  CHECK(find_rule("no-such-rule") == nullptr);
  CHECK(explain_page("no-such-rule").empty());
}

TEST_CASE("rules: the wrong example breaks its rule only, the right one none", "[openapi][rules]") {
  for (const std::string_view rule : kRules) {
    CAPTURE(rule);
    const Outcome wrong = lint(example(explain_page(rule), "Wrong"));
    INFO(wrong.text);
    const bool allowed_too = rule == "syntax";
    REQUIRE_FALSE(wrong.rules.empty());
    CHECK(std::all_of(wrong.rules.begin(), wrong.rules.end(),
                      [&](std::string_view found) { return found == rule || allowed_too; }));
    const Outcome right = lint(example(explain_page(rule), "Right"));
    INFO(right.text);
    CHECK(right.rules.empty());
  }
}

}  // namespace gw::compiler::openapi
