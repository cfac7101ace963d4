// Who a request comes from, as far as it has been proved.
#pragma once
#include <string_view>

#include "runtime/base/types.h"
#include "runtime/jose/claims.h"
#include "runtime/jose/failure.h"
#include "runtime/policies/authenticate/record.h"
#include "runtime/table/consumer_set.h"

namespace gw {

/// What is known of one scheme's credential in one request.
enum class ProofState : u8 {
  Unknown,      // not looked at yet
  Absent,       // the request has none
  Pending,      // somebody must be asked: see resolve_proofs()
  Invalid,      // it proves nothing
  Unavailable,  // it cannot be told: keys or whoever is asked cannot be reached
  Valid,
};

struct Proof {
  ProofState state = ProofState::Unknown;
  jose::Failure failure = jose::Failure::None;  // of tokens; for challenges and the log
  u32 consumer = table::kNoConsumer;            // that it is a credential of
  jose::ClaimsPtr claims;                       // of tokens
};

/// A caller that nobody has proved: of `gwctl explain` and tests, which ask what would happen.
struct AssumedIdentity {
  u32 consumer = table::kNoConsumer;  // of keys, passwords and certificates
  jose::ClaimsPtr claims;             // of tokens
};

enum class AuthorizerState : u8 { Unknown, Allowed, Denied, Failed };

/// What an authorizer has said.
struct AuthorizerAnswer {
  AuthorizerState state = AuthorizerState::Unknown;
  u16 status = 403;                 // of Denied
  std::string_view challenge = {};  // of Denied with 401; in the arena of the exchange
  jose::ClaimsPtr fields = {};      // of Allowed: fields for the upstream, as a JSON object
};

/// Part of an exchange. One thread.
struct Identity {
  Proof proofs[policies::kMaxSchemesOfOperation];      // by slot of the operation's schemes
  u32 schemes[policies::kMaxSchemesOfOperation] = {};  // scheme of each slot that was looked at
  u32 slots = 0;                                       // of which the first may be looked at
  bool authenticated = false;                          // an alternative held, not the empty one
  u32 alternative = ~u32{0};  // which one held, the empty one included; ~0: none
  u32 consumer = table::kNoConsumer;
  std::string_view consumer_name = {};  // in the data that the exchange runs by
  AuthorizerAnswer authorizer;
  const AssumedIdentity* assumed = nullptr;  // in place of credentials; kept by reset()
  const jose::Claims* claims = nullptr;      // of the first token of the alternative that held

  void reset();
  /// Claims of `scheme`; null: it is not among what was proved.
  const jose::Claims* claims_of(u32 scheme) const;
};

}  // namespace gw
