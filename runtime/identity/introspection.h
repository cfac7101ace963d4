// Asking an issuer about a token that says nothing by itself (RFC 7662).
#pragma once
#include "runtime/base/task.h"
#include "runtime/http/env.h"
#include "runtime/http/exchange.h"
#include "runtime/jose/token_cache.h"

namespace gw::identity {

struct Introspected {
  jose::Failure failure = jose::Failure::KeysUnavailable;  // this one: nobody could be asked
  jose::ClaimsPtr claims;                                  // with Failure::None only
};

/// What answers about tokens of `scheme` rest on.
jose::CacheScope introspection_scope(const Exchange& exchange, u32 scheme);

/// Sends the token to the scheme's upstream, checks what the answer claims by the scheme's rules
/// and keeps a good one as long as the scheme says. Bounded by its timeout and the exchange's
/// deadline.
Task<void> introspect(Exchange& exchange, Env& env, u32 scheme, std::string_view token,
                      Introspected& out);

}  // namespace gw::identity
