#include "runtime/policies/authenticate/filter.h"

#include "runtime/engine/answer.h"
#include "runtime/identity/challenge.h"
#include "runtime/identity/credentials.h"
#include "runtime/identity/live_data.h"
#include "runtime/identity/prove.h"
#include "runtime/limits/exchange_limits.h"
#include "runtime/policies/rate_limit/record.h"

namespace gw::policies {
namespace {

enum class Outcome : u8 { Failed, Holds, Pending, Unavailable, ScopeMissing };

// What a scheme of an alternative comes to; looked at once per exchange.
Proof& proof_of(Exchange& exchange, Env& env, const SchemeUseRecord& use) {
  Identity& identity = exchange.identity;
  while (identity.slots <= use.slot) identity.schemes[identity.slots++] = table::kNone;
  Proof& proof = identity.proofs[use.slot];
  if (proof.state == ProofState::Unknown) {
    identity.schemes[use.slot] = use.scheme;
    identity::prove(exchange, env, use.scheme, proof);
  }
  return proof;
}

bool has_scopes(const Exchange& exchange, const SchemeUseRecord& use, const Proof& proof) {
  for (const table::StringRef scope :
       exchange.table->view().policy_list<table::StringRef>(use.scopes)) {
    if (!identity::has_scope(exchange, use.scheme, proof, exchange.table->text(scope))) {
      return false;
    }
  }
  return true;
}

// Two schemes of one alternative must speak of the same consumer.
bool agrees(const Proof& proof, u32 consumer) {
  return proof.consumer == table::kNoConsumer || consumer == table::kNoConsumer ||
         proof.consumer == consumer;
}

Outcome try_alternative(Exchange& exchange, Env& env, std::span<const SchemeUseRecord> uses) {
  Outcome outcome = Outcome::Holds;
  u32 consumer = table::kNoConsumer;
  for (const SchemeUseRecord& use : uses) {
    const Proof& proof = proof_of(exchange, env, use);
    switch (proof.state) {
      case ProofState::Valid:
        if (!agrees(proof, consumer)) return Outcome::Failed;
        if (consumer == table::kNoConsumer) consumer = proof.consumer;
        if (outcome == Outcome::Holds && !has_scopes(exchange, use, proof)) {
          outcome = Outcome::ScopeMissing;
        }
        break;
      case ProofState::Pending:
        if (outcome != Outcome::Unavailable) outcome = Outcome::Pending;
        break;
      case ProofState::Unavailable:
        outcome = Outcome::Unavailable;
        break;
      default:
        return Outcome::Failed;
    }
  }
  return outcome;
}

void take_identity(Exchange& exchange, std::span<const SchemeUseRecord> uses) {
  Identity& identity = exchange.identity;
  identity.authenticated = true;
  for (const SchemeUseRecord& use : uses) {
    const Proof& proof = identity.proofs[use.slot];
    if (identity.consumer == table::kNoConsumer) identity.consumer = proof.consumer;
    if (identity.claims == nullptr) identity.claims = proof.claims.get();
  }
  if (identity.consumer != table::kNoConsumer) {
    identity.consumer_name = exchange.live->consumers.name(identity.consumer);
  }
}

// Of limits with one name the consumer's counts before that of his plan.
void take_limits(Exchange& exchange) {
  static_assert(static_cast<u32>(table::OverrideKind::Concurrency) ==
                static_cast<u32>(LimitKind::Concurrency));
  const u32 consumer = exchange.identity.consumer;
  if (consumer == table::kNoConsumer) return;
  const LiveData& data = *exchange.live;
  const auto own = data.consumers.overrides(consumer);
  std::span<const table::ConsumerOverride> of_plan;
  if (const std::string_view plan = data.consumers.plan(consumer); !plan.empty()) {
    const u32 index = data.plans.find_name(plan);
    if (index != table::kNoConsumer) of_plan = data.plans.overrides(index);
  }
  if (own.empty() && of_plan.empty()) return;
  auto* limits = exchange.arena.allocate_array<limits::LimitOverride>(own.size() + of_plan.size());
  size_t count = 0;
  const auto add = [&](const table::ConsumerSet& set, const table::ConsumerOverride& one) {
    limits[count++] = {.name = set.text(one.name),
                       .kind = static_cast<u32>(one.kind),
                       .limit = exchange.table->number(one.limit),
                       .burst = exchange.table->number(one.burst)};
  };
  for (const auto& one : own) add(data.consumers, one);
  for (const auto& one : of_plan) add(data.plans, one);
  exchange.limit_overrides = {limits, count};
}

// Whether the request has a credential of a scheme, which nobody may have looked at: an alternative
// that holds ends the search, and one of which something is absent is not looked at further.
bool brings(Exchange& exchange, const SchemeUseRecord& use, const SchemeRecord& scheme) {
  const Identity& identity = exchange.identity;
  if (use.slot < identity.slots && identity.schemes[use.slot] != table::kNone) {
    return identity.proofs[use.slot].state != ProofState::Absent;
  }
  std::string_view ignored;
  return identity::find_credential(exchange, scheme, ignored) != identity::Found::None;
}

bool brings_credentials(Exchange& exchange, std::span<const AlternativeRecord> alternatives) {
  const table::TableView& view = exchange.table->view();
  for (const AlternativeRecord& alternative : alternatives) {
    for (const SchemeUseRecord& use : view.policy_list<SchemeUseRecord>(alternative.uses)) {
      if (brings(exchange, use, view.schemes()[use.scheme])) return true;
    }
  }
  return false;
}

// What is a credential for this operation goes no further, whichever alternative held.
void remove_credentials(Exchange& exchange, std::span<const AlternativeRecord> alternatives) {
  const table::TableView& view = exchange.table->view();
  for (const AlternativeRecord& alternative : alternatives) {
    for (const SchemeUseRecord& use : view.policy_list<SchemeUseRecord>(alternative.uses)) {
      const SchemeRecord& scheme = view.schemes()[use.scheme];
      if (scheme.forward != 0 || !brings(exchange, use, scheme)) continue;
      identity::remove_credential(exchange, scheme);
    }
  }
}

Verdict reply(Exchange& exchange, u16 status, Errc code, std::string_view what) {
  engine::answer_problem(exchange, status);
  exchange.error = Error{.code = code, .origin = Origin::Downstream, .what = what};
  return Verdict::Reply;
}

}  // namespace

Verdict authenticate(Exchange& exchange, Env& env, const AuthenticateRecord& record) {
  const table::TableView& view = exchange.table->view();
  const auto alternatives = view.policy_list<AlternativeRecord>(record.alternatives);
  bool pending = false;
  bool unavailable = false;
  const AlternativeRecord* lacks_scope = nullptr;
  u32 empty_alternative = table::kNone;
  for (u32 i = 0; i < alternatives.size(); ++i) {
    const AlternativeRecord& alternative = alternatives[i];
    const auto uses = view.policy_list<SchemeUseRecord>(alternative.uses);
    if (uses.empty()) {
      empty_alternative = i;
      continue;
    }
    switch (try_alternative(exchange, env, uses)) {
      case Outcome::Holds:
        take_identity(exchange, uses);
        exchange.identity.alternative = i;
        take_limits(exchange);
        remove_credentials(exchange, alternatives);
        return Verdict::Continue;
      case Outcome::Pending:
        pending = true;
        break;
      case Outcome::Unavailable:
        unavailable = true;
        break;
      case Outcome::ScopeMissing:
        if (lacks_scope == nullptr) lacks_scope = &alternative;
        break;
      case Outcome::Failed:
        break;
    }
  }
  if (pending) return Verdict::Wait;
  if (empty_alternative != table::kNone && !brings_credentials(exchange, alternatives)) {
    exchange.identity.alternative = empty_alternative;
    return Verdict::Continue;
  }
  if (lacks_scope != nullptr) {
    const auto uses = view.policy_list<SchemeUseRecord>(lacks_scope->uses);
    reply(exchange, 403, Errc::Forbidden, "a scope is missing");
    identity::challenge_for_scopes(exchange, uses);
    return Verdict::Reply;
  }
  if (unavailable) {
    return reply(exchange, 503, Errc::IdentityUnknown, "credentials cannot be checked");
  }
  reply(exchange, 401, Errc::Unauthenticated, identity::reason_of(exchange.identity));
  identity::challenge(exchange, record);
  return Verdict::Reply;
}

Task<void> resolve_proofs(Exchange& exchange, Env& env) {
  Identity& identity = exchange.identity;
  for (u32 i = 0; i < identity.slots; ++i) {
    if (identity.proofs[i].state != ProofState::Pending) continue;
    co_await identity::resolve_proof(exchange, env, identity.schemes[i], identity.proofs[i]);
  }
}

}  // namespace gw::policies
