#include "runtime/identity/introspection.h"

#include <openssl/evp.h>

#include <algorithm>
#include <string>

#include "runtime/engine/expression.h"
#include "runtime/engine/side_call.h"
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
  const int bytes =
      EVP_EncodeBlock(reinterpret_cast<u8*>(encoded.data()),
                      reinterpret_cast<const u8*>(plain.data()), static_cast<int>(plain.size()));
  encoded.resize(static_cast<size_t>(bytes));
  return "Basic " + encoded;
}

void fill_request(const Exchange& exchange, const IntrospectionRecord& record,
                  std::string_view token, Exchange& call) {
  const BoundTable& table = *exchange.table;
  http::RequestHead& request = call.upstream_request;
  request.method = http::Method::Post;
  request.method_text = "POST";
  request.path = table.text(record.path);
  request.fields.add(http::FieldId::Accept, "application/json");
  request.fields.add(http::FieldId::ContentType, "application/x-www-form-urlencoded");
  const std::string credential =
      basic_credential(table.text(record.client_id), table.text(record.client_secret));
  request.fields.add(http::FieldId::Authorization, call.arena.copy(credential));
  std::string body = "token_type_hint=access_token&token=";
  engine::append_query_encoded(token, body);
  call.local_body = call.arena.copy(body);
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
  engine::SideCall question(exchange, env, "introspection", record.upstream,
                            milliseconds(exchange.table->number(record.timeout)));
  fill_request(exchange, record, token, question.call());
  const bool answered = co_await question.send(kMaxAnswerBytes);
  if (!answered || question.head().status != 200) co_return;
  const i64 now_ms = env.clock.unix_ms();
  i64 valid_until_ms = 0;
  out.failure = read_answer(exchange, scheme, question.body(), now_ms, out.claims, valid_until_ms);
  if (out.failure != Failure::None) {
    out.claims = {};
    co_return;
  }
  const i64 cache_ms = static_cast<i64>(exchange.table->number(record.cache));
  if (cache_ms == 0) co_return;
  env.identity->services.introspected.insert(token, introspection_scope(exchange, scheme),
                                             out.claims,
                                             std::min(valid_until_ms, now_ms + cache_ms));
}

}  // namespace gw::identity
