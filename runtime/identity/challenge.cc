#include "runtime/identity/challenge.h"

#include <string>

#include "runtime/policies/scheme/record.h"
#include "runtime/table/bound_table.h"

namespace gw::identity {
namespace {

using policies::SchemeKind;
using policies::SchemeRecord;
using policies::SchemeUseRecord;

// A quoted string (RFC 9110 section 5.6.4); characters that it cannot hold are left out.
void append_quoted(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  out += "=\"";
  for (const char c : value) {
    if (static_cast<u8>(c) < ' ' || c == 0x7f) continue;
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
}

void append_scopes(const Exchange& exchange, const SchemeUseRecord& use, std::string& out) {
  const table::TableView& view = exchange.table->view();
  std::string scopes;
  for (const table::StringRef scope : view.policy_list<table::StringRef>(use.scopes)) {
    if (!scopes.empty()) scopes += ' ';
    scopes += view.text(scope);
  }
  if (scopes.empty()) return;
  out += ", ";
  append_quoted(out, "scope", scopes);
}

std::string bearer(const Exchange& exchange, const SchemeRecord& scheme,
                   const SchemeUseRecord& use) {
  std::string out = "Bearer ";
  append_quoted(out, "realm", exchange.table->text(scheme.realm));
  const Proof& proof = exchange.identity.proofs[use.slot];
  if (proof.state == ProofState::Invalid) {
    out += ", error=\"invalid_token\", ";
    append_quoted(out, "error_description", jose::failure_text(proof.failure));
  }
  append_scopes(exchange, use, out);
  return out;
}

std::string challenge_of(const Exchange& exchange, const SchemeUseRecord& use) {
  const BoundTable& table = *exchange.table;
  const SchemeRecord& scheme = table.view().schemes()[use.scheme];
  std::string out;
  switch (static_cast<SchemeKind>(scheme.kind)) {
    case SchemeKind::Jwt:
    case SchemeKind::Introspection:
      return bearer(exchange, scheme, use);
    case SchemeKind::Basic:
      out = "Basic ";
      append_quoted(out, "realm", table.text(scheme.realm));
      return out + ", charset=\"UTF-8\"";
    case SchemeKind::ApiKey:
      out = "ApiKey ";
      append_quoted(out, "name", table.text(scheme.field));
      out += ", ";
      append_quoted(out, "in", policies::kCredentialPlaceWords[scheme.place]);
      return out;
    case SchemeKind::MutualTls:
      return "ClientCertificate";
  }
  return out;
}

void add_challenge(Exchange& exchange, std::string_view text) {
  exchange.response.fields.add(http::FieldId::WwwAuthenticate, exchange.arena.copy(text));
}

}  // namespace

void challenge(Exchange& exchange, const policies::AuthenticateRecord& record) {
  const table::TableView& view = exchange.table->view();
  u32 said = 0;  // bits of slots
  for (const auto& alternative :
       view.policy_list<policies::AlternativeRecord>(record.alternatives)) {
    for (const SchemeUseRecord& use : view.policy_list<SchemeUseRecord>(alternative.uses)) {
      if ((said >> use.slot & 1) != 0) continue;
      said |= 1u << use.slot;
      add_challenge(exchange, challenge_of(exchange, use));
    }
  }
}

void challenge_for_scopes(Exchange& exchange, std::span<const SchemeUseRecord> uses) {
  for (const SchemeUseRecord& use : uses) {
    const SchemeRecord& scheme = exchange.table->view().schemes()[use.scheme];
    const auto kind = static_cast<SchemeKind>(scheme.kind);
    if (kind != SchemeKind::Jwt && kind != SchemeKind::Introspection) continue;
    std::string out = "Bearer ";
    append_quoted(out, "realm", exchange.table->text(scheme.realm));
    out += ", error=\"insufficient_scope\"";
    append_scopes(exchange, use, out);
    add_challenge(exchange, out);
  }
}

std::string_view reason_of(const Identity& identity) {
  for (u32 i = 0; i < identity.slots; ++i) {
    const Proof& proof = identity.proofs[i];
    if (proof.state != ProofState::Invalid) continue;
    if (proof.failure != jose::Failure::None) return jose::failure_text(proof.failure);
    return "a credential is wrong";
  }
  return "no credentials";
}

}  // namespace gw::identity
