#include "golden-tests/engine/cache_gate.h"

#include <algorithm>

#include "runtime/http/body.h"

namespace gw {

std::string OriginRequest::field(std::string_view name) const {
  for (const engine::OfflineField& one : fields) {
    if (http::equal_fold(one.name, name)) return one.value;
  }
  return "(none)";
}

Task<Result<http::BodyChunk>> OriginBody::next(size_t) {
  Awaiter awaiter{*this};
  co_await awaiter;
  if (pieces.empty()) {
    co_return fail(
        Error{.code = Errc::UpstreamClosed, .origin = Origin::Upstream, .what = "scripted"});
  }
  current = std::move(pieces.front().text);
  http::BodyChunk chunk;
  chunk.end = pieces.front().last;
  pieces.pop_front();
  chunk.bytes = as_bytes(current);
  co_return chunk;
}

void OriginBody::push(std::string piece, bool last) {
  pieces.push_back({std::move(piece), last});
  if (waiting) std::exchange(waiting, {}).resume();
}

void OriginBody::fail_now() {
  failed = true;
  if (waiting) std::exchange(waiting, {}).resume();
}

void ScriptedOrigin::Held::cancelled() noexcept {
  is_cancelled = true;
  std::erase(origin->held_, this);
  handle.resume();
}

Task<Result<void>> ScriptedOrigin::fetch(Exchange& exchange, const http::RequestHead& request,
                                         http::BodySource*, const FetchOptions& options, Responder*,
                                         Fetched& out) {
  const table::TableView& view = exchange.table->view();
  upstream_of_last = view.text(view.upstreams()[options.upstream].name);
  OriginRequest& sent = seen.emplace_back();
  sent.method = request.method_text;
  sent.target = request.path;
  if (request.has_query) sent.target.append("?").append(request.query);
  for (const http::Field& field : request.fields) {
    if (!field.removed) sent.fields.push_back({std::string(field.name), std::string(field.value)});
  }
  const OriginRequest copy = sent;
  if (holds) {
    Held held;
    held.origin = this;
    held.link(exchange);
    held_.push_back(&held);
    co_await held;
    if (held.is_cancelled) co_return fail(Error{.code = Errc::Cancelled, .what = "scripted"});
  }
  const OriginAnswer made = answer ? answer(copy) : OriginAnswer{};
  if (made.failure != Errc::None) {
    co_return fail(Error{.code = made.failure, .origin = Origin::Upstream, .what = "scripted"});
  }
  out.head.status = made.status;
  for (const engine::OfflineField& field : made.fields) {
    out.head.fields.add(exchange.arena.copy(field.name), exchange.arena.copy(field.value));
  }
  out.head.framing = made.length_known ? http::Framing::Length : http::Framing::Chunked;
  out.head.content_length = made.length_known ? made.body.size() : 0;
  if (made.in_pieces) {
    bodies.push_back(std::make_unique<OriginBody>());
    out.body = bodies.back().get();
  } else {
    const std::string_view text = exchange.arena.copy(made.body);
    memory_.push_back(std::make_unique<http::MemoryBody>(as_bytes(text)));
    out.body = memory_.back().get();
  }
  ++open;
  co_return Result<void>{};
}

void ScriptedOrigin::release(Fetched& out) noexcept {
  --open;
  out.body = nullptr;
}

void ScriptedOrigin::let_go(size_t most) {
  for (; most > 0 && !held_.empty(); --most) {
    Held* held = held_.front();
    held_.pop_front();
    held->unlink();
    held->handle.resume();
  }
}

CacheGate::CacheGate(std::shared_ptr<const BoundTable> table, u64 bytes) : store(bytes) {
  cache.loop = &loop;
  cache.refresher = &refresher_;
  cache.counters = &counters;
  env_.cache = &cache;
  env_.counters = &limits_;
  publish(std::move(table));
}

CacheGate::~CacheGate() {
  loop.run();
  for (const auto& visit : visits) CHECK(visit->done());
  CHECK(refresher_.is_idle());
  CHECK(origin.open == 0);
}

void CacheGate::publish(std::shared_ptr<const BoundTable> table) {
  std::vector<std::string> problems;
  live_.push_back(load_live_data(*table, {}, problems));
  REQUIRE(problems.empty());
  tables_.push_back(std::move(table));
  identities_.push_back(std::make_unique<IdentityEnv>(services_, *live_.back()));
}

Visit& CacheGate::begin(const char* method, const std::string& target,
                        const std::vector<engine::OfflineField>& fields) {
  Visit& visit = *visits.emplace_back(std::make_unique<Visit>());
  Exchange& exchange = visit.exchange;
  exchange.table = tables_.back().get();
  exchange.live = live_.back().get();
  env_.identity = identities_.back().get();
  exchange.client_text = exchange.peer_text = "192.0.2.7";
  http::parse_address("192.0.2.7", exchange.client);
  exchange.request_id = "r1";
  std::string problem;
  std::vector<engine::OfflineField> all = fields;
  const bool has_host = std::ranges::any_of(
      fields, [](const auto& field) { return http::equal_fold(field.name, "host"); });
  if (!has_host) all.push_back({"Host", "api.test"});
  REQUIRE(engine::make_request(exchange, method, target, all, problem));
  visit.task = run(exchange, env_, visit.responder);
  visit.task.start();
  loop.run();
  return visit;
}

Visit& CacheGate::send(const char* method, const std::string& target,
                       const std::vector<engine::OfflineField>& fields) {
  Visit& visit = begin(method, target, fields);
  REQUIRE(visit.done());
  return visit;
}

Visit& CacheGate::get(const std::string& target, const std::vector<engine::OfflineField>& fields) {
  return send("GET", target, fields);
}

}  // namespace gw
