#include "runtime/explain/live.h"

#include <boost/json/serialize.hpp>

#include "runtime/engine/offline.h"
#include "runtime/explain/explanation.h"
#include "runtime/trust/explain_tokens.h"

namespace gw::explain {
namespace {

constexpr u64 kMostBodyBytes = u64{16} << 20;

// Passes on what is asked, and remembers the first request.
class RecordingFetcher final : public Fetcher {
 public:
  explicit RecordingFetcher(Fetcher& fetcher) : fetcher_(fetcher) {}

  Task<Result<void>> fetch(Exchange& exchange, const http::RequestHead& request,
                           http::BodySource* body, const FetchOptions& options,
                           Responder* responder, Fetched& out) override {
    if (!sent) {
      sent.emplace();
      sent->upstream = options.upstream;
      sent->method = request.method_text;
      sent->target = request.path;
      if (request.has_query) sent->target.append("?").append(request.query);
      for (const http::Field& field : request.fields) {
        if (!field.removed)
          sent->fields.push_back({std::string(field.name), std::string(field.value)});
      }
      sent->options = options;
    }
    return fetcher_.fetch(exchange, request, body, options, responder, out);
  }
  void release(Fetched& out) noexcept override { fetcher_.release(out); }

  std::optional<engine::ScriptedFetcher::Sent> sent;

 private:
  Fetcher& fetcher_;
};

// Keeps the head of the answer and counts its body. A stream would not end: it is broken off.
class CountingResponder final : public Responder {
 public:
  CountingResponder(const Exchange& exchange, const Responder& client)
      : exchange_(exchange), client_(client) {}

  Task<Result<void>> inform(const http::ResponseHead& head) override {
    static_cast<void>(head);
    co_return Result<void>{};
  }
  void head(const http::ResponseHead& head) override {
    status = head.status;
    for (const http::Field& field : head.fields) {
      if (!field.removed) fields.push_back({std::string(field.name), std::string(field.value)});
    }
  }
  Task<Result<void>> data(Bytes bytes) override {
    body_bytes += bytes.size();
    if (exchange_.streams || body_bytes > kMostBodyBytes) {
      co_return fail(Errc::PeerClosed, "enough of the answer has been seen to explain it");
    }
    co_return Result<void>{};
  }
  Task<Result<void>> end(Bytes last, const http::FieldList* trailers) override {
    static_cast<void>(trailers);
    body_bytes += last.size();
    co_return Result<void>{};
  }
  void reset() noexcept override {}
  bool head_sent() const override { return status != 0; }
  bool client_gone() const override { return client_.client_gone(); }

  u16 status = 0;
  std::vector<engine::OfflineField> fields;
  u64 body_bytes = 0;

 private:
  const Exchange& exchange_;
  const Responder& client_;
};

Env with_fetcher(const Env& env, Fetcher& fetcher) {
  Env out{env.clock, env.random, fetcher, env.observer};
  out.mirrors = env.mirrors;
  out.counters = env.counters;
  out.streams = env.streams;
  out.identity = env.identity;
  out.compositions = env.compositions;
  out.cache = env.cache;
  out.tracer = env.tracer;
  return out;
}

Task<void> explain_live(Exchange& exchange, Env& env, Responder& responder) {
  RecordingFetcher fetcher(env.fetcher);
  CountingResponder answer(exchange, responder);
  Env recorded = with_fetcher(env, fetcher);
  co_await run(exchange, recorded, answer);
  const Facts facts{.table = {std::shared_ptr<const BoundTable>(), exchange.table},
                    .exchange = exchange,
                    .random = env.random,
                    .sent = fetcher.sent ? &*fetcher.sent : nullptr,
                    .status = answer.status,
                    .fields = &answer.fields,
                    .body = {},
                    .live = true};
  boost::json::object explained = explain(facts);
  explained["body_bytes"] = answer.body_bytes;
  const std::string text = boost::json::serialize(explained) + "\n";
  http::ResponseHead head(exchange.arena);
  head.status = 200;
  head.framing = http::Framing::Length;
  head.content_length = text.size();
  head.fields.add(http::FieldId::ContentType, "application/json");
  head.fields.add(http::FieldId::CacheControl, "no-store");
  head.fields.add(trust::ExplainTokens::kField, "explained");
  responder.head(head);
  const auto sent = co_await responder.end(as_bytes(text), nullptr);
  if (!sent) exchange.error = sent.error();
}

}  // namespace

Task<void> run_served(Exchange& exchange, Env& env, Responder& responder) {
  const i64 now_ms = env.explain == nullptr ? 0 : env.clock.unix_ms();
  if (env.explain == nullptr || !env.explain->is_active(now_ms)) {
    return run(exchange, env, responder);
  }
  const http::Field* field = exchange.request.fields.find(trust::ExplainTokens::kField);
  const bool accepted = field != nullptr && env.explain->accepts(field->value, now_ms);
  if (field != nullptr) exchange.request.fields.remove(trust::ExplainTokens::kField);
  return accepted ? explain_live(exchange, env, responder) : run(exchange, env, responder);
}

}  // namespace gw::explain
