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
    // Examples of other rules leave authentication out.
    const bool open = finding.rule == "auth-public-by-accident";
    if (open && finding.severity == Severity::Info) continue;
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

namespace {

using Rules = std::vector<std::string_view>;

// Rules that the x-gw of a gateway breaks whose operation is this one.
Rules rules_of(std::string_view upstreams, std::string_view defaults, std::string_view method,
               std::string_view operation) {
  return run({{"gateway.yaml",
               "openapi: 3.1.0\n"
               "info: {title: Shop, version: 1.0.0}\n"
               "x-gw:\n"
               "  unenforced: {security: tested elsewhere}\n"
               "  upstreams: {shop: {" +
                   std::string(upstreams) +
                   "}}\n"
                   "  policies: {again: {retry: {causes: [connect, 503]}}}\n"
                   "  defaults: {upstream: shop, " +
                   std::string(defaults) +
                   "}\n"
                   "components:\n"
                   "  securitySchemes:\n"
                   "    key: {type: apiKey, in: header, name: X-API-Key}\n"
                   "    cert: {type: mutualTLS}\n"
                   "paths:\n"
                   "  /orders:\n"
                   "    " +
                   std::string(method) +
                   ":\n"
                   "      operationId: orders\n"
                   "      responses: {'200': {description: ok}}\n" +
                   std::string(operation)}})
      .rules;
}

constexpr std::string_view kOneTarget = "targets: ['http://127.0.0.1:9001']";

}  // namespace

TEST_CASE("rules: repetitions that fit into the whole time, and those that do not", "[rules]") {
  const auto lint = [](std::string_view defaults, std::string_view operation = "") {
    return rules_of(kOneTarget, defaults, "get", operation);
  };
  const Rules found = {"timeout-chain"};
  const std::string retry = "retry: {times: 2, causes: [timeout], backoff: 100ms}";
  // Three tries of a second, and pauses of 100 and 200 ms.
  CHECK(lint("timeout: {try: 1s, total: 3300ms}, " + retry).empty());
  CHECK(lint("timeout: {try: 1s, total: 3299ms}, " + retry) == found);
  CHECK(lint("timeout: {try: 1s, total: 2s}, " + retry) == found);
  // Without the cause `timeout` a try of full length is the last one.
  CHECK(lint("timeout: {try: 1s, total: 2s}, retry: {times: 2, causes: [reset, 503]}").empty());
  // Connecting takes its time only where somebody has chosen it.
  CHECK(lint("timeout: {connect: 1s, try: 2s, total: 2s}, retry: 2") == found);
  CHECK(lint("timeout: {connect: 1s, try: 2s, total: 2001ms}, retry: 2").empty());
  CHECK(lint("timeout: 2s, retry: 3").empty());
  // Nobody has asked for repetitions, or the whole is shortened on purpose.
  CHECK(lint("timeout: {connect: 1s, try: 1s, total: 1s}").empty());
  CHECK(lint("timeout: {try: 1s, total: 4s}, " + retry, "      x-gw: {timeout: 2s}\n").empty());
  CHECK(lint("timeout: {try: '{$env.TRY:-1s}', total: 1s}, " + retry).empty());
}

TEST_CASE("rules: causes that never apply to a request that is sent once", "[rules]") {
  const auto lint = [](std::string_view method, std::string_view operation) {
    return rules_of(kOneTarget, "timeout: {try: 1s, total: 5s}", method, operation);
  };
  const Rules found = {"retry-non-idempotent"};
  CHECK(lint("post", "      x-gw: {retry: {causes: [503]}}\n") == found);
  CHECK(lint("patch", "      x-gw: {retry: {causes: [connect, timeout]}}\n") == found);
  CHECK(lint("post", "      x-gw: {use: again}\n") == found);
  CHECK(lint("post", "      x-gw: {use: again, idempotent: true}\n").empty());
  CHECK(lint("post", "      x-gw: {retry: {causes: [connect, refused]}}\n").empty());
  CHECK(lint("post", "      x-gw: {retry: 3}\n").empty());
  CHECK(lint("post", "      x-gw: {retry: {times: 0, causes: [503]}}\n").empty());
  CHECK(lint("put", "      x-gw: {retry: {causes: [503]}}\n").empty());
  CHECK(lint("post",
             "      x-gw: {retry: {causes: [503]}}\n"
             "      parameters: [{name: Idempotency-Key, in: header, schema: {type: string}}]\n")
            .empty());
  // What others inherit as well is not meant for it alone.
  CHECK(rules_of(kOneTarget, "timeout: 5s, retry: {causes: [503]}", "post", "").empty());
  CHECK(rules_of(kOneTarget, "timeout: 5s, use: again", "post", "").empty());
}

TEST_CASE("rules: repetitions without the body", "[rules]") {
  constexpr std::string_view kBody =
      "      requestBody: {content: {text/plain: {schema: {type: string}}}}\n";
  const auto lint = [&](std::string_view method, std::string_view own) {
    return rules_of(kOneTarget, "timeout: 5s, maxBody: 8KiB", method,
                    "      x-gw: {" + std::string(own) + "}\n" + std::string(kBody));
  };
  const Rules found = {"retry-body-unbuffered"};
  CHECK(lint("put", "retry: 2") == found);
  CHECK(lint("put", "retry: {causes: [503]}") == found);
  CHECK(lint("post", "idempotent: true") == found);
  CHECK(lint("put", "retry: {times: 2, buffer: 4KiB}") == found);
  CHECK(lint("put", "retry: {times: 2, buffer: 8KiB}").empty());
  CHECK(lint("put", "retry: {causes: [connect]}").empty());
  CHECK(lint("put", "retry: off").empty());
  // The built-in repetition is nobody's wish; a POST is not sent again anyway.
  CHECK(lint("put", "").empty());
  CHECK(lint("post", "retry: 2").empty());
}

TEST_CASE("rules: repetitions as a load", "[rules]") {
  const auto lint = [](std::string_view retry) {
    return rules_of(kOneTarget, "timeout: 5s, retry: {" + std::string(retry) + "}", "get", "");
  };
  const Rules found = {"retry-budget"};
  CHECK(lint("causes: [429]") == found);
  CHECK(lint("times: 2, budget: 51%") == found);
  CHECK(lint("times: 2, budget: 50%").empty());
  CHECK(lint("times: 1, budget: 100%").empty());
  CHECK(lint("times: 0, causes: [429]").empty());
  CHECK(lint("times: 2, budget: '{$env.BUDGET:-90%}'").empty());
}

TEST_CASE("rules: credentials in plain text", "[rules]") {
  const auto lint = [](std::string_view target, std::string_view operation) {
    return rules_of("targets: ['" + std::string(target) + "']", "timeout: 5s", "get", operation);
  };
  const Rules found = {"upstream-plain-http"};
  constexpr std::string_view kSecured = "      security: [{key: []}]\n";
  CHECK(lint("http://orders.internal:80", kSecured) == found);
  CHECK(lint("http://[2001:db8::7]:80", kSecured) == found);
  CHECK(lint("http://128.0.0.1:80", kSecured) == found);
  CHECK(lint("https://orders.internal:443", kSecured).empty());
  CHECK(lint("unix:/run/orders.sock", kSecured).empty());
  for (const std::string_view host : {"127.8.9.1", "[::1]", "localhost", "shop.localhost"}) {
    CAPTURE(host);
    CHECK(lint("http://" + std::string(host) + ":80", kSecured).empty());
  }
  CHECK(lint("{$env.SHOP:-http://orders.internal:80}", kSecured).empty());
  const auto by_name = [&](std::string_view dns) {
    return rules_of("dns: {" + std::string(dns) + "}", "timeout: 5s", "get", kSecured);
  };
  CHECK(by_name("name: orders.internal, port: 80") == found);
  CHECK(by_name("name: localhost, port: 80").empty());
  CHECK(by_name("name: orders.internal, port: 443, scheme: https").empty());
  // Nothing secret is sent along.
  constexpr std::string_view kPlain = "http://orders.internal:80";
  CHECK(lint(kPlain, "").empty());
  CHECK(lint(kPlain, "      security: [{cert: []}]\n").empty());
  CHECK(lint(kPlain, "      security: [{}]\n").empty());
  CHECK(lint(kPlain,
             std::string(kSecured) + "      x-gw: {request: {headers: {remove: [x-api-key]}}}\n")
            .empty());
  CHECK(lint(kPlain, "      x-gw: {request: {headers: {add: {Cookie: '{$request.query.c}'}}}}\n") ==
        found);
}

TEST_CASE("rules: credentials reach every upstream that takes a part, or copies", "[rules]") {
  const auto lint = [](std::string_view operation) {
    return rules_of("targets: ['http://127.0.0.1:1']}, far: {targets: ['http://far.example:80']",
                    "timeout: 5s", "get",
                    "      security: [{key: []}]\n      x-gw: {" + std::string(operation) + "}\n");
  };
  const Rules found = {"upstream-plain-http"};
  CHECK(lint("upstream: {name: shop, split: {far: 5%}}") == found);
  CHECK(lint("mirror: {far: 1%}") == found);
  CHECK(lint("upstream: far") == Rules{"upstream-unused", "upstream-plain-http"});
}

TEST_CASE("rules: several targets, and breakers", "[rules]") {
  const auto lint = [](std::string_view upstream) {
    return rules_of(upstream, "timeout: {try: 4s, total: 5s}", "get", "");
  };
  const std::string two = "targets: ['http://127.0.0.1:1', 'http://127.0.0.1:2']";
  CHECK(lint(two) == Rules{"upstream-no-healthcheck"});
  CHECK(lint(two + ", outlier: {consecutive: 0}") == Rules{"upstream-no-healthcheck"});
  CHECK(lint(two + ", outlier: 3").empty());
  CHECK(lint(two + ", health: {tcp: true}").empty());
  // In 10 s three rounds of tries of 4 s end.
  const auto breaker = [&](std::string_view text) {
    return lint(std::string(kOneTarget) + ", " + std::string(text));
  };
  CHECK(breaker("limits: {requests: 7}, breaker: {requests: 21}").empty());
  CHECK(breaker("limits: {requests: 7}, breaker: {requests: 22}") == Rules{"breaker-never-opens"});
  CHECK(breaker("limits: {requests: 0}, breaker: {requests: 1000000}").empty());
  CHECK(breaker("breaker: {requests: 4000}") == Rules{"breaker-never-opens"});
  CHECK(breaker("limits: {requests: 7}, breaker: {requests: 22, failures: 0%}").empty());
}

TEST_CASE("rules: fields that say who calls, and those who can write them", "[rules]") {
  const auto lint = [](std::string_view headers, std::string_view more = "") {
    return run({{"gateway.yaml",
                 "openapi: 3.1.0\n"
                 "info: {title: Shop, version: 1.0.0}\n"
                 "x-gw:\n"
                 "  public: tested elsewhere\n"
                 "  upstreams: {shop: {targets: ['http://127.0.0.1:9001']}}\n"
                 "  consumers: {acme: {keys: ['sha256:"
                 "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae']}}\n"
                 "  defaults: {upstream: shop, timeout: 5s" +
                     std::string(more) +
                     "}\n"
                     "components:\n"
                     "  securitySchemes: {key: {type: apiKey, in: header, name: X-API-Key}}\n"
                     "paths:\n"
                     "  /orders:\n"
                     "    get:\n"
                     "      operationId: orders\n"
                     "      security: [{key: []}]\n"
                     "      x-gw: {request: {headers: {" +
                     std::string(headers) +
                     "}}}\n"
                     "      responses: {'200': {description: ok}}\n"}})
        .rules;
  };
  const Rules found = {"header-trust"};
  CHECK(lint("set: {X-Who: $consumer.name}").empty());
  CHECK(lint("default: {X-Who: $consumer.name}") == found);
  CHECK(lint("add: {X-Who: $consumer.name}") == found);
  CHECK(lint("add: {X-Who: $consumer.name}, remove: [x-who]").empty());
  CHECK(lint("default: {X-Who: $consumer.name}, rename: {x-who: x-claimed}").empty());
  CHECK(lint("default: {X-Who: static}").empty());
  CHECK(lint("default: {X-Who: $consumer.name}", ", validate: {unknown: {headers: drop}}").empty());
  CHECK(lint("default: {X-Who: $consumer.name}", ", validate: {unknown: {query: drop}}") == found);
}

TEST_CASE("rules: values of requests in answers", "[rules]") {
  const auto lint = [](std::string_view schema, std::string_view action) {
    return rules_of(kOneTarget, "timeout: 5s", "get",
                    "      parameters: [{name: to, in: query, schema: {" + std::string(schema) +
                        "}}]\n      x-gw: {" + std::string(action) + "}\n");
  };
  const Rules found = {"header-injection"};
  const auto answer = [&](std::string_view schema) {
    return lint(schema, "response: {headers: {set: {X-To: '{$request.query.to}'}}}");
  };
  CHECK(answer("type: string") == found);
  CHECK(answer("type: string, maxLength: 8") == found);
  CHECK(answer("type: string, enum: [a, b]").empty());
  CHECK(answer("type: integer").empty());
  CHECK(lint("type: string", "response: {headers: {set: {X-Id: '{$request.id}'}}}").empty());
  const auto redirect = [&](std::string_view to) {
    // It answers everything, so that its upstream is idle.
    Rules rules = lint("type: string", "redirect: {to: '" + std::string(to) + "'}");
    std::erase(rules, "upstream-unused");
    return rules;
  };
  CHECK(redirect("https://{$request.query.to}") == found);
  CHECK(redirect("https://{$request.query.to}/x") == found);
  CHECK(redirect("https://{$request.query.to}:8443/x") == found);
  CHECK(redirect("https://shop.{$request.query.to}/x") == found);
  CHECK(redirect("https://{$request.query.to}.shop.example/x").empty());
  CHECK(redirect("https://shop.example/{$request.query.to}").empty());
  CHECK(redirect("https://{$request.host}/x").empty());
  CHECK(redirect("/x?to={$request.query.to}").empty());
  CHECK(redirect("{$request.query.to}").empty());  // a segment, whatever it looks like
}

namespace {

// Rules that an operation breaks whose body has this schema.
Rules body_rules(std::string_view schema, std::string_view defaults = "timeout: 5s") {
  return rules_of(
      kOneTarget, defaults, "post",
      "      requestBody: {content: {application/json: {schema: " + std::string(schema) + "}}}\n");
}

}  // namespace

TEST_CASE("rules: bodies and their limit", "[rules]") {
  const Rules below = {"body-limit-below-schema"};
  CHECK(body_rules("{type: string, maxLength: 1048574}").empty());
  CHECK(body_rules("{type: string, maxLength: 1048575}") == below);
  CHECK(body_rules("{type: string, maxLength: 2147483647}").empty());  // bounds nothing
  CHECK(body_rules("{type: array, items: {type: integer}, maxItems: 600000}") == below);
  CHECK(body_rules("{type: array, items: {type: integer}, maxItems: 500000}").empty());
  const std::string uuids = "{type: array, items: {type: string, minLength: 36}, maxItems: ";
  CHECK(body_rules(uuids + "30000}") == below);
  CHECK(body_rules(uuids + "20000}").empty());
  CHECK(body_rules("{type: object, additionalProperties: {type: string, maxLength: 2000}}",
                   "timeout: 5s, maxBody: 1KiB") == below);
  CHECK(body_rules("{type: string, maxLength: 2000}", "timeout: 5s, maxBody: '{$env.MAX:-1KiB}'")
            .empty());
  const auto held = [](std::string_view rest) {
    return body_rules("{type: object}", "timeout: 5s, " + std::string(rest));
  };
  CHECK(held("maxBody: 64MiB").empty());
  CHECK(held("maxBody: 65MiB") == Rules{"body-limit-missing"});
  CHECK(held("maxBody: 65MiB, validate: {request: off}").empty());
}

TEST_CASE("rules: schemas that lead back to themselves", "[rules]") {
  // The body is a Part, which is a schema of components.
  const auto lint = [](std::string_view schema) {
    return run({{"gateway.yaml",
                 "openapi: 3.1.0\n"
                 "info: {title: Shop, version: 1.0.0}\n"
                 "x-gw:\n"
                 "  public: tested elsewhere\n"
                 "  upstreams: {shop: {targets: ['http://127.0.0.1:9001']}}\n"
                 "  defaults: {upstream: shop, timeout: 5s}\n"
                 "components: {schemas: {Part: " +
                     std::string(schema) +
                     "}}\n"
                     "paths:\n"
                     "  /parts:\n"
                     "    post:\n"
                     "      operationId: addPart\n"
                     "      requestBody: {content: {application/json: {schema: {$ref: "
                     "'#/components/schemas/Part'}}}}\n"
                     "      responses: {'200': {description: ok}}\n"}});
  };
  const std::string part = "{$ref: '#/components/schemas/Part'}";
  const Rules found = {"schema-recursive-unbounded"};
  const auto list = [&](std::string_view bounds) {
    return lint("{type: object, properties: {a: {type: array, " + std::string(bounds) +
                "items: " + part + "}}}");
  };
  CHECK(list("").rules == found);
  CHECK(list("maxItems: 9, ").rules.empty());
  CHECK(lint("{type: object, additionalProperties: " + part + "}").rules == found);
  CHECK(lint("{type: object, maxProperties: 9, additionalProperties: " + part + "}").rules.empty());
  // A chain is as long as its body only.
  CHECK(lint("{type: object, properties: {next: " + part + "}}").rules.empty());
  const auto endless = [&](std::string_view schema) {
    const Outcome outcome = lint(schema);
    return outcome.text.find("error[schema-recursive-unbounded]") != outcome.text.npos;
  };
  const std::string next = "properties: {next: " + part + "}";
  CHECK(endless("{type: object, required: [next], " + next + "}"));
  CHECK(endless("{type: array, minItems: 1, items: " + part + "}"));
  CHECK_FALSE(endless("{type: array, minItems: 0, items: " + part + "}"));
  CHECK_FALSE(endless("{type: [object, 'null'], required: [next], " + next + "}"));
  CHECK_FALSE(endless("{required: [next], " + next + ", enum: [1]}"));
  CHECK_FALSE(endless("{type: object, required: [next], properties: {next: {oneOf: [" + part +
                      ", {type: 'null'}]}}}"));
  CHECK_FALSE(
      endless("{type: object, required: [next], properties: {next: {readOnly: true, allOf: "
              "[" +
              part + "]}}}"));
}

TEST_CASE("rules: schemas that are dear to judge", "[rules]") {
  const auto one_of = [](u32 count, std::string_view more) {
    std::string branches;
    for (u32 i = 0; i < count; ++i) {
      branches += "{type: object, required: [a" + std::to_string(i) + "]}, ";
    }
    return body_rules("{" + std::string(more) + "oneOf: [" + branches + "]}");
  };
  CHECK(one_of(32, "").empty());
  CHECK(one_of(33, "") == Rules{"schema-cost"});
  CHECK(body_rules("{type: array, uniqueItems: true, items: {type: string}}").empty());
  CHECK(body_rules("{type: array, uniqueItems: true}").empty());
  // What is not judged costs nothing.
  const std::string costly = "{type: array, uniqueItems: true, items: {type: object}}";
  CHECK(body_rules(costly) == Rules{"schema-cost"});
  CHECK(body_rules(costly, "timeout: 5s, validate: {request: off}").empty());
  CHECK(rules_of(kOneTarget, "timeout: 5s", "post",
                 "      requestBody: {content: {application/xml: {schema: " + costly + "}}}\n") ==
        Rules{"body-unvalidatable"});
}

TEST_CASE("rules: patterns that match anywhere", "[rules]") {
  const auto lint = [](std::string_view pattern) {
    return body_rules("{type: string, pattern: '" + std::string(pattern) + "'}");
  };
  const Rules loose = {"regex-unanchored"};
  for (const std::string_view pattern : {"[A-Z]{3}", "abc", "a|b", "[$]x"}) {
    CAPTURE(pattern);
    CHECK(lint(pattern) == loose);
  }
  for (const std::string_view pattern :
       {"^[A-Z]{3}$", "^a", "z$", "\\S", "[a-z]", ".+", ".*x.*", "\\bword\\b"}) {
    CAPTURE(pattern);
    CHECK(lint(pattern).empty());
  }
  CHECK(lint("^[[:alpha:]_]+$") == Rules{"regex-dialect"});
  CHECK(lint("^[a-z&&[^b]]+$") == Rules{"regex-dialect"});
  CHECK(lint("^[:a-z]+$").empty());
  CHECK(lint("^[a&b]$").empty());
}

}  // namespace gw::compiler
