#include "runtime/identity/prove.h"

#include <algorithm>
#include <chrono>

#include "runtime/identity/credentials.h"
#include "runtime/identity/introspection.h"
#include "runtime/identity/live_data.h"
#include "runtime/identity/services.h"

namespace gw::identity {
namespace {

using jose::Failure;
using policies::SchemeKind;
using policies::SchemeRecord;

constexpr size_t kMaxKeyBytes = 1024;
// How long a request waits for an issuer's new keys at most, and how often it looks.
constexpr std::chrono::milliseconds kPatience{2'000};
constexpr std::chrono::milliseconds kLookAgain{20};

// Takes as long as any other: whether a user exists is not told by the time.
constexpr std::string_view kNobodysHash =
    "$2b$10$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy";

const SchemeRecord& record_of(const Exchange& exchange, u32 scheme) {
  return exchange.table->view().schemes()[scheme];
}

i64 steady_ms(const Clock& clock) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(clock.now().time_since_epoch())
      .count();
}

void refuse(Proof& proof, Failure failure = Failure::None) {
  proof.state = ProofState::Invalid;
  proof.failure = failure;
}

void accept(Proof& proof, u32 consumer) {
  proof.state = ProofState::Valid;
  proof.consumer = consumer;
}

// Absent and ambiguous credentials end here: false.
bool take_credential(Exchange& exchange, const SchemeRecord& record, Proof& proof,
                     std::string_view& out) {
  switch (find_credential(exchange, record, out)) {
    case Found::None:
      proof.state = ProofState::Absent;
      return false;
    case Found::Several:
      refuse(proof, Failure::Malformed);
      return false;
    case Found::One:
      break;
  }
  return true;
}

void prove_key(Exchange& exchange, const SchemeRecord& record, Proof& proof) {
  std::string_view key;
  if (!take_credential(exchange, record, proof, key)) return;
  if (key.empty() || key.size() > kMaxKeyBytes) return refuse(proof);
  u8 digest[32];
  sha256(key, digest);
  const u32 consumer = exchange.live->consumers.find_key(digest);
  if (consumer == table::kNoConsumer) return refuse(proof);
  accept(proof, consumer);
}

void prove_password(Exchange& exchange, Env& env, const SchemeRecord& record, Proof& proof) {
  std::string_view credential;
  if (!take_credential(exchange, record, proof, credential)) return;
  Login login;
  if (!parse_basic(exchange, credential, login)) return refuse(proof);
  const table::ConsumerSet& consumers = exchange.live->consumers;
  const table::ConsumerLogin* known = consumers.find_login(login.user);
  const bool fresh = known != nullptr && env.identity->services.known_passwords.has(
                                             login.user, login.password,
                                             consumers.text(known->password), env.clock.unix_ms());
  if (fresh) return accept(proof, known->consumer);
  proof.state = ProofState::Pending;
}

// The consumer that the claims name; false: there must be one and is none.
bool find_consumer(const Exchange& exchange, const SchemeRecord& record, Proof& proof) {
  proof.consumer = table::kNoConsumer;
  if (record.consumer.offset == table::kNone) return true;
  const jose::JsonValue name = proof.claims->at(exchange.table->text(record.consumer));
  if (name.is_scalar()) proof.consumer = exchange.live->consumers.find_name(name.text());
  return proof.consumer != table::kNoConsumer || record.consumer_required == 0;
}

void accept_token(const Exchange& exchange, const SchemeRecord& record, Proof& proof,
                  jose::ClaimsPtr claims) {
  proof.claims = std::move(claims);
  if (!find_consumer(exchange, record, proof)) return refuse(proof, Failure::ClaimWrong);
  proof.state = ProofState::Valid;
}

// Verifies `token` and keeps the verdict if it is good.
void verify_token(Exchange& exchange, Env& env, u32 scheme, const jose::KeySet& keys,
                  std::string_view token, Proof& proof) {
  const SchemeData& data = exchange.live->schemes[scheme];
  const jose::JwtResult result = jose::verify_jwt(token, keys, data.rules, env.clock.unix_ms());
  if (result.failure != Failure::None) return refuse(proof, result.failure);
  env.identity->services.tokens.insert(token, {keys.fingerprint(), data.rules_digest},
                                       result.claims, result.valid_until_ms);
  accept_token(exchange, record_of(exchange, scheme), proof, result.claims);
}

void prove_token(Exchange& exchange, Env& env, u32 scheme, Proof& proof) {
  const SchemeRecord& record = record_of(exchange, scheme);
  std::string_view token;
  if (!take_credential(exchange, record, proof, token)) return;
  const jose::KeySet* keys = env.identity->keys[scheme].current();
  if (keys == nullptr) {
    proof.state = ProofState::Unavailable;
    proof.failure = Failure::KeysUnavailable;
    return;
  }
  jose::ClaimsPtr known = env.identity->services.tokens.find(
      token, {keys->fingerprint(), exchange.live->schemes[scheme].rules_digest},
      env.clock.unix_ms());
  if (known) return accept_token(exchange, record, proof, std::move(known));
  verify_token(exchange, env, scheme, *keys, token, proof);
  if (proof.failure != Failure::KeyUnknown) return;
  if (env.identity->keys[scheme].ask(steady_ms(env.clock))) proof.state = ProofState::Pending;
}

void prove_opaque_token(Exchange& exchange, Env& env, u32 scheme, Proof& proof) {
  const SchemeRecord& record = record_of(exchange, scheme);
  std::string_view token;
  if (!take_credential(exchange, record, proof, token)) return;
  jose::ClaimsPtr known = env.identity->services.introspected.find(
      token, introspection_scope(exchange, scheme), env.clock.unix_ms());
  if (known) return accept_token(exchange, record, proof, std::move(known));
  proof.state = ProofState::Pending;
}

void prove_certificate(Exchange& exchange, const SchemeRecord& record, Proof& proof) {
  using table::CertificateField;
  const PeerCertificate* certificate = exchange.client_certificate;
  if (certificate == nullptr) {
    proof.state = ProofState::Absent;
    return;
  }
  const table::ConsumerSet& consumers = exchange.live->consumers;
  u32 consumer =
      consumers.find_certificate(CertificateField::Fingerprint, certificate->fingerprint);
  std::string_view names = certificate->san;
  while (consumer == table::kNoConsumer && !names.empty()) {
    const size_t comma = names.find(',');
    consumer = consumers.find_certificate(CertificateField::San, names.substr(0, comma));
    names = comma == names.npos ? std::string_view{} : names.substr(comma + 1);
  }
  if (consumer == table::kNoConsumer) {
    consumer = consumers.find_certificate(CertificateField::Subject, certificate->subject);
  }
  if (consumer == table::kNoConsumer && record.consumer_required != 0) return refuse(proof);
  accept(proof, consumer);
}

Task<void> check_password(Exchange& exchange, Env& env, const SchemeRecord& record, Proof& proof) {
  std::string_view credential;
  Login login;
  const bool readable = find_credential(exchange, record, credential) == Found::One &&
                        parse_basic(exchange, credential, login);
  if (!readable) {
    refuse(proof);
    co_return;
  }
  const table::ConsumerSet& consumers = exchange.live->consumers;
  const table::ConsumerLogin* known = consumers.find_login(login.user);
  const std::string_view hash = known == nullptr ? kNobodysHash : consumers.text(known->password);
  const PasswordChecker::Verdict verdict =
      co_await env.identity->services.passwords.check(hash, login.password);
  if (verdict == PasswordChecker::Verdict::Busy) {
    proof.state = ProofState::Unavailable;
    co_return;
  }
  if (known == nullptr || verdict != PasswordChecker::Verdict::Right) {
    refuse(proof);
    co_return;
  }
  env.identity->services.known_passwords.add(login.user, login.password, hash, env.clock.unix_ms());
  accept(proof, known->consumer);
}

// The issuer may have begun to use a key that it had not when its keys were fetched: they are being
// fetched again. When that is over and has brought no others, there is nothing to wait for.
Task<void> try_newer_keys(Exchange& exchange, Env& env, u32 scheme, Proof& proof) {
  SchemeKeys& keys = env.identity->keys[scheme];
  std::string_view token;
  const bool there = find_credential(exchange, record_of(exchange, scheme), token) == Found::One;
  const jose::KeySet* now = keys.current();
  if (now == nullptr || !there) {
    refuse(proof, Failure::KeyUnknown);
    co_return;
  }
  // They may have come already, before this began to wait for them.
  const u64 fingerprint = now->fingerprint();
  proof.failure = Failure::None;
  verify_token(exchange, env, scheme, *now, token, proof);
  if (proof.failure != Failure::KeyUnknown) co_return;
  const TimePoint until = std::min(exchange.deadline, env.clock.now() + kPatience);
  bool asking = true;
  while (asking && (now == nullptr || now->fingerprint() == fingerprint) &&
         env.clock.now() < until) {
    co_await env.clock.sleep_until(env.clock.now() + kLookAgain);
    asking = keys.is_asking();  // before the look at the keys: they come first
    now = keys.current();
  }
  if (now == nullptr || now->fingerprint() == fingerprint) co_return;  // refused already
  proof.failure = Failure::None;
  verify_token(exchange, env, scheme, *now, token, proof);
}

Task<void> ask_issuer(Exchange& exchange, Env& env, u32 scheme, Proof& proof) {
  const SchemeRecord& record = record_of(exchange, scheme);
  std::string_view token;
  if (find_credential(exchange, record, token) != Found::One) {
    refuse(proof, Failure::Malformed);
    co_return;
  }
  Introspected answer;
  co_await introspect(exchange, env, scheme, token, answer);
  if (answer.failure == Failure::KeysUnavailable) {
    proof.state = ProofState::Unavailable;
    proof.failure = answer.failure;
    co_return;
  }
  if (answer.failure != Failure::None) {
    refuse(proof, answer.failure);
    co_return;
  }
  accept_token(exchange, record, proof, std::move(answer.claims));
}

void assume(const Exchange& exchange, const SchemeRecord& record, Proof& proof) {
  const AssumedIdentity& assumed = *exchange.identity.assumed;
  const auto kind = static_cast<SchemeKind>(record.kind);
  const bool token = kind == SchemeKind::Jwt || kind == SchemeKind::Introspection;
  proof.state = ProofState::Absent;
  if (token && assumed.claims) return accept_token(exchange, record, proof, assumed.claims);
  if (!token && assumed.consumer != table::kNoConsumer) accept(proof, assumed.consumer);
}

}  // namespace

void prove(Exchange& exchange, Env& env, u32 scheme, Proof& proof) {
  const SchemeRecord& record = record_of(exchange, scheme);
  if (exchange.identity.assumed != nullptr) return assume(exchange, record, proof);
  switch (static_cast<SchemeKind>(record.kind)) {
    case SchemeKind::ApiKey:
      return prove_key(exchange, record, proof);
    case SchemeKind::Basic:
      return prove_password(exchange, env, record, proof);
    case SchemeKind::Jwt:
      return prove_token(exchange, env, scheme, proof);
    case SchemeKind::Introspection:
      return prove_opaque_token(exchange, env, scheme, proof);
    case SchemeKind::MutualTls:
      return prove_certificate(exchange, record, proof);
  }
}

Task<void> resolve_proof(Exchange& exchange, Env& env, u32 scheme, Proof& proof) {
  const SchemeRecord& record = record_of(exchange, scheme);
  switch (static_cast<SchemeKind>(record.kind)) {
    case SchemeKind::Basic:
      co_await check_password(exchange, env, record, proof);
      co_return;
    case SchemeKind::Jwt:
      co_await try_newer_keys(exchange, env, scheme, proof);
      co_return;
    case SchemeKind::Introspection:
      co_await ask_issuer(exchange, env, scheme, proof);
      co_return;
    case SchemeKind::ApiKey:
    case SchemeKind::MutualTls:
      break;
  }
  refuse(proof);  // nobody to ask: never a pass
}

bool has_scope(const Exchange& exchange, u32 scheme, const Proof& proof, std::string_view scope) {
  if (proof.claims) {
    const std::string_view pointer = exchange.table->text(record_of(exchange, scheme).scopes);
    return jose::has_word(proof.claims->at(pointer), scope);
  }
  return proof.consumer != table::kNoConsumer &&
         exchange.live->consumers.in_group(proof.consumer, scope);
}

}  // namespace gw::identity
