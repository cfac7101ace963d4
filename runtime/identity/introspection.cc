#include "runtime/identity/introspection.h"

#include <openssl/evp.h>

#include <algorithm>
#include <memory>
#include <string>

#include "runtime/engine/expression.h"
#include "runtime/identity/live_data.h"
#include "runtime/identity/services.h"

namespace gw::identity {
namespace {

using jose::Failure;
using policies::IntrospectionRecord;
using std::chrono::milliseconds;

constexpr size_t kMaxAnswerBytes = 64 * 1024;

// RFC 6749 section 2.3.1: both are form-encoded before they are joined.
std::string basic_credential(std::string_view user, std::string_view password) {
  std::string plain;
  engine::append_query_encoded(user, plain);
  plain += ':';
  engine::append_query_encoded(password, plain);
  std::string encoded(plain.size() / 3 * 4 + 5, '\0');
  const int bytes = EVP_EncodeBlock(reinterpret_cast<u8*>(encoded.data()),
                                    reinterpret_cast<const u8*>(plain.data()),
                                    static_cast<int>(plain.size()));
  encoded.resize(static_cast<size_t>(bytes));
  return "Basic " + encoded;
}

void make_request(const Exchange& exchange, const IntrospectionRecord& record,
                  std::string_view token, Exchange& call) {
  const BoundTable& table = *exchange.table;
  http::RequestHead& request = call.upstream_request;
  request.method = http::Method::Post;
  request.method_text = "POST";
  request.scheme = "http";
  const std::string_view host = table.text(table.view().upstreams()[record.upstream].name);
  request.authority = request.host = host;
  request.path = table.text(record.path);
  request.fields.add(http::FieldId::Host, host);
  request.fields.add(http::FieldId::Accept, "application/json");
  request.fields.add(http::FieldId::ContentType, "application/x-www-form-urlencoded");
  const std::string credential =
      basic_credential(table.text(record.client_id), table.text(record.client_secret));
  request.fields.add(http::FieldId::Authorization, call.arena.copy(credential));
  std::string body = "token_type_hint=access_token&token=";
  engine::append_query_encoded(token, body);
  call.local_body = call.arena.copy(body);
  request.framing = http::Framing::Length;
  request.content_length = call.local_body.size();
}

// What a good answer says; the rules hold for its claims as for those of a token.
Failure read_answer(const Exchange& exchange, u32 scheme, std::string_view text, i64 now_ms,
                    jose::ClaimsPtr& claims, i64& valid_until_ms) {
  claims = jose::Claims::parse(text);
  if (!claims) return Failure::KeysUnavailable;  // that is no answer
  const jose::JsonValue active = claims->find("active");
  if (active.is(jose::JsonKind::False)) return Failure::Expired;
  if (!active.is(jose::JsonKind::True)) return Failure::KeysUnavailable;
  jose::JwtRules rules = exchange.live->schemes[scheme].rules;
  rules.require_expiry = false;  // the issuer vouches for it now
  rules.type.clear();
  return jose::check_claims(*claims, {}, rules, now_ms, valid_until_ms);
}

}  // namespace

jose::CacheScope introspection_scope(const Exchange& exchange, u32 scheme) {
  return {u64{scheme} + 1, exchange.live->schemes[scheme].rules_digest};
}

Task<void> introspect(Exchange& exchange, Env& env, u32 scheme, std::string_view token,
                      Introspected& out) {
  const IntrospectionRecord& record = exchange.table->view().schemes()[scheme].introspection;
  const auto call = std::make_unique<Exchange>();
  call->table = exchange.table;
  call->live = exchange.live;
  call->parent = &exchange;
  call->depth = exchange.depth + 1;
  call->started = env.clock.now();
  call->deadline = std::min(exchange.deadline,
                            call->started + milliseconds(exchange.table->number(record.timeout)));
  make_request(exchange, record, token, *call);
  http::MemoryBody body(as_bytes(call->local_body));
  FetchOptions options;
  options.upstream = record.upstream;
  options.deadline = call->deadline;
  options.replay_safe = true;  // asking twice changes nothing
  Fetched fetched(call->arena);
  const Result<void> result = co_await env.fetcher.fetch(*call, call->upstream_request, &body,
                                                         options, nullptr, fetched);
  if (!result) co_return;
  std::string_view text;
  bool read = fetched.head.status == 200 && fetched.body != nullptr;
  if (read) {
    const Result<Bytes> whole =
        co_await http::read_whole(*fetched.body, kMaxAnswerBytes, call->arena);
    read = whole.has_value();
    if (read) text = as_text(*whole);
  }
  env.fetcher.release(fetched);
  if (!read) co_return;
  const i64 now_ms = env.clock.unix_ms();
  i64 valid_until_ms = 0;
  out.failure = read_answer(exchange, scheme, text, now_ms, out.claims, valid_until_ms);
  if (out.failure != Failure::None) {
    out.claims = {};
    co_return;
  }
  const i64 cache_ms = static_cast<i64>(exchange.table->number(record.cache));
  if (cache_ms == 0) co_return;
  env.identity->services.introspected.insert(token, introspection_scope(exchange, scheme), out.claims,
                                    std::min(valid_until_ms, now_ms + cache_ms));
}

}  // namespace gw::identity
