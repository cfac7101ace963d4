// Property: whatever body an upstream answers with, and whatever a client sends, what is changed
// comes out as JSON or is refused; and what is picked is all that is shown of a success. The first
// byte chooses the changes, the second whether it is the body of the request or of the answer, the
// status that the upstream answers with and the media type.
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "compiler/compile.h"
#include "runtime/engine/offline.h"
#include "runtime/json/tape.h"
#include "runtime/limits/local_counters.h"
#include "runtime/table/bound_table.h"
#include "runtime/table/table_file.h"

namespace {

using namespace gw;

void require(bool holds) {
  if (!holds) std::abort();
}

constexpr const char* kChanges[] = {
    "{pick: [a, 'l/*/id', 'x/*/*/y']}",
    "{omit: [a, 'l/*/id', '*/b']}",
    "{rename: {a: b, 'l/*/id': key}, move: {c: d/e/f, 'l/*/x': 'l/*/y/z'}}",
    "{flatten: [l, a, 'x/*'], map: {m: id}, first: [f, 'l/*/f'], limit: {n: 2, '': 3}}",
    "{set: {'a/b': '$response.status', 'l/*/n': {x: [1, '{$request.id}']}}, wrap: data/body}",
    "{template: {all: '$response.body', a: '$response.body#/a/0', n: ['$response.body#/b', 1]}}",
    "{format: form}",
};

constexpr u16 kStatuses[] = {200, 201, 206, 404, 503, 302, 409, 299};
constexpr const char* kTypes[] = {"application/json", "application/hal+json", "text/json",
                                  "application/xml"};

std::shared_ptr<const BoundTable> table_of(const std::string& changes, bool request) {
  const std::string field = request ? "request" : "response";
  const std::string status = request ? "" : "status: {'404': 200, 5xx: 202, '201': 409}, ";
  const std::string text = R"(openapi: 3.1.0
info: {title: F, version: '1'}
x-gw: {upstreams: {u: {targets: ['http://127.0.0.1:9001']}}, defaults: {upstream: u, timeout: 5s}}
paths:
  /f: {post: {operationId: f, x-gw: {)" +
                           field + ": {" + status + "body: " + changes +
                           R"(}}, responses: {'200': {description: ok}}}}
)";
  compiler::CompileOptions options;
  options.paths = {"f.yaml"};
  compiler::Compilation compilation;
  compilation.files.add("f.yaml", text);
  compiler::compile(options, true, compilation);
  if (compilation.table.empty()) return nullptr;  // e.g. `$response` in a request
  const auto file = table::TableFile::from_bytes(compilation.table);
  require(static_cast<bool>(file));
  std::vector<ReferenceProblem> problems;
  const auto bound = BoundTable::bind(*file, ReferenceSource::none(), problems);
  require(static_cast<bool>(bound));
  return *bound;
}

// By the first changes.
void require_picked(const json::Tape& tape) {
  if (tape.kind(0) != json::Kind::Object) return;
  for (const json::Member member : tape.members(0)) {
    const std::string_view name = tape.text(member.key);
    require(name == "a" || name == "l" || name == "x");
  }
}

const BoundTable* chosen(size_t index, bool request) {
  static std::vector<std::shared_ptr<const BoundTable>> tables[2];
  auto& list = tables[request ? 1 : 0];
  if (list.empty()) {
    for (const char* changes : kChanges) list.push_back(table_of(changes, request));
  }
  return list[index % list.size()].get();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const bool request = (data[1] & 1) != 0;
  const size_t index = data[0] % std::size(kChanges);
  const BoundTable* table = chosen(index, request);
  if (table == nullptr) return 0;
  const std::string body(reinterpret_cast<const char*>(data) + 2, size - 2);
  engine::FakeClock clock;
  engine::FixedRandom random;
  engine::ScriptedFetcher fetcher{clock};
  const u16 status = request ? u16{200} : kStatuses[data[1] >> 1 & 7];
  const std::string type = request ? kTypes[0] : kTypes[data[1] >> 4 & 3];
  fetcher.script = {{.status = status,
                     .fields = {{"content-type", type}},
                     .body = request ? std::string("{}") : body}};
  engine::NullObserver observer;
  engine::MemoryResponder responder;
  Exchange exchange;
  std::string problem;
  require(engine::make_request(exchange, "POST", "/f",
                               {{"host", "a"}, {"content-type", "application/json"}}, problem));
  std::vector<std::string> problems;
  const auto live = load_live_data(*table, {}, problems);
  exchange.table = table;
  exchange.live = live.get();
  exchange.client_text = exchange.peer_text = "127.0.0.1";
  exchange.request_id = "r";
  http::MemoryBody memory(as_bytes(body));
  if (request && !body.empty()) {
    exchange.request_body = &memory;
    exchange.request.framing = http::Framing::Length;
    exchange.request.content_length = body.size();
  }
  Env env{clock, random, fetcher, observer};
  Task<void> task = run(exchange, env, responder);
  task.start();
  require(task.done());
  const bool is_form = index == std::size(kChanges) - 1;
  const bool success = status / 100 == 2 || responder.status / 100 == 2;
  const bool changed = request ? !fetcher.sent.empty() : success && type != "application/xml";
  json::Tape tape;
  if (!changed || is_form || body.empty()) return 0;
  const std::string& out = request ? fetcher.sent[0].body : responder.body;
  require(static_cast<bool>(tape.parse(out)));
  // A refusal is the gateway's own, whatever status it has become.
  if (index == 0 && exchange.error.code == Errc::None) require_picked(tape);
  return 0;
}
