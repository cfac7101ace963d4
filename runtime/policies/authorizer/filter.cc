#include "runtime/policies/authorizer/filter.h"

#include <fmt/format.h>

#include <string>

#include "runtime/base/units.h"
#include "runtime/engine/answer.h"
#include "runtime/engine/side_call.h"
#include "runtime/identity/live_data.h"
#include "runtime/identity/services.h"

namespace gw::policies {
namespace {

using std::chrono::milliseconds;

constexpr size_t kMaxAnswerBytes = 64 * 1024;

Verdict refuse(Exchange& exchange, u16 status, Errc code, std::string_view what) {
  engine::answer_problem(exchange, status);
  exchange.error = Error{.code = code, .origin = Origin::Downstream, .what = what};
  return Verdict::Reply;
}

void add_line(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  out += ':';
  out += value;
  out += '\n';
}

// Everything that the answer may depend on: the operation, the caller, and what is sent.
std::string question_of(const Exchange& exchange, const AuthorizerRecord& record) {
  const BoundTable& table = *exchange.table;
  const table::TableView& view = table.view();
  std::string out;
  add_line(out, "operation", table.text(view.routes()[exchange.route].id));
  const Identity& identity = exchange.identity;
  if (identity.consumer != table::kNoConsumer) {
    add_line(out, "consumer", exchange.live->consumers.name(identity.consumer));
  }
  if (identity.claims != nullptr) {
    add_line(out, "issuer", identity.claims->find("iss").text());
    add_line(out, "subject", identity.claims->subject());
  }
  add_line(out, "method", exchange.request.method_text);
  add_line(out, "host", exchange.request.host);
  add_line(out, "path", exchange.request.path);
  add_line(out, "query", exchange.request.query);
  add_line(out, "client", exchange.client_text);
  for (const table::StringRef ref : view.policy_list<table::StringRef>(record.send)) {
    const std::string_view name = view.text(ref);
    for (const http::Field& field : exchange.request.fields) {
      if (!field.removed && http::equal_fold(field.name, name)) add_line(out, name, field.value);
    }
  }
  return out;
}

jose::CacheScope scope_of(const Exchange& exchange, const AuthorizerRecord& record) {
  const table::TableView& view = exchange.table->view();
  const std::string_view upstream = view.text(view.upstreams()[record.upstream].name);
  const std::string all = fmt::format("{}\n{}", upstream, view.text(record.path));
  // Another table may receive other fields: its answers are its own.
  return {view.digest(), std::hash<std::string>()(all)};
}

// The fields of a good answer take the place of what the client says of itself.
void take_fields(Exchange& exchange, const AuthorizerRecord& record, const jose::Claims& answer) {
  const table::TableView& view = exchange.table->view();
  for (const table::StringRef ref : view.policy_list<table::StringRef>(record.receive)) {
    const std::string_view name = view.text(ref);
    exchange.request.fields.remove(name);
    const jose::JsonValue value = answer.find(name);
    if (!value.present()) continue;
    exchange.request.fields.add(name, exchange.arena.copy(value.text()));
  }
}

// They are kept as a JSON object, so that one cache serves tokens and answers.
jose::ClaimsPtr fields_of(const Exchange& exchange, const AuthorizerRecord& record,
                          const http::FieldList& fields) {
  const table::TableView& view = exchange.table->view();
  std::string out = "{";
  for (const table::StringRef ref : view.policy_list<table::StringRef>(record.receive)) {
    const std::string_view name = view.text(ref);
    const http::Field* field = fields.find(name);
    if (field == nullptr || !is_field_value(field->value)) continue;
    if (out.size() > 1) out += ',';
    out += fmt::format("\"{}\":\"", name);  // a token: nothing to escape
    for (const char c : field->value) {
      if (c == '"' || c == '\\') out += '\\';
      out += c == '\t' ? ' ' : c;
    }
    out += '"';
  }
  return jose::Claims::parse(out + "}");
}

void fill_request(const Exchange& exchange, const AuthorizerRecord& record, Exchange& call) {
  const table::TableView& view = exchange.table->view();
  http::RequestHead& request = call.upstream_request;
  request.method = http::Method::Get;
  request.method_text = "GET";
  request.path = view.text(record.path);
  http::FieldList& fields = request.fields;
  fields.add("x-forwarded-method", exchange.request.method_text);
  const http::RequestHead& asked = exchange.request;
  const std::string uri =
      asked.has_query ? fmt::format("{}?{}", asked.path, asked.query) : std::string(asked.path);
  fields.add("x-forwarded-uri", call.arena.copy(uri));
  fields.add("x-forwarded-host", asked.authority);
  fields.add("x-forwarded-for", exchange.client_text);
  fields.add("x-request-id", exchange.request_id);
  for (const table::StringRef ref : view.policy_list<table::StringRef>(record.send)) {
    const std::string_view name = view.text(ref);
    for (const http::Field& field : asked.fields) {
      if (!field.removed && http::equal_fold(field.name, name)) fields.add(name, field.value);
    }
  }
}

}  // namespace

Verdict authorize(Exchange& exchange, Env& env, const AuthorizerRecord& record) {
  Identity& identity = exchange.identity;
  if (identity.authorizer.state == AuthorizerState::Unknown &&
      exchange.table->number(record.cache) != 0 && env.identity != nullptr) {
    identity.authorizer.fields = env.identity->services.authorized.find(
        question_of(exchange, record), scope_of(exchange, record), env.clock.unix_ms());
    if (identity.authorizer.fields) identity.authorizer.state = AuthorizerState::Allowed;
  }
  switch (identity.authorizer.state) {
    case AuthorizerState::Unknown:
      return Verdict::Wait;
    case AuthorizerState::Allowed:
      take_fields(exchange, record, *identity.authorizer.fields);
      return Verdict::Continue;
    case AuthorizerState::Denied: {
      const u16 status = identity.authorizer.status;
      const bool again = status == 401;
      refuse(exchange, status, again ? Errc::Unauthenticated : Errc::Forbidden,
             "the authorizer has refused it");
      const std::string_view challenge = identity.authorizer.challenge;
      if (again && !challenge.empty()) {
        exchange.response.fields.add(http::FieldId::WwwAuthenticate, challenge);
      }
      return Verdict::Reply;
    }
    case AuthorizerState::Failed:
      break;
  }
  if (record.on_error != kOnErrorAllow) {
    return refuse(exchange, 503, Errc::IdentityUnknown, "the authorizer does not answer");
  }
  const jose::ClaimsPtr none = jose::Claims::parse("{}");
  take_fields(exchange, record, *none);
  return Verdict::Continue;
}

Task<void> ask_authorizer(Exchange& exchange, Env& env, const AuthorizerRecord& record) {
  auto& said = exchange.identity.authorizer;
  const BoundTable& table = *exchange.table;
  engine::SideCall question(exchange, env, "authorizer", record.upstream,
                            milliseconds(table.number(record.timeout)));
  fill_request(exchange, record, question.call());
  const bool answered = co_await question.send(kMaxAnswerBytes);
  const u16 status = question.head().status;
  if (!answered || status >= 500 || status < 200) {
    said.state = AuthorizerState::Failed;
    co_return;
  }
  if (status >= 300) {
    said.state = AuthorizerState::Denied;
    said.status = status == 401 ? 401 : 403;
    const http::Field* challenge = question.head().fields.find(http::FieldId::WwwAuthenticate);
    if (challenge != nullptr) said.challenge = exchange.arena.copy(challenge->value);
    co_return;
  }
  said.fields = fields_of(exchange, record, question.head().fields);
  said.state = said.fields ? AuthorizerState::Allowed : AuthorizerState::Failed;
  const u64 cache_ms = table.number(record.cache);
  if (!said.fields || cache_ms == 0 || env.identity == nullptr) co_return;
  env.identity->services.authorized.insert(question_of(exchange, record),
                                           scope_of(exchange, record), said.fields,
                                           env.clock.unix_ms() + static_cast<i64>(cache_ms));
}

}  // namespace gw::policies
