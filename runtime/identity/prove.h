// Finding out what the credential of a scheme proves.
#pragma once
#include "runtime/base/task.h"
#include "runtime/http/env.h"
#include "runtime/http/exchange.h"

namespace gw::identity {

/// Looks at what the request brings for `scheme` and sets `proof`. Pending: resolve_proof() has to
/// be run. Cost: a hash of a key, a look-up in a cache, or the verification of a signature.
void prove(Exchange& exchange, Env& env, u32 scheme, Proof& proof);

/// Asks whoever must be asked about a Pending proof: password hashing, the issuer. Afterwards it is
/// Valid, Invalid or Unavailable.
Task<void> resolve_proof(Exchange& exchange, Env& env, u32 scheme, Proof& proof);

/// Whether the caller of a Valid proof has `scope`: of a token a scope, of others a group of the
/// consumer (OpenAPI 3.1 calls it a role).
bool has_scope(const Exchange& exchange, u32 scheme, const Proof& proof, std::string_view scope);

}  // namespace gw::identity
