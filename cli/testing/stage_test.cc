// What a request meets on the stage of a test: keys, clock, state and upstreams of its own.
#include <catch2/catch.hpp>

#include "cli/testing/run_suite.h"
#include "compiler/compile.h"
#include "compiler/diag/render.h"

namespace gw::cli::tests {
namespace {

constexpr std::string_view kGateway = R"(
openapi: 3.1.0
info: {title: Stage, version: '1'}
x-gw:
  listeners:
    - {address: '127.0.0.1:8443', tls: {cert: '$file./no/cert', key: '$file./no/key', clientCertificate: {ca: '$file./no/ca', mode: optional}}}
  upstreams:
    shop:
      targets: ['http://127.0.0.1:9001/base', 'http://127.0.0.1:9002/base']
      breaker: {failures: 50%, requests: 4, window: 10s, open: 30s, probes: 1}
      balance: {by: roundRobin}
    far: {dns: {name: far.example, port: 80}}
    auth: {targets: ['http://127.0.0.1:9003']}
  consumers: {acme: {keys: ['sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae'], groups: [partners]}}
  defaults: {upstream: shop, timeout: {connect: 1s, try: 2s, total: 9s}, retry: {times: 2, causes: [connect, reset, 503], backoff: 1ms}}
components:
  securitySchemes:
    es: {type: http, scheme: bearer, x-gw: {issuer: 'https://a.example', audiences: [shop], algorithms: [ES256], jwks: {url: 'https://a.example/k'}}}
    hs: {type: http, scheme: bearer, x-gw: {issuer: 'https://b.example', audiences: [shop], algorithms: [HS256], secret: $env.HS}}
    opaque: {type: http, scheme: bearer, x-gw: {introspection: {upstream: auth, path: /introspect, clientId: $env.ID, clientSecret: $env.CS}}}
    key: {type: apiKey, in: header, name: X-API-Key}
    cert: {type: mutualTLS}
paths:
  /es: {get: {operationId: es, security: [{es: [read]}], responses: {'200': {description: ok}}}}
  /hs: {get: {operationId: hs, security: [{hs: []}], responses: {'200': {description: ok}}}}
  /opaque: {get: {operationId: opaque, security: [{opaque: [read]}], responses: {'200': {description: ok}}}}
  /both: {get: {operationId: both, security: [{es: [], key: []}], responses: {'200': {description: ok}}}}
  /cert: {get: {operationId: cert, security: [{cert: []}], responses: {'200': {description: ok}}}}
  /far: {get: {operationId: far, security: [{}], x-gw: {public: test, upstream: far}, responses: {'200': {description: ok}}}}
  /gone: {get: {operationId: gone, security: [{}], x-gw: {public: test, response: {status: {'404': 204, '410': 304}}}, responses: {'200': {description: ok}}}}
  /parts:
    get:
      operationId: parts
      security: [{}]
      x-gw:
        public: test
        compose:
          calls: {a: {operation: inner}, b: {upstream: far, path: /b, retries: 2, optional: true}}
          body: {a: $calls.a.body, b: $calls.b.body}
      responses: {'200': {description: ok, content: {application/json: {schema: {type: object}}}}}
  /inner:
    get:
      operationId: inner
      security: [{}]
      x-gw: {public: test, compose: {calls: {c: {operation: far}}, body: {c: $calls.c.status}}}
      responses: {'200': {description: ok, content: {application/json: {schema: {type: object}}}}}
  /open:
    get: {operationId: open, security: [], x-gw: {public: test, quota: {daily: {limit: 2, per: day}}}, responses: {'200': {description: ok}}}
    post: {operationId: send, security: [], x-gw: {public: test, retry: off}, requestBody: {content: {text/plain: {}}}, responses: {'200': {description: ok}}}
)";

const Gateway& gateway() {
  static const Gateway made = [] {
    compiler::Compilation compilation;
    compilation.files.add("gateway.yaml", std::string(kGateway));
    compiler::CompileOptions options;
    options.paths = {"gateway.yaml"};
    compiler::compile(options, true, compilation);
    INFO(compiler::render(compilation.files, compilation.sink.sorted(), {}));
    REQUIRE_FALSE(compilation.table.empty());
    auto file = table::TableFile::from_bytes(compilation.table);
    REQUIRE(file);
    Gateway out;
    std::vector<std::string> problems;
    const bool opened = open_gateway_under_test(*file, {}, out, problems);
    for (const std::string& problem : problems) UNSCOPED_INFO(problem);
    REQUIRE(opened);
    return out;
  }();
  return made;
}

// All differences of a suite that is written here.
std::string differences(const std::string& tests) {
  compiler::FileSet files;
  files.add("tests.yaml", "tests:\n" + tests);
  compiler::DiagnosticSink sink;
  Suite suite;
  if (!read_suite(files, "tests.yaml", sink, suite)) {
    return compiler::render(files, sink.sorted(), {});
  }
  Snapshots snapshots;
  const auto backend = make_offline_backend(gateway(), nullptr);
  std::string out;
  for (const TestResult& test : run_suite(suite, *backend, snapshots, {}).tests) {
    for (const Failure& failure : test.failures) {
      out += test.test->name + ": " + failure.problem;
      for (const Mismatch& one : failure.mismatches) {
        out += one.where + " expected " + one.expected + " got " + one.got + "; ";
      }
      out += '\n';
    }
  }
  return out;
}

}  // namespace

TEST_CASE("stage: tokens are signed for the scheme of the operation", "[cli][tests]") {
  CHECK(differences(R"(
  - {name: es, request: {path: /es, jwt: {scope: read}}, expect: {status: 200, by: proxy}}
  - {name: hs, request: {path: /hs, jwt: {}}, expect: {status: 200}}
  - {name: of another scheme, request: {path: /hs, jwt: {}, scheme: es}, expect: {status: 401, by: authenticate}}
  - {name: asked about, request: {path: /opaque, jwt: {scope: read}}, expect: {status: 200, upstream: [{of: shop}]}}
  - {name: asked about in vain, request: {path: /opaque, jwt: {scope: write}}, expect: {status: 403}}
  - {name: another issuer, request: {path: /es, jwt: {iss: other, scope: read}}, expect: {status: 401}}
  - {name: no end, request: {path: /es, jwt: {exp: null, scope: read}}, expect: {status: 401}}
  - {name: not yet, request: {path: /es, at: '2030-01-01T00:00:00Z', jwt: {nbf: 1900000000, scope: read}}, expect: {status: 401}}
  - {name: by now, request: {path: /es, at: '2031-01-01T00:00:00Z', jwt: {nbf: 1900000000, scope: read}}, expect: {status: 200}}
  - {name: no consumer, request: {path: /both, jwt: {}}, expect: {status: 401}}
  - {name: both, request: {path: /both, jwt: {}, consumer: acme}, expect: {status: 200}}
  - {name: a key and a token, request: {path: /both, jwt: {}, headers: {x-api-key: foo}}, expect: {status: 200}}
  - {name: certificate, request: {path: /cert, certificate: {subject: CN=a}}, expect: {decision: allow}}
  - {name: no certificate, request: {path: /cert}, expect: {status: 401}}
)") == "");
}

TEST_CASE("stage: a script that is used up answers 200, and each try takes one reply",
          "[cli][tests]") {
  CHECK(differences(R"(
  - {name: nothing written, request: {path: /open}, expect: {status: 200, tries: 1, body: {present: false}}}
  - name: by their order
    request: {path: /open}
    upstream: [{status: 503}, {fail: connect}, {status: 418, headers: {x-a: [b, c]}, body: tea}]
    expect: {status: 418, tries: 3, body: tea, headers: {x-a: [b, c]}, upstream: [{path: /base/open}, {path: /base/open}]}
  - name: of another upstream
    request: {path: /open}
    upstream: [{of: far, status: 500, optional: true}, {of: shop, status: 201}]
    expect: {status: 201}
  - {name: a name of DNS, request: {path: /far}, expect: {upstream: [{of: far, path: /far}]}}
  - {name: silence, request: {method: POST, path: /open, body: x, headers: {content-type: text/plain}}, upstream: [{fail: timeout}], expect: {status: 504, tries: 1, upstream: [{body: x}]}}
  - {name: late, request: {path: /open}, upstream: [{delay: 8500ms}], expect: {status: 504}}
  - {name: no body for HEAD, request: {method: HEAD, path: /open}, upstream: [{body: text}], expect: {status: 200, body: {present: false}, operation: open}}
  - {name: none behind 204, request: {path: /open}, upstream: [{status: 204, body: text}], expect: {status: 204, body: {present: false}}}
  - {name: none where it has become 204, request: {path: /gone}, upstream: [{status: 404, body: {x: 1}}], expect: {status: 204, body: {present: false}}}
  - {name: nor 304, request: {path: /gone}, upstream: [{status: 410, body: {x: 1}}], expect: {status: 304, body: {present: false}}}
)") == "");
}

TEST_CASE("stage: numbers reach both sides as a test has them", "[cli][tests]") {
  CHECK(differences(R"(
  - name: a request
    request: {method: POST, path: /open, body: {p: 19.99}, headers: {content-type: text/plain}}
    expect: {upstream: [{exact: '{"p":19.99}'}]}
  - {name: an answer, request: {path: /open}, upstream: [{body: [0.5, 1.0]}], expect: {body: '[0.5,1.0]'}}
  - {name: a pattern, request: {path: /open}, upstream: [{body: {p: 0.5}}], expect: {body: {p: {matches: '0\.5'}}}}
)") == "");
}

TEST_CASE("stage: tries of a composition are those of its calls", "[cli][tests]") {
  CHECK(differences(R"(
  - name: each once
    request: {path: /parts}
    expect: {status: 200, tries: 2}
  - name: repetitions, and connections that fail
    request: {path: /parts}
    upstream: [{of: far, path: /b, fail: reset}, {of: far, path: /b, status: 503}, {of: far, path: /b, body: {id: 1}}]
    expect: {status: 200, tries: 4, body: {b: {id: 1}}}
  - {name: not of the one before, request: {path: /far}, expect: {tries: 1}}
)") == "");
}

TEST_CASE("stage: breakers open, half-open and close as time passes", "[cli][tests]") {
  CHECK(differences(R"(
  - name: breaker
    request: {method: POST, path: /open}
    steps:
      - {repeat: 4, upstream: [{status: 500}], expect: {status: 500}}
      - {expect: {status: 503, tries: 0, upstream: []}}
      - {wait: 31s, upstream: [{status: 500}], expect: {status: 500}}
      - {expect: {status: 503, upstream: []}}
      - {wait: 31s}
      - {repeat: 2, expect: {status: 200}}
)") == "");
}

TEST_CASE("stage: nothing of one test reaches the next", "[cli][tests]") {
  CHECK(differences(R"(
  - name: quota
    request: {path: /open}
    steps: [{repeat: 2, expect: {status: 200}}, {expect: {status: 429, by: quota.daily}}, {wait: 1d}, {expect: {status: 200}}]
  - {name: quota again, request: {path: /open}, repeat: 2, expect: {status: 200}}
  - name: it is later
    steps:
      - {request: {path: /open, at: '2026-03-01T23:59:59Z'}, repeat: 2, expect: {status: 200}}
      - {request: {path: /open}, expect: {status: 429}}
      - {request: {path: /open, at: '2026-03-02T00:00:01Z'}, expect: {status: 200}}
)") == "");
}

TEST_CASE("stage: what the server refuses before the engine is refused here too", "[cli][tests]") {
  CHECK(differences(R"(
  - {name: path, request: {path: '/open/../..'}, expect: {status: 400, by: request, decision: deny, operation: null}}
  - {name: host, request: {path: /open, host: 'a b'}, expect: {status: 400, by: request}}
  - {name: length, request: {path: /open, headers: {content-length: 'x'}}, expect: {status: 400, by: request}}
  - {name: options, request: {method: OPTIONS, path: /open}, expect: {status: 204, by: route, decision: allow}}
  - {name: connect, request: {method: CONNECT, path: /open}, expect: {status: {not: 200}}}
)") != "");  // `status` takes no matcher: told as a mistake of the file
  CHECK(differences(R"(
  - {name: path, request: {path: '/open/../..'}, expect: {status: 400, by: request, decision: deny, operation: null}}
  - {name: host, request: {path: /open, host: 'a b'}, expect: {status: 400, by: request}}
  - {name: length, request: {path: /open, headers: {content-length: 'x'}}, expect: {status: 400, by: request}}
  - {name: options, request: {method: OPTIONS, path: /open}, expect: {status: 204, by: route, decision: allow}}
)") == "");
}

}  // namespace gw::cli::tests
